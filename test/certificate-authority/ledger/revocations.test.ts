import { afterEach, beforeEach, expect, test } from "@jest/globals";
import Database from "better-sqlite3";
import type { RevocationTarget } from "../../../services/certificate-authority/domain/revocation.ts";
import { openTestLedger, type TestLedger } from "../../builders/ledger.ts";
import { certificateRecord, issuerRecord } from "../../builders/records.ts";
import { SettableClock } from "../../fakes/settable-clock.ts";

const NOW = new Date("2026-01-10T00:00:00.123Z");
const clock = new SettableClock(NOW);
let opened: TestLedger;
let issuerId = "";

beforeEach(async () => {
  clock.set(NOW);
  opened = await openTestLedger({ clock });
  const issuer = issuerRecord();
  issuerId = certificateRecord({ der: issuer.certificateDer }).fingerprint;
  await opened.ledger.issuers.record({ ...issuer, id: issuerId });
});

afterEach(() => opened.close());

async function record(serial: string, overrides: Parameters<typeof certificateRecord>[0] = {}) {
  const certificate = certificateRecord({ serial, issuerId, spkiSha256: serial.repeat(32), ...overrides });
  await opened.ledger.certificates.record(certificate);
  return certificate;
}

function revoke(target: RevocationTarget) {
  return opened.ledger.revocations.revoke({ target, reason: "keyCompromise", message: "stolen", by: "alice" });
}

const one = ({ fingerprint }: { readonly fingerprint: string }): RevocationTarget => {
  return { kind: "certificates", fingerprints: [fingerprint] };
};

test("a revoked certificate is revoked, in the feed and in the chain, also after a restart", async () => {
  const certificate = await record("01");
  const [entry] = await revoke(one(certificate));
  expect(entry).toEqual({
    sequence: NOW.getTime(),
    type: "revoked",
    fingerprint: certificate.fingerprint,
    serial: "01",
    issuerId,
    nodeName: "node-1",
    spkiSha256: "01".repeat(32),
    notAfter: certificate.notAfter,
    reason: "keyCompromise",
    message: "stolen",
    at: NOW,
    by: "alice",
  });
  await opened.reopen();
  const { certificates, revocations, audit, maintenance } = opened.ledger;
  expect((await certificates.get("01"))?.state).toBe("revoked");
  expect(revocations.isCertificateRevoked(certificate.fingerprint)).toBe(true);
  expect(revocations.isKeyRevoked("01".repeat(32))).toBe(true);
  expect(revocations.head()).toBe(NOW.getTime());
  expect(await revocations.after(0, 10)).toEqual([entry]);
  expect(await revocations.ofIssuer(issuerId, 0, 10)).toEqual([entry]);
  expect(await revocations.ofIssuer("22".repeat(32), 0, 10)).toEqual([]);
  expect(await revocations.ofCertificate(certificate.fingerprint)).toEqual(entry);
  const { items } = await audit.find({ noun: "certificate", verb: "revoked", limit: 10 });
  expect(items).toMatchObject([{ actor: "alice", subject: certificate.fingerprint, at: NOW }]);
  expect(items[0]?.details).toMatchObject({
    reason: "keyCompromise",
    message: "stolen",
    serial: "01",
    nodeName: "node-1",
  });
  expect((await maintenance.verify()).problems).toEqual([]);
});

test("what is revoked already is not revoked again", async () => {
  const certificate = await record("01");
  await revoke(one(certificate));
  expect(await revoke(one(certificate))).toEqual([]);
  expect(await revoke({ kind: "key", spkiSha256: certificate.spkiSha256 })).toEqual([]);
  expect(await opened.ledger.revocations.after(0, 10)).toHaveLength(1);
});

test("a quarantine takes every live certificate of the node, and nobody else's", async () => {
  await record("01");
  await record("02", { notAfter: new Date(NOW.getTime() - 1) });
  await record("03", { nodeName: "node-2" });
  await record("04", { signerName: "kubernetes.io/kubelet-serving" });
  const target = { kind: "node", nodeName: "node-1", quarantine: true } as const;
  const { revocations } = opened.ledger;
  expect((await revocations.affected(target, NOW)).map(({ serial }) => serial)).toEqual(["01", "04"]);
  const entries = await revoke(target);
  expect(entries.map(({ type, serial }) => [type, serial])).toEqual([
    ["quarantined", undefined],
    ["revoked", "01"],
    ["revoked", "04"],
  ]);
  expect(new Set(entries.map(({ sequence }) => sequence)).size).toBe(3);
  expect(revocations.isQuarantined("node-1")).toBe(true);
  expect(revocations.isQuarantined("node-2")).toBe(false);
  await opened.reopen();
  expect(opened.ledger.revocations.quarantinedNodes()).toEqual(["node-1"]);
  expect(await revoke(target)).toEqual([]);
});

