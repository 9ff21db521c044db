import { createHash, createPublicKey, X509Certificate } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, describe, expect, test } from "@jest/globals";
import type {
  CertificateIntent,
  SignedCertificate,
} from "../../../services/certificate-authority/domain/certificate.ts";
import type { IssuerDescription } from "../../../services/certificate-authority/domain/issuer.ts";
import { loadIssuerCertificate } from "../../../services/certificate-authority/signer/issuer-certificate.ts";
import { createIssuingCore } from "../../../services/certificate-authority/signer/issuing-core.ts";
import { createSigner, type Signer } from "../../../services/certificate-authority/signer/signer.ts";
import { createLogger } from "../../../services/shared/logging.ts";
import { buildCsr } from "../../builders/csr.ts";
import { buildIntent } from "../../builders/intent.ts";
import { type BuiltIssuer, buildIssuer } from "../../builders/issuer.ts";
import { generateKey, type TestKeyAlgorithm } from "../../builders/keys.ts";
import { openssl } from "../../builders/openssl.ts";
import { temporaryDirectory } from "../../builders/temporary-directory.ts";

const directory = temporaryDirectory();
const open: Signer[] = [];

/** A signer under one issuer. */
interface StartedSigner extends Signer {
  readonly issuer: IssuerDescription;
  readonly sign: (intent: CertificateIntent) => Promise<SignedCertificate>;
}

afterEach(async () => {
  await Promise.all(open.splice(0).map((signer) => signer.close()));
});

function start(
  issuer: BuiltIssuer,
  options: { workers?: number; now?: Date; maxWaiting?: number } = {},
): StartedSigner {
  const { now, ...rest } = options;
  const clock = { now: () => now ?? new Date() };
  const signer = createSigner({
    issuers: [issuer],
    workers: 1,
    clock,
    logger: createLogger({ level: "silent" }),
    ...rest,
  });
  open.push(signer);
  const { description } = loadIssuerCertificate(issuer.certificateDer);
  return { ...signer, issuer: description, sign: (intent) => signer.signer.sign(intent, description.id) };
}

async function intentOf(signer: Signer, requestBase64: string): Promise<CertificateIntent> {
  const decoding = await signer.decoder.decode(requestBase64);
  if (decoding.kind === "invalid") throw new Error(decoding.message);
  const { subject, sans, spkiDer } = decoding.facts;
  return buildIntent({ subject, sans, spkiDer });
}

function file(name: string, content: string): string {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
}

const SIGNATURES: Readonly<Record<string, string>> = {
  "ecdsa-p256": "ecdsa-with-SHA256",
  "ecdsa-p384": "ecdsa-with-SHA384",
  "ecdsa-p521": "ecdsa-with-SHA512",
  "rsa-2048": "sha256WithRSAEncryption",
  "rsa-3072": "sha256WithRSAEncryption",
  ed25519: "ED25519",
};

test.each(Object.entries(SIGNATURES))(
  "openssl verifies and prints what a CA of %s signs",
  async (algorithm, signature) => {
    const issuer = buildIssuer(algorithm as TestKeyAlgorithm);
    const signer = start(issuer);
    expect(signer.issuer).toMatchObject({ keyAlgorithm: algorithm, commonName: "Gatehouse test CA" });
    const csr = buildCsr({ dnsNames: ["worker-1"], ipAddresses: ["10.0.0.1", "fd00::1"] });
    const signed = await signer.sign(await intentOf(signer, csr.requestBase64));
    const authority = file(`${algorithm}.ca.pem`, issuer.certificatePem);
    const leaf = file(`${algorithm}.pem`, signed.pem);
    expect(openssl("verify", "-x509_strict", "-purpose", "sslclient", "-CAfile", authority, leaf)).toContain(": OK");
    const text = openssl("x509", "-in", leaf, "-noout", "-text").replace(/\s+/g, " ");
    expect(text).toContain(`Signature Algorithm: ${signature}`);
    expect(text).toContain("Subject: O = system:nodes, CN = system:node:worker-1");
    expect(text).toContain("X509v3 Key Usage: critical Digital Signature");
    expect(text).toContain("X509v3 Extended Key Usage: TLS Web Client Authentication");
    expect(text).toContain("X509v3 Basic Constraints: critical CA:FALSE");
    expect(text).toContain("DNS:worker-1, IP Address:10.0.0.1, IP Address:FD00:0:0:0:0:0:0:1");
    expect(text).not.toContain("X509v3 Subject Key Identifier");
    expect(openssl("x509", "-in", leaf, "-noout", "-serial").trim()).toBe(`serial=${signed.serial.toUpperCase()}`);
  },
);

