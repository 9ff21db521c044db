import { createHash, generateKeyPairSync, X509Certificate } from "node:crypto";
import { expect, test } from "@jest/globals";
import type { CertificateRecord } from "../../../services/certificate-authority/domain/certificate.ts";
import { verifyLedgerFile as verifyWithoutJudge } from "../../../services/certificate-authority/ledger/verify-ledger-file.ts";
import { readCertificate } from "../../../services/certificate-authority/signer/certificate-reader.ts";
import { judgeStoredCertificate } from "../../../services/certificate-authority/signer/judge-stored-certificate.ts";
import { CERTIFICATE_JUDGE, verifyLedgerFile } from "../../../services/certificate-authority/verify-ledger.ts";
import { buildIssuer } from "../../builders/issuer.ts";
import { buildLeafCertificate } from "../../builders/leaf-certificate.ts";
import { openTestLedger } from "../../builders/ledger.ts";
import { certificateRecord, issuerRecord } from "../../builders/records.ts";
import { buildSans } from "../../builders/subject.ts";

const ISSUER = buildIssuer();
const issuerId = createHash("sha256").update(ISSUER.certificateDer).digest("hex");
const { privateKey: key } = generateKeyPairSync("ec", { namedCurve: "prime256v1" });

/** A record of a real certificate. */
function realRecord(overrides: Partial<CertificateRecord> = {}): CertificateRecord {
  const validity = { notBefore: new Date("2026-01-01T00:00:00Z"), notAfter: new Date("2026-02-01T00:00:00Z") };
  const names = { commonName: "system:node:node-1", organization: "system:nodes" };
  const der = new X509Certificate(buildLeafCertificate({ issuer: ISSUER, ...names, key, ...validity })).raw;
  const { serial, fingerprint, spkiSha256 } = readCertificate(der);
  return certificateRecord({ issuerId, der, serial, fingerprint, spkiSha256, ...validity, ...overrides });
}

const judge = (overrides: Partial<CertificateRecord>, issuerDer: Uint8Array | undefined = ISSUER.certificateDer) =>
  judgeStoredCertificate(realRecord(overrides), issuerDer);

test("a sound certificate has nothing wrong", () => {
  expect(judge({})).toEqual([]);
  expect(judgeStoredCertificate(realRecord(), undefined)).toEqual([]);
});

test.each([
  { name: "serial", overrides: { serial: "01" } },
  { name: "common name", overrides: { commonName: "system:node:node-2" } },
  { name: "organizations", overrides: { organizations: ["system:nodes", "system:masters"] } },
  { name: "organizations", overrides: { organizations: [] } },
  { name: "alternative names", overrides: { sans: buildSans({ dnsNames: ["a.example"] }) } },
  { name: "public key", overrides: { spkiSha256: "00".repeat(32) } },
  { name: "notBefore", overrides: { notBefore: new Date("2026-01-01T00:00:01Z") } },
  { name: "notAfter", overrides: { notAfter: new Date("2026-02-01T00:00:01Z") } },
])("a record that tells another $name than the certificate is found", ({ name, overrides }) => {
  expect(judge(overrides)).toEqual([`its encoding says something else of its ${name}`]);
});

test("what another issuer signed, what is a CA and what is no certificate is found", () => {
  expect(judge({}, buildIssuer().certificateDer)).toEqual(["its issuer has not signed it"]);
  expect(judge({ der: ISSUER.certificateDer })).toContain("it is the certificate of a CA");
  expect(judge({ der: Buffer.from("nothing") })).toEqual([expect.stringMatching(/^its encoding is no certificate: /)]);
});

test("the thread that verifies a ledger looks into its certificates", async () => {
  const opened = await openTestLedger({ certificateJudge: CERTIFICATE_JUDGE });
  const { certificates, issuers, maintenance } = opened.ledger;
  const { certificateDer, certificatePem } = ISSUER;
  await issuers.record(issuerRecord({ id: issuerId, certificateDer, certificatePem }));
  await certificates.record(realRecord());
  expect((await maintenance.verify()).problems).toEqual([]);
  const wrong = realRecord({ commonName: "somebody" });
  await certificates.record(wrong);
  const finding = `certificate ${wrong.fingerprint}: its encoding says something else of its common name`;
  expect((await maintenance.verify()).problems).toEqual([finding]);
  expect((await verifyLedgerFile(opened.file)).problems).toEqual([finding]);
  expect((await verifyWithoutJudge(opened.file)).problems).toEqual([]);
  await opened.close();
});
