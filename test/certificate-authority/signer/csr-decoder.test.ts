import { constants, sign } from "node:crypto";
import { expect, test } from "@jest/globals";
import type { CsrDecoding } from "../../../services/certificate-authority/domain/csr-facts.ts";
import { decodeRequests } from "../../../services/certificate-authority/signer/csr-decoder.ts";
import { attributeDer, buildCsr, type CsrArguments, extensionDer, extensionRequestDer } from "../../builders/csr.ts";
import { bitString, element, oid, pemBlock, sequence, setOf, TAG } from "../../builders/der.ts";
import { generateKey, type TestKeyAlgorithm } from "../../builders/keys.ts";

function decodeRequest(requestBase64: string, onDecoded?: Parameters<typeof decodeRequests>[1]): CsrDecoding {
  return decodeRequests([requestBase64], onDecoded)[0] ?? { kind: "invalid", message: "no answer" };
}

function base64(text: string): string {
  return Buffer.from(text).toString("base64");
}

function decodeDer(der: Uint8Array): CsrDecoding {
  return decodeRequest(base64(pemBlock("CERTIFICATE REQUEST", der)));
}

/** The decoded facts, or the message as an object that shows well when a test fails. */
function factsOf(args: CsrArguments) {
  const decoding = decodeRequest(buildCsr(args).requestBase64);
  return decoding.kind === "facts" ? decoding.facts : { invalid: decoding.message };
}

const EMPTY_SUBJECT = {
  country: [],
  organization: [],
  organizationalUnit: [],
  locality: [],
  province: [],
  streetAddress: [],
  postalCode: [],
  commonName: "",
  serialNumber: "",
};

const ORDINARY_RSA = { exponent: 65_537, defects: [], modulusSha1: expect.stringMatching(/^[0-9a-f]{40}$/) };

test.each<{ algorithm: TestKeyAlgorithm; key: unknown }>([
  { algorithm: "ecdsa-p224", key: { algorithm: "ECDSA", curve: "P-224" } },
  { algorithm: "ecdsa-p256", key: { algorithm: "ECDSA", curve: "P-256" } },
  { algorithm: "ecdsa-p384", key: { algorithm: "ECDSA", curve: "P-384" } },
  { algorithm: "ecdsa-p521", key: { algorithm: "ECDSA", curve: "P-521" } },
  { algorithm: "rsa-1024", key: { algorithm: "RSA", bits: 1024, ...ORDINARY_RSA } },
  { algorithm: "rsa-2048", key: { algorithm: "RSA", bits: 2048, ...ORDINARY_RSA } },
  { algorithm: "ed25519", key: { algorithm: "Ed25519" } },
])("a CSR of $algorithm yields its facts", ({ algorithm, key }) => {
  const built = buildCsr({ key: algorithm, dnsNames: ["worker-1"] });
  expect(decodeRequest(built.requestBase64)).toEqual({
    kind: "facts",
    facts: {
      subject: { ...EMPTY_SUBJECT, organization: ["system:nodes"], commonName: "system:node:worker-1" },
      sans: { dnsNames: ["worker-1"], emailAddresses: [], ipAddresses: [], uris: [] },
      key,
      spkiDer: built.spkiDer,
      spkiSha256: expect.stringMatching(/^[0-9a-f]{64}$/),
    },
  });
});

test("the imported key is handed on, once, and only for a CSR that verified", () => {
  const keys: unknown[] = [];
  const good = buildCsr();
  decodeRequest(good.requestBase64, ({ key }) => void keys.push(key.equals(good.publicKey)));
  decodeRequest(buildCsr({ breakSignature: true }).requestBase64, () => void keys.push("broken"));
  expect(keys).toEqual([true]);
});