test("a signed certificate comes with what the ledger indexes of it", async () => {
  const issuer = buildIssuer();
  const signer = start(issuer);
  const intent = buildIntent();
  const signed = await signer.sign(intent);
  expect(signed.fingerprint).toBe(createHash("sha256").update(signed.der).digest("hex"));
  expect(signed.issuerId).toBe(createHash("sha256").update(issuer.certificateDer).digest("hex"));
  expect(signed.issuerId).toBe(signer.issuer.id);
  expect(new X509Certificate(signed.pem).raw).toEqual(Buffer.from(signed.der));
  expect([signed.notBefore, signed.notAfter]).toEqual([intent.notBefore, intent.notAfter]);
  expect(signer.readCertificate(signed.der)).toMatchObject({ serial: signed.serial, fingerprint: signed.fingerprint });
  expect(signer.inspector.inspectPem(Buffer.from(signed.pem).toString("base64")).kind).toBe("ok");
  expect(signed.pem.match(/BEGIN/g)).toHaveLength(1);
});

test.each<TestKeyAlgorithm>(["ecdsa-p224", "ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "rsa-2048", "ed25519"])(
  "a request of %s that openssl made is decoded and its key certified",
  async (algorithm) => {
    const signer = start(buildIssuer());
    const { privateKey } = generateKey(algorithm);
    const key = file(`${algorithm}.key`, privateKey.export({ type: "pkcs8", format: "pem" }).toString());
    const names = "subjectAltName=DNS:worker-1,IP:10.0.0.1,IP:fd00::1,email:a@b.c,URI:spiffe://a/b";
    const pem = openssl(
      "req",
      "-new",
      "-key",
      key,
      "-subj",
      "/O=system:nodes/CN=system:node:worker-1",
      "-addext",
      names,
    );
    const intent = await intentOf(signer, Buffer.from(pem).toString("base64"));
    expect(intent).toMatchObject({
      subject: { organization: ["system:nodes"], commonName: "system:node:worker-1" },
      sans: {
        dnsNames: ["worker-1"],
        ipAddresses: ["10.0.0.1", "fd00::1"],
        emailAddresses: ["a@b.c"],
        uris: ["spiffe://a/b"],
      },
    });
    const signed = await signer.sign(intent);
    expect(new X509Certificate(signed.pem).publicKey.equals(createPublicKey(privateKey))).toBe(true);
  },
);

test("hostile requests of openssl's making are refused", async () => {
  const signer = start(buildIssuer());
  const weak = openssl("req", "-new", "-nodes", "-newkey", "rsa:512", "-keyout", "/dev/null", "-subj", "/CN=x");
  const md5 = openssl("req", "-new", "-nodes", "-newkey", "rsa:2048", "-md5", "-keyout", "/dev/null", "-subj", "/CN=x");
  const brainpool = openssl(
    "req",
    "-new",
    "-nodes",
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:brainpoolP256r1",
    "-keyout",
    "/dev/null",
    "-subj",
    "/CN=x",
  );
  const decode = async (pem: string) => signer.decoder.decode(Buffer.from(pem).toString("base64"));
  expect(await decode(weak)).toEqual({ kind: "invalid", message: "RSA key: 512 bits are fewer than 1024" });
  expect(await decode(md5)).toEqual({
    kind: "invalid",
    message: "signature algorithm: 1.2.840.113549.1.1.4 is not supported",
  });
  expect(await decode(brainpool)).toEqual({
    kind: "invalid",
    message: "public key: unsupported elliptic curve 1.3.36.3.3.2.8.1.1.7",
  });
});

test("many at once are answered each with their own, from two workers", async () => {
  const signer = start(buildIssuer(), { workers: 2 });
  const csrs = Array.from({ length: 100 }, (_, index) => buildCsr({ commonName: `system:node:n${index}` }));
  const signed = await Promise.all(
    csrs.map(async ({ requestBase64 }) => signer.sign(await intentOf(signer, requestBase64))),
  );
  const found = signed.map(({ pem }) => new X509Certificate(pem));
  expect(found.map(({ subject }) => subject.split("=").at(-1))).toEqual(
    csrs.map((_, index) => `system:node:n${index}`),
  );
  expect(found.every(({ publicKey }, index) => publicKey.equals(csrs[index]?.publicKey ?? publicKey))).toBe(true);
  expect(new Set(signed.map(({ serial }) => serial)).size).toBe(100);
});

test("an intent that cannot be certified as it stands is not released", async () => {
  const issuer = buildIssuer("ecdsa-p256", { notAfter: new Date("2036-01-01T00:00:00Z") });
  const signer = start(issuer);
  const refused = { reason: "InternalError", message: "the certificate failed its checks and was not released" };
  const beyond = buildIntent({ notAfter: new Date("2036-01-01T00:00:01Z") });
  await expect(signer.sign(beyond)).rejects.toMatchObject(refused);
  await expect(signer.sign(buildIntent({ keyUsage: 0x200 }))).rejects.toMatchObject(refused);
  await expect(signer.sign(buildIntent({ spkiDer: Buffer.from("no key") }))).rejects.toMatchObject(refused);
  await expect(signer.sign(buildIntent({ sans: { ipAddresses: ["no address"] } }))).rejects.toMatchObject(refused);
  await expect(signer.sign(buildIntent({ sans: { dnsNames: ["ü"] } }))).rejects.toMatchObject(refused);
  expect((await signer.sign(buildIntent())).pem).toContain("BEGIN CERTIFICATE");
});

test("the cause of a refusal names the rules and fields, for the log; neighbours are signed", () => {
  const core = createIssuingCore(buildIssuer());
  const rsa = generateKey("rsa-2048").publicKey.export({ type: "spki", format: "der" });
  const outcomes = core.sign([
    buildIntent({ keyUsage: 0x200 }),
    buildIntent(),
    buildIntent({ spkiDer: Buffer.concat([rsa, Buffer.alloc(1)]) }),
  ]);
  expect(outcomes).toMatchObject([
    { kind: "refused", error: { cause: { message: "key usage is the intent's and names known bits (4.2.1.3)" } } },
    { kind: "signed" },
    { kind: "refused", error: { reason: "InternalError" } },
  ]);
});

test("signatures that are not the CA key's never leave: nothing of their batch does", () => {
  const { certificateDer } = buildIssuer();
  const core = createIssuingCore({ certificateDer, privateKey: generateKey("ecdsa-p256").privateKey });
  const refused = { kind: "refused", error: { cause: { message: "signature is not the issuer's" } } };
  const unsound = buildIntent({ keyUsage: 0x200 });
  expect(core.sign([buildIntent()])).toMatchObject([refused]);
  expect(core.sign([buildIntent(), buildIntent(), buildIntent()])).toMatchObject([refused, refused, refused]);
  // The last one is refused for a reason of its own; then the one before it is verified.
  expect(core.sign([buildIntent(), buildIntent(), unsound])).toMatchObject([
    refused,
    refused,
    { kind: "refused", error: { cause: { message: "key usage is the intent's and names known bits (4.2.1.3)" } } },
  ]);
});

test("a batch answers each request with its own facts or reason", () => {
  const core = createIssuingCore(buildIssuer());
  const requests = [buildCsr({ commonName: "a" }), buildCsr({ breakSignature: true }), buildCsr({ commonName: "b" })];
  expect(core.decode(requests.map(({ requestBase64 }) => requestBase64))).toMatchObject([
    { kind: "facts", facts: { subject: { commonName: "a" } } },
    { kind: "invalid", message: "signature does not verify" },
    { kind: "facts", facts: { subject: { commonName: "b" } } },
  ]);
});

test("an expired issuer signs nothing; a second before it does", async () => {
  const notAfter = new Date("2036-01-01T00:00:00Z");
  const issuer = buildIssuer("ecdsa-p256", { notAfter });
  const expired = start(issuer, { now: notAfter });
  await expect(expired.sign(buildIntent())).rejects.toMatchObject({
    reason: "InternalError",
    message: "the issuer has expired",
  });
  const alive = start(issuer, { now: new Date(notAfter.getTime() - 1000) });
  expect((await alive.sign(buildIntent())).issuerId).toBe(alive.issuer.id);
});

test("impossible wiring is refused at the start", () => {
  const issuer = buildIssuer();
  const { privateKey } = generateKey("ecdsa-p256");
  expect(() => start({ ...issuer, privateKey })).toThrow("the issuer's key does not belong to its certificate");
  const pem = openssl(
    "req",
    "-x509",
    "-nodes",
    "-newkey",
    "ec",
    "-pkeyopt",
    "ec_paramgen_curve:prime256v1",
    "-keyout",
    "/dev/null",
    "-subj",
    "/CN=x",
    "-addext",
    "basicConstraints=critical,CA:FALSE",
  );
  expect(() => start({ ...issuer, certificateDer: new X509Certificate(pem).raw })).toThrow(
    "the issuer's certificate is no CA certificate",
  );
  expect(() => start(buildIssuer("ecdsa-p224"))).toThrow("the issuer's kind of key is not supported");
});

test("the queue is bounded", async () => {
  const signer = start(buildIssuer(), { maxWaiting: 3 });
  const { requestBase64 } = buildCsr();
  const outcomes = await Promise.allSettled(Array.from({ length: 5 }, () => signer.decoder.decode(requestBase64)));
  expect(outcomes.map(({ status }) => status)).toEqual(["fulfilled", "fulfilled", "fulfilled", "rejected", "rejected"]);
  expect(outcomes[4]).toMatchObject({ reason: { reason: "TooManyRequests" } });
});

test("close answers what was accepted", async () => {
  const signer = start(buildIssuer());
  const accepted = Promise.all(Array.from({ length: 50 }, () => signer.sign(buildIntent())));
  await signer.close();
  expect(await accepted).toHaveLength(50);
});

describe("several issuers", () => {
  const [one, other] = [
    buildIssuer("ecdsa-p256", { commonName: "one" }),
    buildIssuer("ed25519", { commonName: "other" }),
  ];
  const idOf = ({ certificateDer }: BuiltIssuer): string => createHash("sha256").update(certificateDer).digest("hex");

  function startWith(issuers: readonly BuiltIssuer[]): Signer {
    const clock = { now: () => new Date() };
    const signer = createSigner({ issuers, workers: 2, clock, logger: createLogger({ level: "silent" }) });
    open.push(signer);
    return signer;
  }

  test("each certificate is signed by the issuer it was asked of, in batches that mix them", async () => {
    const signer = startWith([one, other]);
    const asked = Array.from({ length: 200 }, (_, index) => (index % 3 === 0 ? one : other));
    const signed = await Promise.all(asked.map((issuer) => signer.signer.sign(buildIntent(), idOf(issuer))));
    for (const [index, issuer] of asked.entries()) {
      expect(signed[index]?.issuerId).toBe(idOf(issuer));
      expect(new X509Certificate(signed[index]?.pem ?? "").verify(createPublicKey(issuer.privateKey))).toBe(true);
    }
  });

  test("an issuer that is not among them signs nothing, and the others go on", async () => {
    const signer = startWith([one]);
    await expect(signer.signer.sign(buildIntent(), idOf(other))).rejects.toMatchObject({
      reason: "ServiceUnavailable",
    });
    expect((await signer.signer.sign(buildIntent(), idOf(one))).issuerId).toBe(idOf(one));
  });

  test("a change of issuers holds for what is asked from then on", async () => {
    const signer = startWith([one]);
    const before = Array.from({ length: 40 }, () => signer.signer.sign(buildIntent(), idOf(one)));
    await before[0];
    signer.changeIssuers([other]);
    const after = await signer.signer.sign(buildIntent(), idOf(other));
    expect(after.issuerId).toBe(idOf(other));
    for (const outcome of await Promise.allSettled(before)) {
      // What had no turn before the change is refused, to be asked again of the new issuer; nothing is mixed up.
      if (outcome.status === "fulfilled") expect(outcome.value.issuerId).toBe(idOf(one));
      else expect(outcome.reason).toMatchObject({ reason: "ServiceUnavailable" });
    }
    await expect(signer.signer.sign(buildIntent(), idOf(one))).rejects.toMatchObject({ reason: "ServiceUnavailable" });
  });

  test("a key that is another certificate's is refused and changes nothing", async () => {
    const signer = startWith([one]);
    expect(() => signer.changeIssuers([{ ...other, privateKey: one.privateKey }])).toThrow(TypeError);
    expect((await signer.signer.sign(buildIntent(), idOf(one))).issuerId).toBe(idOf(one));
  });
});
