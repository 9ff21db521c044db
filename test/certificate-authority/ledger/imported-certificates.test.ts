import { createHash } from "node:crypto";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import Database from "better-sqlite3";
import type { CertificateRecord } from "../../../services/certificate-authority/domain/certificate.ts";
import { buildIssuer } from "../../builders/issuer.ts";
import { openTestLedger, type TestLedger } from "../../builders/ledger.ts";
import { certificateRecord, issuerRecord } from "../../builders/records.ts";

const AT = new Date("2026-01-20T00:00:00Z");
const { certificateDer, certificatePem } = buildIssuer();
const issuerId = createHash("sha256").update(certificateDer).digest("hex");
let opened: TestLedger;

beforeEach(async () => {
  opened = await openTestLedger();
  await opened.ledger.issuers.record(issuerRecord({ id: issuerId, certificateDer, certificatePem }));
});
afterEach(() => opened.close());

const nobody = { requestUid: undefined, requestName: undefined, requester: undefined };
const imported = (serial: string, overrides: Partial<CertificateRecord> = {}) =>
  certificateRecord({ serial, issuerId, ...nobody, importedAt: AT, ...overrides });
const starting = (day: number) => ({ notBefore: new Date(Date.UTC(2026, 0, day)) });

test("imported certificates are read back as such, each finding the one it replaces", async () => {
  const { certificates } = opened.ledger;
  const [first, second] = [imported("01", starting(1)), imported("02", starting(5))];
  expect(await certificates.recordImported([first, second], "alice")).toEqual(["imported", "imported"]);
  expect(await certificates.get("01")).toEqual(first);
  expect(await certificates.get("02")).toMatchObject({ importedAt: AT, predecessor: first.fingerprint });
  await certificates.record(certificateRecord({ serial: "03", issuerId, ...starting(9) }));
  const renewed = await certificates.get("03");
  expect(renewed).toMatchObject({ predecessor: second.fingerprint });
  expect(renewed).not.toHaveProperty("importedAt");
});

test.each([
  { isImported: true, serials: ["02", "01"] },
  { isImported: false, serials: ["03"] },
  { isImported: true, nodeName: "node-2", serials: ["02"] },
])("find $isImported, $nodeName: $serials", async ({ serials, ...query }) => {
  const { certificates } = opened.ledger;
  await certificates.recordImported([imported("01"), imported("02", { nodeName: "node-2" })], "alice");
  await certificates.record(certificateRecord({ serial: "03", issuerId }));
  const { items } = await certificates.find({ ...query, limit: 10 });
  expect(items.map(({ serial }) => serial)).toEqual(serials);
  const page = await certificates.find({ ...query, limit: 1 });
  expect(page.continueToken !== undefined).toBe(serials.length > 1);
});

test("what is on record stays as it is, and a serial is recorded once for an issuer", async () => {
  const { certificates } = opened.ledger;
  await certificates.record(certificateRecord({ serial: "01", issuerId }));
  const other = imported("01", { der: Buffer.from("another one") });
  const answers = await certificates.recordImported([imported("01"), other, imported("02"), imported("02")], "alice");
  expect(answers).toEqual(["known", "serialTaken", "imported", "known"]);
  expect(await certificates.get("01")).not.toHaveProperty("importedAt");
  expect((await certificates.find({ limit: 10 })).items).toHaveLength(2);
});

test("who imported is on the audit trail, and nodes and keys are known from then on", async () => {
  const { certificates, audit } = opened.ledger;
  const spkiSha256 = "77".repeat(32);
  const record = imported("01", { nodeName: "old-node", spkiSha256 });
  expect(certificates.otherNodeOfKey(spkiSha256, "node-1")).toBeUndefined();
  await certificates.recordImported([record], "alice");
  expect(certificates.otherNodeOfKey(spkiSha256, "node-1")).toBe("old-node");
  expect(certificates.ofNode("old-node", record.signerName)).toMatchObject([{ serial: "01" }]);
  const { items } = await audit.find({ noun: "certificate", verb: "imported", limit: 10 });
  expect(items).toMatchObject([{ actor: "alice", kind: "certificate.imported", subject: record.fingerprint, at: AT }]);
});

test("an imported certificate can be revoked, and the ledger stays sound", async () => {
  const { certificates, revocations, maintenance } = opened.ledger;
  const record = imported("01");
  await certificates.recordImported([record], "alice");
  const target = { kind: "certificates", fingerprints: [record.fingerprint] } as const;
  await revocations.revoke({ target, reason: "superseded", message: "", by: "bob" });
  expect(await certificates.get("01")).toMatchObject({ state: "revoked", importedAt: AT });
  expect((await maintenance.verify()).problems).toEqual([]);
});

test.each([
  { name: "an imported certificate passed off as ours", sql: "UPDATE certificates SET imported_ms = NULL" },
  { name: "when it was imported", sql: "UPDATE certificates SET imported_ms = imported_ms + 1" },
])("verification notices $name", async ({ sql }) => {
  const record = imported("01");
  await opened.ledger.certificates.recordImported([record], "alice");
  const connection = new Database(opened.file);
  connection.exec(sql);
  connection.close();
  const { problems } = await opened.ledger.maintenance.verify();
  expect(problems).toContain(`certificate ${record.fingerprint}: no audit entry records it as it is stored`);
});