test.each([
  { name: "nothing", text: "", message: "holds no PEM block" },
  { name: "DER without PEM", text: buildCsr().der.toString("latin1"), message: "holds no PEM block" },
  {
    name: "another label",
    text: buildCsr().pem.replaceAll("REQUEST", "REQUESTS"),
    message: "PEM block must be labelled CERTIFICATE REQUEST",
  },
  {
    name: "the label of old",
    text: buildCsr().pem.replaceAll("CERT", "NEW CERT"),
    message: "PEM block must be labelled CERTIFICATE REQUEST",
  },
  {
    name: "an empty block",
    text: "-----BEGIN CERTIFICATE REQUEST-----\n-----END CERTIFICATE REQUEST-----\n",
    message: "certificate request: missing",
  },
  {
    name: "another label first",
    text: pemBlock("CERTIFICATE", Buffer.from("x")) + buildCsr().pem,
    message: "PEM block must be labelled CERTIFICATE REQUEST",
  },
])("PEM refused: $name", ({ text, message }) => {
  expect(decodeRequest(base64(text))).toEqual({ kind: "invalid", message });
});

test.each([
  { name: "text around", wrap: (pem: string) => `a\n${pem}b\n` },
  { name: "a header inside", wrap: (pem: string) => pem.replace("-----\n", "-----\nA: b\n\n") },
  { name: "a broken block before", wrap: (pem: string) => pem.replace("MI", "!!") + pem },
  { name: "another block behind", wrap: (pem: string) => pem + pemBlock("CERTIFICATE", Buffer.from("x")) },
])("PEM tolerated: $name", ({ wrap }) => {
  expect(decodeRequest(base64(wrap(buildCsr().pem))).kind).toBe("facts");
});

test("the subject keeps known attributes, the last of single ones, and drops the rest", () => {
  const subjectDer = sequence(
    setOf(attributeDer("2.5.4.6", "DE", TAG.printableString)),
    setOf(attributeDer("2.5.4.10", "b"), attributeDer("2.5.4.10", "a")),
    setOf(attributeDer("2.5.4.11", "unit")),
    setOf(attributeDer("2.5.4.7", "town"), attributeDer("2.5.4.8", "state")),
    setOf(attributeDer("2.5.4.9", "street")),
    setOf(attributeDer("2.5.4.17", "12345")),
    setOf(attributeDer("2.5.4.3", "first")),
    setOf(attributeDer("2.5.4.3", "last")),
    setOf(attributeDer("2.5.4.5", "1")),
    setOf(attributeDer("2.5.4.5", "2")),
    setOf(attributeDer("1.2.840.113549.1.9.1", "a@b", TAG.ia5String)),
    setOf(attributeDer("0.9.2342.19200300.100.1.25", "dc", TAG.ia5String)),
    setOf(attributeDer("2.5.4.45", Buffer.from([0]), TAG.bitString)),
    element(TAG.set),
  );
  expect(factsOf({ subjectDer })).toMatchObject({
    subject: {
      country: ["DE"],
      organization: ["a", "b"],
      organizationalUnit: ["unit"],
      locality: ["town"],
      province: ["state"],
      streetAddress: ["street"],
      postalCode: ["12345"],
      commonName: "last",
      serialNumber: "2",
    },
  });
});

test.each([
  {
    name: "a kept attribute that is no string",
    subjectDer: sequence(setOf(attributeDer("2.5.4.10", Buffer.from([1]), TAG.integer))),
    message: "subject: attribute value is no supported string",
  },
  {
    name: "a string with characters of another type",
    subjectDer: sequence(setOf(attributeDer("2.5.4.3", "a_b", TAG.printableString))),
    message: "subject: character not allowed in its string type",
  },
  {
    name: "an attribute with something behind its value",
    subjectDer: sequence(setOf(sequence(oid("2.5.4.3"), element(TAG.utf8String, "a"), element(TAG.null)))),
    message: "subject: trailing data",
  },
  {
    name: "an attribute without a value",
    subjectDer: sequence(setOf(sequence(oid("2.5.4.3")))),
    message: "subject: truncated",
  },
  {
    name: "a sequence for a set",
    subjectDer: sequence(sequence(attributeDer("2.5.4.3", "a"))),
    message: "subject: unexpected type",
  },
  {
    name: "more attributes than any name has",
    subjectDer: sequence(...Array.from({ length: 257 }, () => setOf(attributeDer("2.5.4.10", "a")))),
    message: "subject: more than 256 attributes",
  },
])("subject refused: $name", ({ subjectDer, message }) => {
  expect(factsOf({ subjectDer })).toEqual({ invalid: message });
});