test("a readmitted node may have certificates again; the old ones stay revoked", async () => {
  const certificate = await record("01");
  await revoke({ kind: "node", nodeName: "node-1", quarantine: true });
  const entry = await opened.ledger.revocations.readmit("node-1", "checked", "bob");
  expect(entry).toMatchObject({ type: "readmitted", nodeName: "node-1", message: "checked", by: "bob" });
  expect(await opened.ledger.revocations.readmit("node-1", "", "bob")).toBeUndefined();
  await opened.reopen();
  const { revocations, certificates, maintenance } = opened.ledger;
  expect(revocations.isQuarantined("node-1")).toBe(false);
  expect(certificates.isRevoked(certificate.fingerprint)).toBe(true);
  expect((await revocations.after(0, 10)).map(({ type }) => type)).toEqual(["quarantined", "revoked", "readmitted"]);
  expect((await maintenance.verify()).problems).toEqual([]);
});

test("a key is revoked with all its certificates, a node's and others', and when there are none", async () => {
  const spkiSha256 = "aa".repeat(32);
  await record("01", { spkiSha256 });
  await record("02", { spkiSha256, nodeName: undefined });
  await record("03");
  expect((await revoke({ kind: "key", spkiSha256 })).map(({ serial }) => serial)).toEqual(["01", "02"]);
  const unknown = "bb".repeat(32);
  expect(await revoke({ kind: "key", spkiSha256: unknown })).toMatchObject([
    { type: "revoked", spkiSha256: unknown, fingerprint: undefined },
  ]);
  const { revocations, maintenance } = opened.ledger;
  expect([spkiSha256, unknown, "03".repeat(32)].map((key) => revocations.isKeyRevoked(key))).toEqual([
    true,
    true,
    false,
  ]);
  expect((await maintenance.verify()).problems).toEqual([]);
});

test("an order counts from the moment it is given", async () => {
  const certificate = await record("01");
  const { revocations } = opened.ledger;
  const orders = [
    revoke(one(certificate)),
    revoke({ kind: "node", nodeName: "node-9", quarantine: true }),
    revoke({ kind: "key", spkiSha256: "cc".repeat(32) }),
  ];
  expect(revocations.isCertificateRevoked(certificate.fingerprint)).toBe(true);
  expect(revocations.isQuarantined("node-9")).toBe(true);
  expect(revocations.isKeyRevoked("cc".repeat(32))).toBe(true);
  expect(revocations.head()).toBe(0);
  await Promise.all(orders);
});

test("sequences grow whatever the clock does", async () => {
  const first = await revoke(one(await record("01")));
  clock.set(new Date(NOW.getTime() - 86_400_000));
  const second = await revoke(one(await record("02")));
  clock.set(new Date(NOW.getTime() + 1000));
  const third = await revoke(one(await record("03")));
  const sequences = [...first, ...second, ...third].map(({ sequence }) => sequence - NOW.getTime());
  expect(sequences).toEqual([0, 1, 1000]);
});

test("listeners hear of each commit, with what it brought", async () => {
  const heads: number[] = [];
  const { revocations } = opened.ledger;
  const stop = revocations.onChange(() => heads.push(revocations.head()));
  const certificate = await record("01");
  await revoke(one(certificate));
  await revoke(one(certificate));
  stop();
  await revoke({ kind: "key", spkiSha256: "cc".repeat(32) });
  expect(heads).toEqual([NOW.getTime()]);
});

test.each([
  {
    name: "a reason that is changed",
    sql: "UPDATE revocations SET reason = 'superseded' WHERE serial IS NOT NULL",
    problem: /^revocation \d+: no audit entry records it as it is stored$/,
  },
  {
    name: "a node that is let in behind our back",
    sql: "UPDATE revocations SET type = 'readmitted' WHERE type = 'quarantined'",
    problem: /^revocation \d+: no audit entry records it as it is stored$/,
  },
  {
    name: "a revocation that is taken out",
    sql: "DELETE FROM revocations WHERE serial IS NOT NULL",
    problem: /^certificate [0-9a-f]{64}: it is revoked, and no revocation says so$/,
  },
  {
    name: "a certificate that is made valid again",
    sql: "UPDATE certificates SET state = 'issued'",
    problem: /^revocation \d+: its certificate [0-9a-f]{64} is not on record as revoked$/,
  },
])("verification notices $name", async ({ sql, problem }) => {
  await record("01");
  await revoke({ kind: "node", nodeName: "node-1", quarantine: true });
  const connection = new Database(opened.file);
  connection.exec(sql);
  connection.close();
  expect((await opened.ledger.maintenance.verify()).problems).toEqual(
    expect.arrayContaining([expect.stringMatching(problem)]),
  );
});
