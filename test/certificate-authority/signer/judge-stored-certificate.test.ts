import { createHash } from "node:crypto";
import { expect, test } from "@jest/globals";
import type { CertificateRecord } from "../../../services/certificate-authority/domain/certificate.ts";
import type { StoredCertificate } from "../../../services/certificate-authority/domain/certificate-judge.ts";
import { verifyLedgerFile as verifyWithoutJudge } from "../../../services/certificate-authority/ledger/verify-ledger-file.ts";
import { readCertificate } from "../../../services/certificate-authority/signer/certificate-reader.ts";
import { loadIssuerCertificate } from "../../../services/certificate-authority/signer/issuer-certificate.ts";
import { createCertificateJudge } from "../../../services/certificate-authority/signer/judge-stored-certificate.ts";
import { CERTIFICATE_JUDGE, verifyLedgerFile } from "../../../services/certificate-authority/verify-ledger.ts";
import { buildCsr, type CsrArguments, extensionDer } from "../../builders/csr.ts";
import { element, sequence, TAG } from "../../builders/der.ts";
import { buildIssuer } from "../../builders/issuer.ts";
import { generateKey } from "../../builders/keys.ts";
import { openTestLedger } from "../../builders/ledger.ts";
import { certificateRecord, issuerRecord } from "../../builders/records.ts";
import { issuedWith, storedCsr } from "../../builders/stored-csr.ts";
import { buildSans } from "../../builders/subject.ts";
import { CLIENT_AUTH, EXTENSIONS, forgeCertificate, type LeafParts, UTC } from "./forged-certificate.ts";

const ISSUER = buildIssuer();
const issuerId = createHash("sha256").update(ISSUER.certificateDer).digest("hex");
const keyIdentifier = loadIssuerCertificate(ISSUER.certificateDer).keyIdentifier ?? Buffer.alloc(0);
const { privateKey: KEY, publicKey } = generateKey("ecdsa-p256");
const SPKI = publicKey.export({ type: "spki", format: "der" });
const IMPORTED = { importedAt: new Date("2026-03-01T00:00:00Z") };

/** A record of a real certificate: that of node worker-1, or one that differs from it as `parts` say. */
function realRecord(overrides: Partial<CertificateRecord> = {}, parts: Partial<LeafParts> = {}): CertificateRecord {
  const der = forgeCertificate({ ...ISSUER, keyIdentifier }, SPKI, parts);
  const { serial, fingerprint, spkiSha256, notBefore, notAfter } = readCertificate(der);
  return certificateRecord({
    ...{ issuerId, der, serial, fingerprint, spkiSha256, notBefore, notAfter },
    ...{ commonName: "system:node:worker-1", nodeName: "worker-1", sans: buildSans({ dnsNames: ["worker-1"] }) },
    ...overrides,
  });
}

const judgeStored = createCertificateJudge();
const SOUND = { problems: [], warnings: [] };
const judge = (overrides: Partial<CertificateRecord>, rest: Partial<StoredCertificate> = {}) =>
  judgeStored({ record: realRecord(overrides), issuerDer: ISSUER.certificateDer, asked: undefined, ...rest });

test("a sound certificate has nothing wrong", () => {
  expect(judge({})).toEqual(SOUND);
  expect(judge({}, { issuerDer: undefined })).toEqual(SOUND);
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
  expect(judge(overrides)).toEqual({ ...SOUND, problems: [`its encoding says something else of its ${name}`] });
});

test("what another issuer signed, what is a CA and what is no certificate is found", () => {
  expect(judge({}, { issuerDer: buildIssuer().certificateDer }).problems).toContain("its issuer has not signed it");
  expect(judge({ der: ISSUER.certificateDer }).problems).toContain("it is the certificate of a CA");
  const broken = judge({ der: Buffer.from("nothing") });
  expect(broken.problems).toEqual([expect.stringMatching(/^its encoding is no certificate: /)]);
  const { problems } = judge({}, { issuerDer: Buffer.from("nothing") });
  expect(problems).toEqual(["its issuer has not signed it", expect.stringMatching(/^it cannot be linted: /)]);
});