test("SANs come in the request's order, by kind, addresses in canonical form, other kinds dropped", () => {
  const otherName = element(0xa0, oid("1.2.3"), element(0xa0, element(TAG.utf8String, "x")));
  const names = sequence(
    otherName,
    element(0x82, "b"),
    element(0x81, "b@c"),
    element(0x82, "a"),
    element(0x87, Buffer.from("fe800000000000000000000000000001", "hex")),
    element(0x87, Buffer.from("0a000001", "hex")),
    element(0x86, "SPIFFE://x/y"),
    element(0x88, Buffer.from("2a03", "hex")),
  );
  expect(factsOf({ extensions: [extensionDer("2.5.29.17", names)] })).toMatchObject({
    sans: {
      dnsNames: ["b", "a"],
      emailAddresses: ["b@c"],
      ipAddresses: ["fe80::1", "10.0.0.1"],
      uris: ["spiffe://x/y"],
    },
  });
});

test.each([
  {
    name: "an IP address of 5 octets",
    names: sequence(element(0x87, Buffer.alloc(5))),
    message: "subjectAltName: IP address is not of 4 or 16 octets",
  },
  {
    name: "an empty IP address",
    names: sequence(element(0x87)),
    message: "subjectAltName: IP address is not of 4 or 16 octets",
  },
  {
    name: "a URI that does not parse",
    names: sequence(element(0x86, "http://a b")),
    message: "subjectAltName: URI does not parse",
  },
  {
    name: "a DNS name beyond ASCII",
    names: sequence(element(0x82, "ü")),
    message: "subjectAltName: DNS name is not ASCII",
  },
  {
    name: "an email address beyond ASCII",
    names: sequence(element(0x81, "ü@b")),
    message: "subjectAltName: email address is not ASCII",
  },
  { name: "a URI beyond ASCII", names: sequence(element(0x86, "a:ü")), message: "subjectAltName: URI is not ASCII" },
  {
    name: "something behind the names",
    names: Buffer.concat([sequence(), element(TAG.null)]),
    message: "subjectAltName: trailing data",
  },
  { name: "no sequence", names: element(TAG.octetString), message: "subjectAltName: unexpected type" },
  {
    name: "more names than any node has",
    names: sequence(...Array.from({ length: 4097 }, () => element(0x82, "a"))),
    message: "subjectAltName: more than 4096 names",
  },
])("SAN refused: $name", ({ names, message }) => {
  expect(factsOf({ extensions: [extensionDer("2.5.29.17", names)] })).toEqual({ invalid: message });
});

test("requested extensions other than SAN are ignored, critical or not", () => {
  const authority = extensionDer("2.5.29.19", sequence(element(TAG.boolean, Buffer.from([0xff]))), true);
  expect(factsOf({ extensions: [authority, extensionDer("1.2.3.4", Buffer.from("anything"))] })).toMatchObject({
    sans: { dnsNames: [] },
  });
});

test("an extension asked for twice is refused, in one request or in two", () => {
  const san = extensionDer("2.5.29.17", sequence(element(0x82, "a")));
  const message = "an extension is requested more than once";
  expect(factsOf({ extensions: [san, san] })).toEqual({ invalid: message });
  expect(factsOf({ extensions: [san], attributes: [extensionRequestDer([san])] })).toEqual({ invalid: message });
  const other = extensionRequestDer([extensionDer("1.2.3.4", Buffer.alloc(0))]);
  expect(factsOf({ extensions: [san], attributes: [other] })).toMatchObject({ sans: { dnsNames: ["a"] } });
});

