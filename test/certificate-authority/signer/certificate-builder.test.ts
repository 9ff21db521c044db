import { webcrypto } from "node:crypto";
import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { createCertificateBuilder } from "../../../services/certificate-authority/signer/certificate-builder.ts";
import { readOneCertificate } from "../../../services/certificate-authority/signer/certificate-reader.ts";
import { loadIssuerCertificate } from "../../../services/certificate-authority/signer/issuer-certificate.ts";
import { toDotted } from "../../../services/certificate-authority/signer/object-identifiers.ts";
import { encodingOf } from "../../../services/shared/der/der-reader.ts";
import { buildIntent } from "../../builders/intent.ts";
import { type BuiltIssuer, buildIssuer } from "../../builders/issuer.ts";
import { arbitraryIntent, arbitrarySerial } from "./arbitrary-intent.ts";
import { oracleToBeSigned } from "./peculiar-oracle.ts";

const ALGORITHMS = {
  "ecdsa-p256": { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" },
  "ecdsa-p384": { name: "ECDSA", namedCurve: "P-384", hash: "SHA-384" },
  "ecdsa-p521": { name: "ECDSA", namedCurve: "P-521", hash: "SHA-512" },
  "rsa-2048": { name: "RSASSA-PKCS1-v1_5", hash: "SHA-256" },
  ed25519: { name: "Ed25519" },
} as const;

async function signingKey({ privateKey }: BuiltIssuer, algorithm: (typeof ALGORITHMS)[keyof typeof ALGORITHMS]) {
  const pkcs8 = privateKey.export({ format: "der", type: "pkcs8" });
  const key = (await webcrypto.subtle.importKey("pkcs8", new Uint8Array(pkcs8), algorithm, false, [
    "sign",
  ])) as CryptoKey;
  return { key, algorithm };
}

test.each(Object.entries(ALGORITHMS) as [keyof typeof ALGORITHMS, (typeof ALGORITHMS)[keyof typeof ALGORITHMS]][])(
  "to-be-signed bytes under %s equal those of @peculiar/x509's generator, whatever the intent",
  async (name, algorithm) => {
    const issuer = buildIssuer(name);
    const builder = createCertificateBuilder(loadIssuerCertificate(issuer.certificateDer));
    const signing = await signingKey(issuer, algorithm);
    await fc.assert(
      fc.asyncProperty(arbitraryIntent, arbitrarySerial, async (intent, serial) => {
        const built = builder.toBeSigned(intent, serial).toString("hex");
        expect(built).toBe((await oracleToBeSigned(intent, serial, issuer, signing)).toString("hex"));
      }),
      { numRuns: 40 },
    );
  },
);

test.each([
  { crlUrl: "http://pki.example.com/a.crl", ocspUrl: "https://pki.example.com/v1/ocsp" },
  { crlUrl: `http://pki.example.com/${"a".repeat(200)}.crl`, ocspUrl: undefined },
  { crlUrl: undefined, ocspUrl: "http://ocsp.example.com" },
])("the same holds where certificates say where their revocation is looked up: $crlUrl, $ocspUrl", async (pointers) => {
  const issuer = buildIssuer();
  const loaded = loadIssuerCertificate(issuer.certificateDer, pointers);
  const builder = createCertificateBuilder(loaded);
  const signing = await signingKey(issuer, ALGORITHMS["ecdsa-p256"]);
  await fc.assert(
    fc.asyncProperty(arbitraryIntent, arbitrarySerial, async (intent, serial) => {
      const oracle = await oracleToBeSigned(intent, serial, issuer, signing, pointers);
      expect(builder.toBeSigned(intent, serial).toString("hex")).toBe(oracle.toString("hex"));
    }),
    { numRuns: 20 },
  );
});

test("the same holds for an issuer without a key identifier and for a subject that equals the issuer's", async () => {
  const issuer = buildIssuer("ecdsa-p256", { withoutKeyIdentifier: true, commonName: "a_b" });
  const named = buildIssuer("ecdsa-p256", { commonName: "a_b" });
  const intent = buildIntent({ subject: { organization: [], commonName: "a_b" } });
  for (const each of [issuer, named]) {
    const builder = createCertificateBuilder(loadIssuerCertificate(each.certificateDer));
    const signing = await signingKey(each, ALGORITHMS["ecdsa-p256"]);
    const oracle = await oracleToBeSigned(intent, Buffer.from([1]), each, signing);
    expect(builder.toBeSigned(intent, Buffer.from([1])).toString("hex")).toBe(oracle.toString("hex"));
    expect(oracle.includes(Buffer.from("551d23", "hex"))).toBe(false);
  }
});

const ISSUER = loadIssuerCertificate(buildIssuer().certificateDer);

/** The extensions of what is built for an intent: `*` marks critical ones. */
function extensionsOf(intent: Parameters<typeof buildIntent>[0]): readonly string[] {
  const builder = createCertificateBuilder(ISSUER);
  const der = builder.certificate(builder.toBeSigned(buildIntent(intent), Buffer.from([1])), Buffer.alloc(1));
  return readOneCertificate(der).extensions.map(
    ({ type, isCritical, value }) => `${toDotted(type)}${isCritical ? "*" : ""}=${value.toString("hex")}`,
  );
}

const AKI = `2.5.29.35=3016${`8014${ISSUER.keyIdentifier?.toString("hex")}`}`;

test.each([
  {
    name: "client",
    intent: {},
    expected: ["2.5.29.15*=03020780", "2.5.29.37=300a06082b06010505070302", "2.5.29.19*=3000", AKI],
  },
  {
    name: "no key usage",
    intent: { keyUsage: 0 },
    expected: ["2.5.29.37=300a06082b06010505070302", "2.5.29.19*=3000", AKI],
  },
  {
    name: "no extended usage",
    intent: { extendedKeyUsages: [] },
    expected: ["2.5.29.15*=03020780", "2.5.29.19*=3000", AKI],
  },
  { name: "neither", intent: { keyUsage: 0, extendedKeyUsages: [] }, expected: ["2.5.29.19*=3000", AKI] },
  {
    name: "nine bits of usage",
    intent: { keyUsage: 0x1ff, extendedKeyUsages: [] },
    expected: ["2.5.29.15*=030307ff80", "2.5.29.19*=3000", AKI],
  },
  {
    name: "a name",
    intent: { keyUsage: 0, extendedKeyUsages: [], sans: { dnsNames: ["a"] } },
    expected: ["2.5.29.19*=3000", AKI, "2.5.29.17=3003820161"],
  },
  {
    name: "a name and no subject",
    intent: {
      keyUsage: 0,
      extendedKeyUsages: [],
      sans: { dnsNames: ["a"] },
      subject: { organization: [], commonName: "" },
    },
    expected: ["2.5.29.19*=3000", AKI, "2.5.29.17*=3003820161"],
  },
  {
    name: "names of every kind, in the order of kinds",
    intent: {
      keyUsage: 0,
      extendedKeyUsages: [],
      sans: { uris: ["u:"], ipAddresses: ["1.2.3.4", "::1"], emailAddresses: ["e"], dnsNames: ["b", "a"] },
    },
    expected: [
      "2.5.29.19*=3000",
      AKI,
      `2.5.29.17=3025${"820162820161"}${"810165"}${"870401020304"}8710${"00".repeat(15)}01${"8602753a"}`,
    ],
  },
])("extensions: $name", ({ intent, expected }) => {
  expect(extensionsOf(intent as Parameters<typeof buildIntent>[0])).toEqual(expected);
});

test("usages are cached by what they are, not by what was asked last", () => {
  const first = extensionsOf({ keyUsage: 1 });
  for (let keyUsage = 0; keyUsage < 200; keyUsage += 1) extensionsOf({ keyUsage });
  expect(extensionsOf({ keyUsage: 1 })).toEqual(first);
  expect(extensionsOf({ keyUsage: 3 })).not.toEqual(first);
});

test("a certificate's memory is its own: building the next one leaves it alone", () => {
  const builder = createCertificateBuilder(ISSUER);
  const first = builder.certificate(builder.toBeSigned(buildIntent(), Buffer.from([1])), Buffer.alloc(70, 1));
  const before = first.toString("hex");
  builder.certificate(
    builder.toBeSigned(buildIntent({ subject: { commonName: "x".repeat(2000) } }), Buffer.from([2])),
    Buffer.alloc(70, 2),
  );
  expect(first.toString("hex")).toBe(before);
  expect(first.buffer.byteLength).toBe(first.length);
});

test.each([
  { serial: "01", encoded: "020101" },
  { serial: "0001", encoded: "020101" },
  { serial: "80", encoded: "02020080" },
  { serial: "00ff".padEnd(32, "0"), encoded: `021000ff${"00".repeat(14)}` },
  { serial: "ff".repeat(16), encoded: `021100${"ff".repeat(16)}` },
])("serial $serial is the shortest positive INTEGER", ({ serial, encoded }) => {
  const builder = createCertificateBuilder(ISSUER);
  const tbs = builder.toBeSigned(buildIntent(), Buffer.from(serial, "hex")).toString("hex");
  expect(tbs).toContain(`a003020102${encoded}30`);
});

test("the issuer's name is the CA's subject byte for byte", () => {
  const builder = createCertificateBuilder(ISSUER);
  const der = builder.certificate(builder.toBeSigned(buildIntent(), Buffer.from([1])), Buffer.alloc(1));
  expect(encodingOf(readOneCertificate(der).issuer)).toEqual(ISSUER.nameDer);
});

test.each([
  { instant: "1949-12-31T23:59:59Z", encoded: "180f31393439313233313233353935395a" },
  { instant: "1950-01-01T00:00:00Z", encoded: "170d3530303130313030303030305a" },
  { instant: "2049-12-31T23:59:59.999Z", encoded: "170d3439313233313233353935395a" },
  { instant: "2050-01-01T00:00:00Z", encoded: "180f32303530303130313030303030305a" },
])("$instant is written as RFC 5280 wants it", ({ instant, encoded }) => {
  const builder = createCertificateBuilder(ISSUER);
  const tbs = builder.toBeSigned(buildIntent({ notAfter: new Date(instant) }), Buffer.from([1]));
  expect(tbs.toString("hex")).toContain(`${encoded}30`);
});