const SOUND_EXTENSIONS = [
  EXTENSIONS.keyUsage(),
  EXTENSIONS.purposes(CLIENT_AUTH),
  EXTENSIONS.constraints(),
  EXTENSIONS.authority(keyIdentifier),
  EXTENSIONS.names(),
];

const POINT = sequence(element(0xa0, element(0xa0, element(0x86, "http://crl.example"))));

/** Each is signed by its issuer and on record as it stands: only the lint has something against it. */
const MALFORMED: readonly { name: string; parts: Partial<LeafParts>; findings: readonly string[] }[] = [
  {
    name: "a serial that is negative",
    parts: { serial: element(TAG.integer, Buffer.from([0x81])) },
    findings: ["lint: serial is positive and has at most 20 octets (4.1.2.2)"],
  },
  {
    name: "an extension that leaves may not have",
    parts: { extensions: [...SOUND_EXTENSIONS, extensionDer("1.2.3.4", sequence())] },
    findings: ["lint: extensions are allowed ones, critical as they must be (4.2)"],
  },
  {
    name: "no authority key identifier",
    parts: { extensions: SOUND_EXTENSIONS.filter((each) => each !== SOUND_EXTENSIONS[3]) },
    findings: ["lint: authority key identifier is the issuer's (4.2.1.1)"],
  },
  {
    name: "two places where CRLs are",
    parts: { extensions: [...SOUND_EXTENSIONS, extensionDer("2.5.29.31", sequence(POINT, POINT))] },
    findings: ["lint: revocation is looked up where it is configured, or nowhere (4.2.1.13, 4.2.2.1)"],
  },
  {
    name: "an end after its issuer's",
    parts: { validity: sequence(UTC("260101000000"), UTC("460101000000")) },
    findings: ["lint: validity ends with the issuer's or before"],
  },
];

test.each(MALFORMED)("a certificate on record with $name is linted again", ({ parts, findings }) => {
  const stored = { issuerDer: ISSUER.certificateDer, asked: undefined };
  expect(judgeStored({ ...stored, record: realRecord({}, parts) })).toEqual({ problems: findings, warnings: [] });
  const imported = judgeStored({ ...stored, record: realRecord(IMPORTED, parts) });
  expect(imported).toEqual({ problems: [], warnings: findings });
});

test("what RFC 5280 only advises against is a warning", () => {
  const parts = { extensions: [EXTENSIONS.keyUsage("0520"), ...SOUND_EXTENSIONS.slice(1)] };
  expect(judge({}, { record: realRecord({}, parts) })).toEqual({
    problems: [],
    warnings: ["key usage does not suit the kind of key (RFC 5480 section 3)"],
  });
});

const USAGES = ["digital signature", "client auth"];
const SIGNER = "kubernetes.io/kube-apiserver-client-kubelet";
const ASKED_NAMES: CsrArguments = { key: KEY, dnsNames: ["worker-1"] };

function asked(csr: CsrArguments, usages: readonly string[] = USAGES, signerName = SIGNER) {
  return { signerName, usages: [...usages], request: buildCsr({ ...ASKED_NAMES, ...csr }).requestBase64 };
}

test("a certificate that is what was asked for has nothing wrong", () => {
  expect(judge({}, { asked: asked({}) })).toEqual(SOUND);
  // A signer that is not Kubernetes' may have put a subject of its own.
  expect(judge({}, { asked: asked({ commonName: "me" }, USAGES, "example.com/own") })).toEqual(SOUND);
  // What nobody can read any more says nothing.
  expect(judge({}, { asked: { ...asked({}), request: "bm90aGluZw==" } })).toEqual(SOUND);
});