test.each([
  {
    name: "a challenge password",
    attribute: sequence(oid("1.2.840.113549.1.9.7"), setOf(element(TAG.utf8String, "x"))),
  },
  { name: "a malformed one", attribute: sequence(element(TAG.null)) },
  { name: "something that is no sequence", attribute: element(TAG.octetString, "x") },
])("attributes we do not know are skipped: $name", ({ attribute }) => {
  expect(factsOf({ attributes: [attribute], dnsNames: ["a"] })).toMatchObject({ sans: { dnsNames: ["a"] } });
});

test("a self-signature that does not verify is refused", () => {
  for (const key of ["ecdsa-p256", "rsa-2048", "ed25519"] as const) {
    expect(factsOf({ key, breakSignature: true })).toEqual({ invalid: "signature does not verify" });
  }
});

/** A CSR whose outer fields are chosen freely; it is signed over `info` with `digest`. */
function csrWith(fields: {
  key: TestKeyAlgorithm;
  algorithm: Buffer;
  digest: string | null;
  pss?: number;
  info?: (spki: Buffer) => Buffer;
  tail?: Buffer;
}) {
  const { privateKey, publicKey } = generateKey(fields.key);
  const spki = publicKey.export({ type: "spki", format: "der" });
  const info = fields.info?.(spki) ?? sequence(element(TAG.integer, Buffer.from([0])), sequence(), spki, element(0xa0));
  const pss = { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: fields.pss ?? 0 };
  const signature = sign(fields.digest, info, fields.pss === undefined ? privateKey : { key: privateKey, ...pss });
  return decodeDer(sequence(info, fields.algorithm, bitString(signature), fields.tail ?? Buffer.alloc(0)));
}

function algorithm(dotted: string, ...parameters: readonly Buffer[]): Buffer {
  return sequence(oid(dotted), ...parameters);
}

const NULL = element(TAG.null);
const RSA = "1.2.840.113549.1.1";
const ECDSA = "1.2.840.10045.4";

test.each<{ name: string; key: TestKeyAlgorithm; algorithm: Buffer; digest: string | null }>([
  { name: "RSA with SHA-1", key: "rsa-2048", algorithm: algorithm(`${RSA}.5`, NULL), digest: "sha1" },
  {
    name: "RSA with SHA-1 by its older name",
    key: "rsa-2048",
    algorithm: algorithm("1.3.14.3.2.29", NULL),
    digest: "sha1",
  },
  { name: "RSA with SHA-256", key: "rsa-2048", algorithm: algorithm(`${RSA}.11`, NULL), digest: "sha256" },
  { name: "RSA with SHA-256 without parameters", key: "rsa-2048", algorithm: algorithm(`${RSA}.11`), digest: "sha256" },
  { name: "RSA with SHA-384", key: "rsa-2048", algorithm: algorithm(`${RSA}.12`, NULL), digest: "sha384" },
  { name: "RSA with SHA-512", key: "rsa-2048", algorithm: algorithm(`${RSA}.13`, NULL), digest: "sha512" },
  { name: "ECDSA with SHA-1", key: "ecdsa-p256", algorithm: algorithm(`${ECDSA}.1`), digest: "sha1" },
  { name: "ECDSA with SHA-256 on P-384", key: "ecdsa-p384", algorithm: algorithm(`${ECDSA}.3.2`), digest: "sha256" },
  { name: "ECDSA with SHA-384", key: "ecdsa-p256", algorithm: algorithm(`${ECDSA}.3.3`), digest: "sha384" },
  { name: "ECDSA with SHA-512 on P-224", key: "ecdsa-p224", algorithm: algorithm(`${ECDSA}.3.4`), digest: "sha512" },
])("signature taken: $name", (fields) => {
  expect(csrWith(fields).kind).toBe("facts");
});

