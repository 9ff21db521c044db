import { afterAll, beforeAll, expect, test } from "@jest/globals";
import Database from "better-sqlite3";
import { isConsistent, leafHash, rootOfInclusion } from "../../../services/shared/merkle/hashing.ts";
import { openTestLedger, type TestLedger } from "../../builders/ledger.ts";
import { certificateRecord } from "../../builders/records.ts";
import { naiveRoot } from "../../shared/merkle/naive-tree.ts";

let opened: TestLedger;

beforeAll(async () => {
  opened = await openTestLedger();
});
afterAll(() => opened.close());

async function recordCertificates(count: number, prefix: string): Promise<void> {
  const serials = Array.from({ length: count }, (_, index) => prefix + index.toString(16).padStart(4, "0"));
  await Promise.all(serials.map((serial) => opened.ledger.certificates.record(certificateRecord({ serial }))));
}

function payloads(): readonly Buffer[] {
  const connection = new Database(opened.file, { readonly: true });
  const found = connection.prepare<[], string>("SELECT payload FROM audit ORDER BY sequence").pluck().all();
  connection.close();
  return found.map((payload) => Buffer.from(payload));
}

test("the tree grows with the chain, and each of its states begins with those before", async () => {
  const { merkle } = opened.ledger;
  const states = [await merkle.head()];
  for (const [index, count] of [1, 300, 256, 7].entries()) {
    await recordCertificates(count, `0${index}`);
    const head = await merkle.head();
    expect(head.root).toEqual(naiveRoot(payloads()));
    states.push(head);
  }
  expect(states.map(({ size }) => size)).toEqual([0, 1, 301, 557, 564]);
  for (const older of states) {
    const proof = await merkle.proveConsistency(older.size);
    expect(isConsistent(older, proof ?? older, proof?.path ?? [])).toBe(true);
  }
  expect(await merkle.proveConsistency(565)).toBeUndefined();
});

test("the entry that vouches for a certificate is proven, the newest when there are several", async () => {
  const { merkle, revocations } = opened.ledger;
  const { fingerprint } = certificateRecord({ serial: "020003" });
  const issued = merkle.sequenceOfCertificate(fingerprint) ?? 0;
  expect(merkle.sequenceOfCertificate("020003")).toBe(issued);
  const target = { kind: "certificates", fingerprints: [fingerprint] } as const;
  await revocations.revoke({ target, reason: "superseded", message: "", by: "alice" });
  const revoked = merkle.sequenceOfCertificate(fingerprint) ?? 0;
  expect(revoked).toBeGreaterThan(issued);
  for (const [sequence, kind] of [
    [issued, "certificate.issued"],
    [revoked, "certificate.revoked"],
  ] as const) {
    const proof = await merkle.proveInclusion(sequence);
    if (proof === undefined) throw new Error("there is such an entry");
    expect(JSON.parse(proof.payload)).toMatchObject({ kind, subject: fingerprint });
    const leaf = leafHash(Buffer.from(proof.payload));
    expect(rootOfInclusion(leaf, sequence - 1, proof.size, proof.path)).toEqual(proof.root);
  }
});

test("what is not there is not proven", async () => {
  const { merkle } = opened.ledger;
  expect(merkle.sequenceOfCertificate("ffff")).toBeUndefined();
  expect(await merkle.proveInclusion(999_999)).toBeUndefined();
  expect(await merkle.proveInclusion(0)).toBeUndefined();
});

test("a restart computes the same, and an entry that was changed behind our back another root", async () => {
  const before = await opened.ledger.merkle.head();
  await opened.reopen();
  expect(await opened.ledger.merkle.head()).toEqual(before);
  const connection = new Database(opened.file);
  connection.exec("UPDATE audit SET payload = replace(payload, 'alice', 'mallory')");
  connection.close();
  await opened.reopen();
  const after = await opened.ledger.merkle.head();
  expect(after.size).toBe(before.size);
  expect(after.root).not.toEqual(before.root);
  expect(isConsistent(before, after, [])).toBe(false);
});