test.each([
  { name: "subject", ask: asked({ commonName: "system:node:worker-2" }), finding: "lint: subject is the intent's" },
  { name: "names", ask: asked({ dnsNames: [] }), finding: "lint: subject alternative names are the intent's" },
  { name: "key", ask: asked({ key: "ecdsa-p256" }), finding: "lint: public key is the intent's, byte for byte" },
  { name: "key usage", ask: asked({}, [...USAGES, "key encipherment"]), finding: "lint: key usage is the intent's" },
  { name: "purposes", ask: asked({}, ["server auth"]), finding: "lint: extended key usages are the intent's" },
])("a certificate of another $name than was asked for is found", ({ ask, finding }) => {
  expect(judge({}, { asked: ask }).problems).toContainEqual(expect.stringContaining(finding));
});

test("the thread that verifies a ledger looks into its certificates", async () => {
  const opened = await openTestLedger({ certificateJudge: CERTIFICATE_JUDGE });
  const { certificates, issuers, maintenance } = opened.ledger;
  const { certificateDer, certificatePem } = ISSUER;
  await issuers.record(issuerRecord({ id: issuerId, certificateDer, certificatePem }));
  await certificates.record(realRecord());
  expect(await maintenance.verify()).toMatchObject(SOUND);
  const wrong = realRecord(
    { commonName: "somebody", serial: "07" },
    { serial: element(TAG.integer, Buffer.from([6])) },
  );
  await certificates.record(wrong);
  const finding = `certificate ${wrong.fingerprint}: its encoding says something else of its serial, common name`;
  expect((await maintenance.verify()).problems).toEqual([finding]);
  expect((await verifyLedgerFile(opened.file)).problems).toEqual([finding]);
  expect((await verifyWithoutJudge(opened.file)).problems).toEqual([]);
  await opened.close();
});

test("what many certificates have against them is told once", async () => {
  const opened = await openTestLedger({ certificateJudge: CERTIFICATE_JUDGE });
  const { certificates, issuers, maintenance } = opened.ledger;
  const { certificateDer, certificatePem } = ISSUER;
  await issuers.record(issuerRecord({ id: issuerId, certificateDer, certificatePem }));
  const extensions = [EXTENSIONS.keyUsage("0520"), ...SOUND_EXTENSIONS.slice(1)];
  const records = [1, 2, 3].map((number) =>
    realRecord({}, { extensions, serial: element(TAG.integer, Buffer.from([number])) }),
  );
  for (const record of records) await certificates.record(record);
  const finding = "key usage does not suit the kind of key (RFC 5480 section 3)";
  expect(await maintenance.verify()).toMatchObject({
    problems: [],
    warnings: [`certificate ${records[0]?.fingerprint} and 2 more: ${finding}`],
  });
  await opened.close();
});

test("it is compared with its request, while that is there and once it is in the archive", async () => {
  const opened = await openTestLedger({ certificateJudge: CERTIFICATE_JUDGE });
  const { certificates, issuers, maintenance, requests } = opened.ledger;
  const { certificateDer, certificatePem } = ISSUER;
  await issuers.record(issuerRecord({ id: issuerId, certificateDer, certificatePem }));
  const record = realRecord({ requestName: "csr-1", requestUid: "uid-of-csr-1" });
  const { requestBase64 } = buildCsr({ ...ASKED_NAMES, commonName: "system:node:worker-2" });
  const status = issuedWith(record.der);
  await requests.create(storedCsr("csr-1", { status, request: requestBase64 }));
  await certificates.record(record);
  const problems = [
    `certificate ${record.fingerprint}: lint: subject is the intent's`,
    `certificate ${record.fingerprint}: OpenSSL reads otherwise: subject`,
  ];
  expect((await maintenance.verify()).problems).toEqual(problems);
  await requests.remove("csr-1", {}, "tester");
  expect((await maintenance.verify()).problems).toEqual(problems);
  await opened.close();
});