test.each<{ name: string; key: TestKeyAlgorithm; algorithm: Buffer; digest: string | null; message: string }>([
  {
    name: "MD5 with RSA",
    key: "rsa-2048",
    algorithm: algorithm(`${RSA}.4`, NULL),
    digest: "md5",
    message: "signature algorithm: 1.2.840.113549.1.1.4 is not supported",
  },
  {
    name: "SHA-224 with ECDSA",
    key: "ecdsa-p256",
    algorithm: algorithm(`${ECDSA}.3.1`),
    digest: "sha224",
    message: "signature algorithm: 1.2.840.10045.4.3.1 is not supported",
  },
  {
    name: "DSA",
    key: "ecdsa-p256",
    algorithm: algorithm("2.16.840.1.101.3.4.3.2"),
    digest: "sha256",
    message: "signature algorithm: 2.16.840.1.101.3.4.3.2 is not supported",
  },
  {
    name: "parameters for Ed25519",
    key: "ed25519",
    algorithm: algorithm("1.3.101.112", NULL),
    digest: null,
    message: "signature algorithm: trailing data",
  },
  {
    name: "parameters that are not NULL",
    key: "rsa-2048",
    algorithm: algorithm(`${RSA}.11`, sequence()),
    digest: "sha256",
    message: "signature algorithm: trailing data",
  },
  {
    name: "an algorithm of another kind of key",
    key: "ecdsa-p256",
    algorithm: algorithm(`${RSA}.11`, NULL),
    digest: "sha256",
    message: "signature algorithm does not fit the public key",
  },
  {
    name: "another hash than was signed",
    key: "ecdsa-p256",
    algorithm: algorithm(`${ECDSA}.3.2`),
    digest: "sha384",
    message: "signature does not verify",
  },
])("signature refused: $name", ({ message, ...fields }) => {
  expect(csrWith(fields)).toEqual({ kind: "invalid", message });
});

const HASHES = {
  sha1: { dotted: "1.3.14.3.2.26", salt: 20 },
  sha256: { dotted: "2.16.840.1.101.3.4.2.1", salt: 32 },
  sha384: { dotted: "2.16.840.1.101.3.4.2.2", salt: 48 },
  sha512: { dotted: "2.16.840.1.101.3.4.2.3", salt: 64 },
} as const;

interface Pss {
  readonly hash: keyof typeof HASHES;
  readonly mask?: keyof typeof HASHES;
  readonly salt?: number;
  readonly trailer?: number;
  readonly maskGeneration?: string;
}

function pss({ hash, mask = hash, salt = HASHES[hash].salt, trailer, maskGeneration = `${RSA}.8` }: Pss): Buffer {
  const hashOf = (name: keyof typeof HASHES) => algorithm(HASHES[name].dotted, NULL);
  const fields = [
    element(0xa0, hashOf(hash)),
    element(0xa1, algorithm(maskGeneration, hashOf(mask))),
    element(0xa2, element(TAG.integer, Buffer.from([salt]))),
    ...(trailer === undefined ? [] : [element(0xa3, element(TAG.integer, Buffer.from([trailer])))]),
  ];
  return algorithm(`${RSA}.10`, sequence(...fields));
}

test.each<Pss>([{ hash: "sha256" }, { hash: "sha384" }, { hash: "sha512" }, { hash: "sha256", trailer: 1 }])(
  "PSS taken: %j",
  (parameters) => {
    const { salt } = HASHES[parameters.hash];
    expect(csrWith({ key: "rsa-2048", algorithm: pss(parameters), digest: parameters.hash, pss: salt }).kind).toBe(
      "facts",
    );
  },
);

