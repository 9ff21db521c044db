import { createHash, X509Certificate } from "node:crypto";
import { expect, test } from "@jest/globals";
import { inspectPem } from "../../../services/certificate-authority/signer/certificate-inspector.ts";
import { readCertificate } from "../../../services/certificate-authority/signer/certificate-reader.ts";
import { loadIssuerCertificate } from "../../../services/certificate-authority/signer/issuer-certificate.ts";
import { attributeDer, extensionDer } from "../../builders/csr.ts";
import { element, pemBlock, sequence, setOf, TAG } from "../../builders/der.ts";
import { buildIssuer } from "../../builders/issuer.ts";
import { generateKey } from "../../builders/keys.ts";
import { openssl } from "../../builders/openssl.ts";
import { CLIENT_AUTH, EXTENSIONS, forgeCertificate, type LeafParts } from "./forged-certificate.ts";

const BUILT = buildIssuer("ecdsa-p256");
const LOADED = loadIssuerCertificate(BUILT.certificateDer);
const SPKI = generateKey("rsa-2048").publicKey.export({ type: "spki", format: "der" });

function forge(changes: Partial<LeafParts> = {}): Buffer {
  return forgeCertificate(
    { ...BUILT, nameDer: LOADED.nameDer, keyIdentifier: LOADED.keyIdentifier ?? Buffer.alloc(0) },
    SPKI,
    changes,
  );
}

