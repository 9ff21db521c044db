import { createHash, createPublicKey, sign, verify, X509Certificate } from "node:crypto";
import { readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, expect, test } from "@jest/globals";
import { type Custody, openCustody } from "../../../services/certificate-authority/custody/custody.ts";
import { CLASSICAL_ALGORITHMS } from "../../../services/certificate-authority/domain/issuer.ts";
import { openssl } from "../../builders/openssl.ts";
import { temporaryDirectory } from "../../builders/temporary-directory.ts";
import { recordingLogger } from "../../fakes/recording-logger.ts";

const NOW = new Date("2026-01-01T00:00:00.900Z");
const YEAR = 365 * 86_400;

let home: string;
let custody: Custody;
const open = () => openCustody({ directory: join(home, "keys"), encryption: {}, logger: recordingLogger().logger });

beforeAll(async () => {
  home = temporaryDirectory();
  custody = await open();
});

const SIGNATURES = {
  "ecdsa-p256": "ecdsa-with-SHA256",
  "ecdsa-p384": "ecdsa-with-SHA384",
  "rsa-2048": "sha256WithRSAEncryption",
  "rsa-3072": "sha256WithRSAEncryption",
  "rsa-4096": "sha256WithRSAEncryption",
  ed25519: "ED25519",
};

test.each(CLASSICAL_ALGORITHMS)("openssl accepts a new %s issuer and finds what it should hold", async (algorithm) => {
  const { description, privateKey } = await custody.createIssuer({ algorithm, now: new Date() });
  const file = join(home, `${algorithm}.crt`);
  writeFileSync(file, description.certificatePem);
  expect(openssl("verify", "-x509_strict", "-check_ss_sig", "-CAfile", file, file)).toBe(`${file}: OK\n`);
  const text = openssl("x509", "-in", file, "-noout", "-text");
  expect(text).toContain("Version: 3 (0x2)");
  expect(text).toContain(`Signature Algorithm: ${SIGNATURES[algorithm]}`);
  expect(text).toMatch(/Issuer: CN = gatehouse-ca\n/);
  expect(text).toMatch(/Subject: CN = gatehouse-ca\n/);
  expect(text).toMatch(/X509v3 Basic Constraints: critical\n\s+CA:TRUE\n/);
  expect(text).toMatch(/X509v3 Key Usage: critical\n\s+Digital Signature, Certificate Sign, CRL Sign\n/);
  expect(text.match(/X509v3 .*(?=:)/g)).toEqual([
    "X509v3 extensions",
    "X509v3 Basic Constraints",
    "X509v3 Key Usage",
    "X509v3 Subject Key Identifier",
  ]);
  const certificate = new X509Certificate(description.certificatePem);
  expect(certificate.checkPrivateKey(privateKey)).toBe(true);
  expect(description.keyAlgorithm).toBe(algorithm);
});

test("the subject key identifier is the SHA-1 of the public key's bits", async () => {
  const { description } = await custody.createIssuer({ now: NOW });
  const spki = new X509Certificate(description.certificatePem).publicKey.export({ format: "der", type: "spki" });
  // The uncompressed point is the last 65 octets of a P-256 SubjectPublicKeyInfo.
  const identifier = createHash("sha1").update(spki.subarray(-65)).digest();
  expect(Buffer.from(description.certificateDer).includes(identifier)).toBe(true);
});

test("the description states the certificate's own values", async () => {
  const { description } = await custody.createIssuer({ now: NOW, commonName: "My CA", lifetimeSeconds: YEAR });
  const certificate = new X509Certificate(description.certificatePem);
  expect(description).toEqual({
    id: createHash("sha256").update(certificate.raw).digest("hex"),
    commonName: "My CA",
    keyAlgorithm: "ecdsa-p256",
    certificateDer: new Uint8Array(certificate.raw),
    certificatePem: certificate.toString(),
    serial: certificate.serialNumber.toLowerCase(),
    notBefore: new Date("2025-12-31T23:55:00Z"),
    notAfter: new Date("2027-01-01T00:00:00Z"),
  });
  expect(description.serial).toMatch(/^[4-7][0-9a-f]{31}$/);
});

test("the default lifetime is ten years, also past 2049", async () => {
  const { description } = await custody.createIssuer({ now: new Date("2045-06-01T00:00:00Z") });
  expect(description.notAfter.toISOString()).toBe("2055-05-30T00:00:00.000Z");
});