test.each<Pss & { message: string }>([
  { hash: "sha1", message: "PSS parameters: unsupported combination" },
  { hash: "sha256", mask: "sha1", message: "PSS parameters: unsupported combination" },
  { hash: "sha256", salt: 20, message: "PSS parameters: unsupported combination" },
  { hash: "sha256", trailer: 2, message: "PSS parameters: unsupported combination" },
  { hash: "sha256", maskGeneration: "1.2.3", message: "PSS parameters: unsupported mask generation" },
])("PSS refused: %j", ({ message, ...parameters }) => {
  const salt = parameters.salt ?? HASHES[parameters.hash].salt;
  const decoding = csrWith({ key: "rsa-2048", algorithm: pss(parameters), digest: parameters.hash, pss: salt });
  expect(decoding).toEqual({ kind: "invalid", message });
});

test("PSS without parameters is refused, as is a PSS signature with another salt than it says", () => {
  const message = "PSS parameters: missing";
  expect(csrWith({ key: "rsa-2048", algorithm: algorithm(`${RSA}.10`), digest: "sha256", pss: 32 })).toEqual({
    kind: "invalid",
    message,
  });
  const other = csrWith({ key: "rsa-2048", algorithm: pss({ hash: "sha256" }), digest: "sha256", pss: 20 });
  expect(other).toEqual({ kind: "invalid", message: "signature does not verify" });
});

const SHA256_ECDSA = algorithm(`${ECDSA}.3.2`);

test.each<{ name: string; info: (spki: Buffer) => Buffer; message: string }>([
  {
    name: "no attributes",
    info: (spki) => sequence(element(TAG.integer, Buffer.from([0])), sequence(), spki),
    message: "attributes: missing",
  },
  {
    name: "no version",
    info: (spki) => sequence(sequence(), spki, element(0xa0)),
    message: "version: unexpected type",
  },
  {
    name: "a version of nine octets",
    info: (spki) => sequence(element(TAG.integer, Buffer.alloc(9, 1)), sequence(), spki, element(0xa0)),
    message: "version: integer is too long",
  },
  {
    name: "a field too many",
    info: (spki) => sequence(element(TAG.integer, Buffer.from([0])), sequence(), spki, element(0xa0), NULL),
    message: "request information: trailing data",
  },
])("structure refused: $name", ({ info, message }) => {
  const decoding = csrWith({ key: "ecdsa-p256", algorithm: SHA256_ECDSA, digest: "sha256", info });
  expect(decoding).toEqual({ kind: "invalid", message });
});

test("octets behind the request are refused, inside the PEM block or inside the sequence", () => {
  const { der } = buildCsr();
  expect(decodeDer(Buffer.concat([der, Buffer.from([0])]))).toEqual({
    kind: "invalid",
    message: "certificate request: trailing data",
  });
  const inside = csrWith({ key: "ecdsa-p256", algorithm: SHA256_ECDSA, digest: "sha256", tail: NULL });
  expect(inside).toEqual({ kind: "invalid", message: "certificate request: trailing data" });
});

function withSpki(spki: Buffer): CsrDecoding {
  const info = (): Buffer => sequence(element(TAG.integer, Buffer.from([0])), sequence(), spki, element(0xa0));
  return csrWith({ key: "ecdsa-p256", algorithm: SHA256_ECDSA, digest: "sha256", info });
}

function rsaSpki(modulus: Buffer, exponent: Buffer, parameters: Buffer = NULL): Buffer {
  const key = sequence(element(TAG.integer, modulus), element(TAG.integer, exponent));
  return sequence(algorithm(`${RSA}.1`, parameters), bitString(key));
}

function ecSpki(curve: string, point: Buffer): Buffer {
  return sequence(algorithm("1.2.840.10045.2.1", oid(curve)), bitString(point));
}

const F4 = Buffer.from("010001", "hex");
const P256 = "1.2.840.10045.3.1.7";

function modulus(octets: number, last = 0xff): Buffer {
  return Buffer.concat([Buffer.from([0, 0xff]), Buffer.alloc(octets - 2, 0xff), Buffer.from([last])]);
}