function sha256(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

test("readCertificate says what the certificate says", () => {
  const subject = sequence(
    setOf(attributeDer("2.5.4.10", "system:nodes"), attributeDer("2.5.4.10", "b")),
    setOf(attributeDer("2.5.4.3", "system:node:a")),
    setOf(attributeDer("1.3.6.1.4.1.57683.2", "uid-1")),
    setOf(attributeDer("1.3.6.1.4.1.57683.2", "uid-2")),
  );
  const names = sequence(element(0x82, "a"), element(0x87, Buffer.from("0a000001", "hex")));
  const der = forge({
    subject,
    serial: element(TAG.integer, Buffer.from("00ff01", "hex")),
    extensions: [
      EXTENSIONS.keyUsage("05a0"),
      EXTENSIONS.purposes(CLIENT_AUTH, "1.2.3", "2.5.29.37.0"),
      EXTENSIONS.names(names),
    ],
  });
  const facts = readCertificate(new Uint8Array(der));
  expect(facts).toEqual({
    subject: {
      ...{ country: [], organizationalUnit: [], locality: [], province: [], streetAddress: [], postalCode: [] },
      organization: ["b", "system:nodes"],
      commonName: "system:node:a",
      serialNumber: "",
    },
    uids: ["uid-1", "uid-2"],
    sans: { dnsNames: ["a"], emailAddresses: [], ipAddresses: ["10.0.0.1"], uris: [] },
    serial: "ff01",
    fingerprint: sha256(der),
    spkiSha256: sha256(SPKI),
    notBefore: new Date("2026-01-01T00:00:00Z"),
    notAfter: new Date("2027-01-01T00:00:00Z"),
    isAuthority: false,
    keyUsage: 5,
    extendedKeyUsages: ["clientAuth", "any"],
  });
  expect(new X509Certificate(der).serialNumber.toLowerCase()).toBe(facts.serial);
});

test("readCertificate takes certificates of old versions and without extensions", () => {
  const facts = readCertificate(forge({ version: Buffer.alloc(0), extensions: [] }));
  expect(facts).toMatchObject({ isAuthority: false, keyUsage: 0, extendedKeyUsages: [] });
  expect(readCertificate(BUILT.certificateDer)).toMatchObject({ isAuthority: true, keyUsage: 0x60 });
});

test.each([
  { algorithm: "rsa:2048" },
  { algorithm: "ec", curve: "prime256v1" },
  { algorithm: "ec", curve: "secp384r1" },
  { algorithm: "ed25519" },
  { algorithm: "dsa" },
])("readCertificate reads what openssl makes of $algorithm $curve", ({ algorithm, curve }) => {
  if (algorithm === "dsa") return expectDsa();
  const key =
    curve === undefined ? ["-newkey", algorithm] : ["-newkey", "ec", "-pkeyopt", `ec_paramgen_curve:${curve}`];
  const pem = openssl(
    "req",
    "-x509",
    "-nodes",
    ...key,
    "-keyout",
    "/dev/null",
    "-subj",
    "/C=DE/O=Ä & Ö/CN=x",
    "-days",
    "30",
  );
  const parsed = new X509Certificate(pem);
  const facts = readCertificate(parsed.raw);
  expect(facts).toMatchObject({
    subject: { country: ["DE"], organization: ["Ã\u0084 & Ã\u0096"], commonName: "x" },
    isAuthority: true,
  });
  expect(facts.serial).toBe(parsed.serialNumber.toLowerCase());
  expect(facts.fingerprint).toBe(parsed.fingerprint256.replaceAll(":", "").toLowerCase());
  expect(facts.notAfter).toEqual(parsed.validToDate);
});

/** The kind of key does not matter for reading: a DSA key is as opaque as any. */
function expectDsa(): void {
  const spki = sequence(
    sequence(element(TAG.oid, Buffer.from("2a8648ce380401", "hex"))),
    element(TAG.bitString, Buffer.alloc(2)),
  );
  expect(readCertificate(forge({ spki })).spkiSha256).toBe(sha256(spki));
}

test.each([
  { name: "nothing", der: Buffer.alloc(0), message: "certificate: missing" },
  { name: "octets behind it", der: forge({ tail: Buffer.alloc(1) }), message: "certificate: trailing data" },
  {
    name: "a uid that is no string",
    der: forge({ subject: sequence(setOf(attributeDer("1.3.6.1.4.1.57683.2", Buffer.from([1]), TAG.integer))) }),
    message: "subject: attribute value is no supported string",
  },
  {
    name: "an extension twice",
    der: forge({ extensions: [EXTENSIONS.names(), EXTENSIONS.names()] }),
    message: "an extension occurs more than once",
  },
  {
    name: "malformed names",
    der: forge({ extensions: [EXTENSIONS.names(element(TAG.octetString))] }),
    message: "subjectAltName: unexpected type",
  },
  {
    name: "malformed key usage",
    der: forge({ extensions: [extensionDer("2.5.29.15", element(TAG.null))] }),
    message: "keyUsage: unexpected type",
  },
])("readCertificate refuses $name", ({ der, message }) => {
  expect(() => readCertificate(der)).toThrow(message);
});

function inspect(text: string): ReturnType<typeof inspectPem> {
  return inspectPem(Buffer.from(text).toString("base64"));
}

const LEAF = forge();
const LEAF_PEM = pemBlock("CERTIFICATE", LEAF);
const BROKEN_PEM = LEAF_PEM.replace("MI", "!!");

test.each([
  { name: "a leaf", text: LEAF_PEM, fingerprints: [LEAF] },
  { name: "a chain, leaf first", text: LEAF_PEM + BUILT.certificatePem, fingerprints: [LEAF, BUILT.certificateDer] },
  {
    name: "text around and between",
    text: `a\n${LEAF_PEM}b\n${BUILT.certificatePem}c`,
    fingerprints: [LEAF, BUILT.certificateDer],
  },
  {
    name: "two certificates in one block",
    text: pemBlock("CERTIFICATE", Buffer.concat([LEAF, BUILT.certificateDer])),
    fingerprints: [LEAF, BUILT.certificateDer],
  },
  { name: "a block with broken base64 beside a good one", text: BROKEN_PEM + LEAF_PEM, fingerprints: [LEAF] },
])("inspectPem takes $name", ({ text, fingerprints }) => {
  expect(inspect(text)).toMatchObject({
    kind: "ok",
    certificates: fingerprints.map((der) => ({ fingerprint: sha256(der) })),
  });
});

test.each([
  { name: "nothing", text: "", message: "must contain at least one CERTIFICATE PEM block" },
  { name: "DER", text: LEAF.toString("latin1"), message: "must contain at least one CERTIFICATE PEM block" },
  {
    name: "only a block with broken base64",
    text: BROKEN_PEM,
    message: "must contain at least one CERTIFICATE PEM block",
  },
  {
    name: "another label",
    text: LEAF_PEM.replaceAll("CERTIFICATE", "X509 CERTIFICATE"),
    message: "only CERTIFICATE PEM blocks are allowed",
  },
  {
    name: "another label behind a good block",
    text: LEAF_PEM + pemBlock("PRIVATE KEY", Buffer.from("x")),
    message: "only CERTIFICATE PEM blocks are allowed",
  },
  {
    name: "headers",
    text: LEAF_PEM.replace("-----\n", "-----\nA: b\n\n"),
    message: "PEM block headers are not allowed",
  },
  {
    name: "a header without a blank line",
    text: LEAF_PEM.replace("-----\n", "-----\nA: b\n"),
    message: "PEM block headers are not allowed",
  },
  {
    name: "an empty block",
    text: "-----BEGIN CERTIFICATE-----\n-----END CERTIFICATE-----\n",
    message: "a PEM block holds no certificate",
  },
  {
    name: "no certificate inside",
    text: pemBlock("CERTIFICATE", Buffer.from("hello")),
    message: "certificate: unexpected type",
  },
  {
    name: "octets behind the certificate",
    text: pemBlock("CERTIFICATE", Buffer.concat([LEAF, Buffer.alloc(1)])),
    message: "certificate: unexpected type",
  },
])("inspectPem refuses $name", ({ text, message }) => {
  expect(inspect(text)).toEqual({ kind: "invalid", message });
});
