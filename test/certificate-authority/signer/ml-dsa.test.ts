import { createPublicKey, randomInt, verify, X509Certificate } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, expect, test } from "@jest/globals";
import { ML_DSA_ALGORITHMS } from "../../../services/certificate-authority/domain/issuer.ts";
import { decodeRequests } from "../../../services/certificate-authority/signer/csr-decoder.ts";
import { loadIssuerCertificate } from "../../../services/certificate-authority/signer/issuer-certificate.ts";
import { createIssuingCore } from "../../../services/certificate-authority/signer/issuing-core.ts";
import { createSigner, type Signer } from "../../../services/certificate-authority/signer/signer.ts";
import { createLogger } from "../../../services/shared/logging.ts";
import { type BuiltCsr, buildCsr } from "../../builders/csr.ts";
import { bitString, element, oid, pemBlock, sequence, TAG } from "../../builders/der.ts";
import { buildIntent } from "../../builders/intent.ts";
import { buildIssuer } from "../../builders/issuer.ts";
import { generateKey, signWithDefault } from "../../builders/keys.ts";
import { describeMlDsa } from "../../builders/ml-dsa.ts";
import { openssl } from "../../builders/openssl.ts";
import { temporaryDirectory } from "../../builders/temporary-directory.ts";

const ACCEPTING = { acceptsMlDsa: true };
const IDENTIFIERS = { "ml-dsa-44": 17, "ml-dsa-65": 18, "ml-dsa-87": 19 } as const;
const KEY_OCTETS = { "ml-dsa-44": 1312, "ml-dsa-65": 1952, "ml-dsa-87": 2592 } as const;

const directory = temporaryDirectory();
const open: Signer[] = [];
afterEach(async () => {
  await Promise.all(open.splice(0).map((signer) => signer.close()));
});

const base64Of = (der: Buffer) => Buffer.from(pemBlock("CERTIFICATE REQUEST", der)).toString("base64");
const decode = (requestBase64: string) => decodeRequests([requestBase64], undefined, ACCEPTING)[0];

/** What openssl finds in DER without knowing the algorithms. */
function structureOf(der: Uint8Array): string {
  const file = join(directory, "certificate.der");
  writeFileSync(file, der);
  return openssl("asn1parse", "-inform", "DER", "-in", file);
}

/** A request with another SubjectPublicKeyInfo or signature algorithm than its key's, signed with its key. */
function forged(csr: BuiltCsr, change: { spkiDer?: Buffer; algorithmDer?: Buffer }): string {
  const subject = sequence();
  const spki = change.spkiDer ?? csr.spkiDer;
  const info = sequence(element(TAG.integer, Buffer.from([0])), subject, spki, element(0xa0));
  const set = IDENTIFIERS[csr.publicKey.asymmetricKeyType as unknown as keyof typeof IDENTIFIERS];
  const algorithm = change.algorithmDer ?? sequence(oid(`2.16.840.1.101.3.4.3.${set}`));
  return base64Of(sequence(info, algorithm, bitString(signWithDefault(csr.privateKey, info))));
}

describeMlDsa("a CA of ML-DSA", () => {
  test.each(ML_DSA_ALGORITHMS)("%s signs what node:crypto verifies, under RFC 9881's identifier", async (algorithm) => {
    const issuer = buildIssuer(algorithm);
    const { description, publicKey } = loadIssuerCertificate(issuer.certificateDer);
    expect(description.keyAlgorithm).toBe(algorithm);
    const logger = createLogger({ level: "silent" });
    const signer = createSigner({
      issuers: [issuer],
      workers: 1,
      clock: { now: () => new Date() },
      logger,
      ...ACCEPTING,
    });
    open.push(signer);
    for (const key of ["ecdsa-p256", algorithm] as const) {
      const csr = buildCsr({ key });
      const decoding = await signer.decoder.decode(csr.requestBase64);
      if (decoding.kind === "invalid") throw new Error(decoding.message);
      const { subject, sans, spkiDer } = decoding.facts;
      const { der } = await signer.signer.sign(buildIntent({ subject, sans, spkiDer }), description.id);
      const found = new X509Certificate(der);
      expect(found.verify(publicKey)).toBe(true);
      expect(found.checkIssued(new X509Certificate(issuer.certificateDer))).toBe(true);
      expect(found.publicKey.equals(csr.publicKey)).toBe(true);
      const lines = structureOf(der).split("\n");
      const identifiers = lines.filter((line) => line.includes(`2.16.840.1.101.3.4.3.${IDENTIFIERS[algorithm]}`));
      // Inside and outside the part that is signed, and in the key when it is of the same kind.
      expect(identifiers).toHaveLength(key === algorithm ? 3 : 2);
      // No parameters, not even NULL (RFC 9881 section 2): each identifier is alone in its sequence of 11 octets.
      const alone = identifiers.map((line) => lines[lines.indexOf(line) - 1]);
      expect(alone.every((line) => /l=\s*11 cons: SEQUENCE/.test(line ?? ""))).toBe(true);
    }
  });

  test("a signature by another key of ML-DSA is not released", () => {
    const { certificateDer } = buildIssuer("ml-dsa-44");
    const core = createIssuingCore({ certificateDer, privateKey: generateKey("ml-dsa-44").privateKey });
    expect(core.sign([buildIntent()])).toMatchObject([{ kind: "refused", error: { reason: "InternalError" } }]);
  });
});