test.each([
  { name: "RSA of 1016 bits", spki: rsaSpki(modulus(127), F4), message: "RSA key: 1016 bits are fewer than 1024" },
  {
    name: "RSA of 1023 bits",
    spki: rsaSpki(Buffer.concat([Buffer.from([0x7f]), Buffer.alloc(127, 0xff)]), F4),
    message: "RSA key: 1023 bits are fewer than 1024",
  },
  { name: "RSA of 16392 bits", spki: rsaSpki(modulus(2049), F4), message: "RSA key: 16392 bits are more than 16384" },
  { name: "an even modulus", spki: rsaSpki(modulus(128, 0xfe), F4), message: "RSA key: modulus is even" },
  {
    name: "a negative modulus",
    spki: rsaSpki(modulus(128).subarray(1), F4),
    message: "RSA modulus: integer is not minimal",
  },
  {
    name: "an even exponent",
    spki: rsaSpki(modulus(128), Buffer.from("010000", "hex")),
    message: "RSA key: exponent is out of range",
  },
  {
    name: "an exponent of 1",
    spki: rsaSpki(modulus(128), Buffer.from([1])),
    message: "RSA key: exponent is out of range",
  },
  {
    name: "an exponent beyond 31 bits",
    spki: rsaSpki(modulus(128), Buffer.from("0080000001", "hex")),
    message: "RSA key: exponent is out of range",
  },
  {
    name: "an exponent of five octets",
    spki: rsaSpki(modulus(128), Buffer.from("0100000001", "hex")),
    message: "RSA key: exponent is out of range",
  },
  { name: "RSA without NULL", spki: rsaSpki(modulus(128), F4, Buffer.alloc(0)), message: "RSA parameters: missing" },
  {
    name: "RSA-PSS keys",
    spki: sequence(algorithm(`${RSA}.10`), bitString(Buffer.alloc(1))),
    message: "public key: unsupported algorithm 1.2.840.113549.1.1.10",
  },
  {
    name: "DSA",
    spki: sequence(algorithm("1.2.840.10040.4.1"), bitString(Buffer.alloc(1))),
    message: "public key: unsupported algorithm 1.2.840.10040.4.1",
  },
  {
    name: "X25519",
    spki: sequence(algorithm("1.3.101.110"), bitString(Buffer.alloc(32))),
    message: "public key: unsupported algorithm 1.3.101.110",
  },
  {
    name: "another curve",
    spki: ecSpki("1.3.132.0.10", Buffer.alloc(65, 4)),
    message: "public key: unsupported elliptic curve 1.3.132.0.10",
  },
  {
    name: "a curve spelled out",
    spki: sequence(algorithm("1.2.840.10045.2.1", sequence()), bitString(Buffer.alloc(65, 4))),
    message: "elliptic curve: unexpected type",
  },
  {
    name: "a compressed point",
    spki: ecSpki(P256, Buffer.alloc(33, 2)),
    message: "public key: not an uncompressed point of P-256",
  },
  {
    name: "a point of another size",
    spki: ecSpki(P256, Buffer.alloc(97, 4)),
    message: "public key: not an uncompressed point of P-256",
  },
  { name: "a point off the curve", spki: ecSpki(P256, Buffer.alloc(65, 4)), message: "public key: not usable" },
  {
    name: "the point at infinity",
    spki: ecSpki(P256, Buffer.alloc(1, 0)),
    message: "public key: not an uncompressed point of P-256",
  },
])("key refused: $name", ({ spki, message }) => {
  expect(withSpki(spki)).toEqual({ kind: "invalid", message });
});

test.each([
  {
    name: "Ed25519 of 31 octets",
    spki: sequence(algorithm("1.3.101.112"), bitString(Buffer.alloc(31))),
    message: "public key: Ed25519 key of wrong length",
  },
  {
    name: "Ed25519 with parameters",
    spki: sequence(algorithm("1.3.101.112", NULL), bitString(Buffer.alloc(32))),
    message: "public key: trailing data",
  },
])("key refused: $name", ({ spki, message }) => {
  expect(withSpki(spki)).toEqual({ kind: "invalid", message });
});