test("issuers are stored under their id, private, and load after a restart", async () => {
  const { description, privateKey } = await custody.createIssuer({ now: NOW });
  for (const suffix of ["sealed", "crt"]) {
    expect(statSync(join(home, "keys", `issuer-${description.id}.${suffix}`)).mode & 0o777).toBe(0o600);
  }
  const reopened = await open();
  expect(await reopened.issuerIds()).toContain(description.id);
  const loaded = await reopened.loadIssuer(description.id, NOW);
  expect(loaded.description).toEqual(description);
  const message = Buffer.from("signed after the restart");
  const signature = sign("sha256", message, loaded.privateKey);
  expect(verify("sha256", message, createPublicKey(privateKey), signature)).toBe(true);
});

test.each([
  { name: "an empty common name", wish: { commonName: " " } },
  { name: "a common name of 65 characters", wish: { commonName: "x".repeat(65) } },
  { name: "no lifetime", wish: { lifetimeSeconds: 0 } },
  { name: "a fractional lifetime", wish: { lifetimeSeconds: 1.5 } },
  { name: "a lifetime past the year 9999", wish: { lifetimeSeconds: 9000 * YEAR } },
])("$name is refused", async ({ wish }) => {
  const before = await custody.issuerIds();
  await expect(custody.createIssuer({ now: NOW, ...wish })).rejects.toMatchObject({ code: "InvalidArgument" });
  expect(await custody.issuerIds()).toEqual(before);
});

test("a common name of 64 characters is taken", async () => {
  const { description } = await custody.createIssuer({ now: NOW, commonName: "é".repeat(64) });
  expect(description.commonName).toBe("é".repeat(64));
});

test.each([
  { name: "a second before notBefore", now: "2025-12-31T23:54:59Z", code: "IssuerNotYetValid" },
  { name: "at notAfter", now: "2027-01-01T00:00:00Z", code: "IssuerExpired" },
])("loading $name is refused", async ({ now, code }) => {
  const { description } = await custody.createIssuer({ now: NOW, lifetimeSeconds: YEAR });
  await expect(custody.loadIssuer(description.id, new Date(now))).rejects.toMatchObject({ code });
});

test.each(["2025-12-31T23:55:00Z", "2026-12-31T23:59:59Z"])("loading at %s works", async (now) => {
  const { description } = await custody.createIssuer({ now: NOW, lifetimeSeconds: YEAR });
  expect((await custody.loadIssuer(description.id, new Date(now))).description.id).toBe(description.id);
});

test.each(["sealed", "crt"])("a known issuer whose .%s is missing is told by its path", async (suffix) => {
  const { description } = await custody.createIssuer({ now: NOW });
  const path = join(home, "keys", `issuer-${description.id}.${suffix}`);
  rmSync(path);
  await expect(custody.loadIssuer(description.id, NOW)).rejects.toMatchObject({
    code: "IssuerNotFound",
    message: expect.stringContaining(path),
  });
});

test("a key whose certificate a crash prevented counts as no issuer, until it is imported again", async () => {
  const { description, privateKey } = await custody.createIssuer({ now: NOW });
  const files = { certificateFile: join(home, "crash.crt"), keyFile: join(home, "crash.key") };
  writeFileSync(files.certificateFile, description.certificatePem);
  writeFileSync(files.keyFile, privateKey.export({ format: "pem", type: "pkcs8" }), { mode: 0o600 });
  rmSync(join(home, "keys", `issuer-${description.id}.crt`));
  expect(await custody.issuerIds()).not.toContain(description.id);
  expect((await custody.importIssuer({ ...files, now: NOW })).issuer.description).toEqual(description);
  expect(await custody.issuerIds()).toContain(description.id);
});

test("a certificate that was put in another's place is refused", async () => {
  const one = await custody.createIssuer({ now: NOW });
  const two = await custody.createIssuer({ now: NOW });
  const path = join(home, "keys", `issuer-${one.description.id}.crt`);
  const original = readFileSync(path);
  writeFileSync(path, two.description.certificatePem);
  await expect(custody.loadIssuer(one.description.id, NOW)).rejects.toMatchObject({ code: "InvalidCertificate" });
  writeFileSync(path, original);
  expect((await custody.loadIssuer(one.description.id, NOW)).description.id).toBe(one.description.id);
});