describeMlDsa("a request with a key of ML-DSA", () => {
  test.each(ML_DSA_ALGORITHMS)("%s is refused like any unknown kind unless it is accepted", (algorithm) => {
    const csr = buildCsr({ key: algorithm });
    const refusal = `public key: unsupported algorithm 2.16.840.1.101.3.4.3.${IDENTIFIERS[algorithm]}`;
    expect(decodeRequests([csr.requestBase64])).toEqual([{ kind: "invalid", message: refusal }]);
    const key = { algorithm: "ML-DSA", parameterSet: algorithm.toUpperCase() };
    expect(decode(csr.requestBase64)).toMatchObject({ kind: "facts", facts: { key, spkiDer: csr.spkiDer } });
    expect(csr.spkiDer).toHaveLength(KEY_OCTETS[algorithm] + 22);
  });

  test("its self-signature must verify", () => {
    const csr = buildCsr({ key: "ml-dsa-65", breakSignature: true });
    expect(decode(csr.requestBase64)).toEqual({ kind: "invalid", message: "signature does not verify" });
  });

  const withKey = (octets: number, ...parameters: Buffer[]) =>
    sequence(sequence(oid("2.16.840.1.101.3.4.3.17"), ...parameters), bitString(Buffer.alloc(octets, 1)));
  test.each([
    {
      name: "another parameter set's signature algorithm",
      change: { algorithmDer: sequence(oid("2.16.840.1.101.3.4.3.18")) },
      says: "signature algorithm does not fit the public key",
    },
    {
      name: "a classical signature algorithm",
      change: { algorithmDer: sequence(oid("1.3.101.112")) },
      says: "signature algorithm does not fit the public key",
    },
    {
      name: "parameters in the signature algorithm",
      change: { algorithmDer: sequence(oid("2.16.840.1.101.3.4.3.17"), element(TAG.null)) },
      says: "signature algorithm: trailing data",
    },
    {
      name: "parameters in the key's algorithm",
      change: { spkiDer: withKey(1312, element(TAG.null)) },
      says: "public key: trailing data",
    },
    { name: "a key that is too short", change: { spkiDer: withKey(1311) }, says: "ML-DSA-44 key of wrong length" },
    { name: "a key that is too long", change: { spkiDer: withKey(1313) }, says: "ML-DSA-44 key of wrong length" },
    { name: "another's key", change: { spkiDer: withKey(1312) }, says: "signature does not verify" },
  ])("is refused with $name", ({ change, says }) => {
    const decoding = decode(forged(buildCsr({ key: "ml-dsa-44" }), change));
    expect(decoding).toMatchObject({ kind: "invalid", message: expect.stringContaining(says) });
  });

  test("is refused with any bit of it flipped", () => {
    const { der } = buildCsr({ key: "ml-dsa-44", dnsNames: ["a.example.com"] });
    for (let count = 0; count < 300; count += 1) {
      const at = randomInt(der.length);
      const damaged = Buffer.from(der);
      damaged[at] = (damaged[at] ?? 0) ^ (1 << randomInt(8));
      expect([at, decode(base64Of(damaged))?.kind]).toEqual([at, "invalid"]);
    }
  });

  test("is certified for what it cannot do, as other keys are, and the log is told", () => {
    const csr = buildCsr({ key: "ml-dsa-65" });
    const core = createIssuingCore(buildIssuer());
    const intent = { ...buildIntent({ spkiDer: csr.spkiDer }), keyUsage: 1 | 4 };
    const advice = ["key usage does not suit the kind of key (RFC 9881 section 5)"];
    expect(core.sign([intent])).toMatchObject([{ kind: "signed", advice }]);
  });

  test("node:crypto agrees with the built requests", () => {
    const { privateKey } = generateKey("ml-dsa-87");
    const signature = signWithDefault(privateKey, Buffer.from("message"));
    expect(signature).toHaveLength(4627);
    expect(verify(null, Buffer.from("message"), createPublicKey(privateKey), signature)).toBe(true);
  });
});
