import { constants, createHash, sign, X509Certificate } from "node:crypto";
import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { SignedData } from "../../../../services/certificate-authority/attestation/cms/signed-data.ts";
import { readSignedJson } from "../../../../services/certificate-authority/attestation/cms/signed-json.ts";
import { AttestationRefusal } from "../../../../services/certificate-authority/attestation/refusal.ts";
import { buildChainCertificate } from "../../../builders/certificate-chain.ts";
import { buildCms, CMS, type CmsArguments, type CmsSigner, cmsAttribute } from "../../../builders/cms.ts";
import { element, oid, sequence, setOf, TAG } from "../../../builders/der.ts";
import { opensslCms } from "../../../builders/openssl-cms.ts";
import { refusalIn } from "../../../builders/proof-input.ts";

const CONTENT = Buffer.from('{"instanceId":"i-1"}');
const signer = buildChainCertificate({ commonName: "signer", keyAlgorithm: "rsa-2048" });
const other = buildChainCertificate({ commonName: "other", keyAlgorithm: "rsa-2048" });

const certificateOf = ({ der }: { readonly der: Buffer }) => new X509Certificate(der);
const read = (cms: Buffer, needsAttributes = true) => SignedData.read(cms, { needsAttributes });
const contentOf = (cms: Buffer, certificate = signer, needsAttributes = true) =>
  read(cms, needsAttributes).contentSignedBy(certificateOf(certificate));
const cmsOf = (changes: Partial<CmsSigner> = {}, args: Partial<CmsArguments> = {}) =>
  buildCms({ content: CONTENT, signers: [{ certificate: signer, ...changes }], ...args });

test.each([
  { name: "BER without certificates, as AWS makes it", options: ["-stream", "-nocerts", "-nosmimecap"], count: 0 },
  { name: "DER with the certificate", options: [], count: 1 },
  { name: "without attributes, as Azure makes it", options: ["-noattr"], count: 1 },
])("what openssl signs is taken: $name", ({ options, count }) => {
  const message = read(opensslCms(CONTENT, signer, ...options), false);
  expect(message.certificates).toHaveLength(count);
  expect(message.namesAsSigner(certificateOf(other))).toBe(false);
  expect(message.contentSignedBy(certificateOf(signer))).toStrictEqual(CONTENT);
});

test("what openssl signs with -stream has the opening of a genuine document of AWS, but for a NULL", () => {
  const opening =
    "308006092a864886f70d010702a0803080020101310d300b0609608648016503040201308006092a864886f70d010701a08024800482";
  const long = Buffer.from(JSON.stringify({ text: "x".repeat(470) }));
  expect(opensslCms(long, signer, "-stream", "-nocerts").toString("hex").slice(0, opening.length)).toBe(opening);
});

test.each([
  { name: "RSA-PSS", algorithm: "rsa-2048", options: ["-keyopt", "rsa_padding_mode:pss"] },
  { name: "ECDSA", algorithm: "ecdsa-p256", options: [] },
] as const)("the signature may be $name", ({ algorithm, options }) => {
  const certificate = buildChainCertificate({ commonName: "signer", keyAlgorithm: algorithm });
  expect(contentOf(opensslCms(CONTENT, certificate, ...options), certificate)).toStrictEqual(CONTENT);
});

test.each([
  { name: "rsaEncryption", changes: {} },
  { name: "sha256WithRSAEncryption", changes: { signatureAlgorithm: CMS.sha256WithRsa } },
  {
    name: "sha256WithRSAEncryption as the digest too, as Azure says it",
    changes: { digestAlgorithm: CMS.sha256WithRsa, attributes: () => undefined },
  },
  { name: "attributes that nobody knows", changes: withAttribute(cmsAttribute("1.2.3.4", element(TAG.null))) },
  { name: "the algorithms, protected", changes: protecting(CMS.sha256, CMS.rsaEncryption) },
])("what we sign is taken: $name", ({ changes }) => {
  expect(contentOf(cmsOf(changes), signer, false)).toStrictEqual(CONTENT);
});

function withAttribute(...attributes: readonly Buffer[]): Partial<CmsSigner> {
  return { attributes: (usual) => [...usual, ...attributes] };
}

function protecting(digest: string, signature: string): Partial<CmsSigner> {
  const content = [oid(signature), element(TAG.null)];
  const value = sequence(sequence(oid(digest), element(TAG.null)), element(0xa1, ...content));
  return withAttribute(cmsAttribute(CMS.algorithmProtection, value));
}

const usualAttribute = (index: number, changed: (usual: Buffer) => Buffer): Partial<CmsSigner> => ({
  attributes: (usual) => usual.map((attribute, at) => (at === index ? changed(attribute) : attribute)),
});
const digestOf = (content: string) =>
  cmsAttribute(CMS.messageDigest, element(TAG.octetString, createHash("sha256").update(content).digest()));
const NOT_TAKEN = "the document is no CMS SignedData that is taken here: ";

test.each([
  {
    name: "another content",
    cms: cmsOf({}, { shownContent: Buffer.from("{}") }),
    message: "the content is not what was signed",
  },
  { name: "another key", cms: cmsOf({ key: other.privateKey }), message: "the signature is wrong" },
  {
    name: "another key, of another kind",
    cms: cmsOf({ key: buildChainCertificate().privateKey }),
    message: "the signature is wrong",
  },
  { name: "another signer", cms: cmsOf({ named: other }), message: "the document names another signer" },
  {
    name: "a digest of something else",
    cms: cmsOf(usualAttribute(1, () => digestOf("x"))),
    message: "the content is not what was signed",
  },
  {
    name: "half a digest",
    cms: cmsOf(usualAttribute(1, () => cmsAttribute(CMS.messageDigest, element(TAG.octetString, Buffer.alloc(16))))),
    message: "the content is not what was signed",
  },
  { name: "no signer", cms: cmsOf({}, { signers: [] }), message: `${NOT_TAKEN}signerInfo: missing` },
  {
    name: "two signers",
    cms: cmsOf({}, { signers: [{ certificate: signer }, { certificate: other }] }),
    message: `${NOT_TAKEN}signerInfos: more than one signer`,
  },
  {
    name: "detached content",
    cms: cmsOf({}, { shownContent: null }),
    message: `${NOT_TAKEN}eContent: detached from its signature`,
  },
  {
    name: "content of another type",
    cms: cmsOf({}, { contentType: "1.2.3" }),
    message: `${NOT_TAKEN}eContentType: not data`,
  },
  { name: "another version", cms: cmsOf({}, { version: 3 }), message: `${NOT_TAKEN}signedData: not of version 1` },
  {
    name: "another version of the signer",
    cms: cmsOf({ version: 3 }),
    message: `${NOT_TAKEN}signerInfo: not of version 1`,
  },
  {
    name: "SHA-1",
    cms: cmsOf({ digestAlgorithm: CMS.sha1 }),
    message: `${NOT_TAKEN}digestAlgorithm: not SHA-256, SHA-384 or SHA-512`,
  },
  {
    name: "another digest in the signature",
    cms: cmsOf({ signatureAlgorithm: CMS.sha512WithRsa }),
    message: `${NOT_TAKEN}signatureAlgorithm: another digest than the message's`,
  },
  {
    name: "a signature of no kind we know",
    cms: cmsOf({ signatureAlgorithm: "1.3.101.112" }),
    message: `${NOT_TAKEN}the signature algorithm is neither RSA nor ECDSA with SHA-2`,
  },
  {
    name: "no attributes",
    cms: cmsOf({ attributes: () => undefined }),
    message: `${NOT_TAKEN}signerInfo: no signed attributes`,
  },
  {
    name: "no contentType",
    cms: cmsOf({ attributes: ([, digest]) => (digest ? [digest] : []) }),
    message: `${NOT_TAKEN}contentType attribute: missing`,
  },
  {
    name: "no messageDigest",
    cms: cmsOf({ attributes: ([type]) => (type ? [type] : []) }),
    message: `${NOT_TAKEN}messageDigest attribute: missing`,
  },
  {
    name: "another contentType",
    cms: cmsOf(usualAttribute(0, () => cmsAttribute(CMS.contentType, oid("1.2.3")))),
    message: `${NOT_TAKEN}contentType attribute: not data`,
  },
  {
    name: "two messageDigests",
    cms: cmsOf(withAttribute(digestOf("x"))),
    message: `${NOT_TAKEN}attribute 2a864886f70d010904: twice`,
  },
  {
    name: "an attribute with two values",
    cms: cmsOf(withAttribute(cmsAttribute("1.2.3.4", element(TAG.null), element(TAG.integer, Buffer.from([1]))))),
    message: `${NOT_TAKEN}attribute 2a0304: several values`,
  },
  {
    name: "protected algorithms that are others",
    cms: cmsOf(protecting(CMS.sha256, CMS.sha256WithRsa)),
    message: `${NOT_TAKEN}algorithmProtection: other algorithms than the message's`,
  },
  {
    name: "a protected digest that is another",
    cms: cmsOf(protecting(CMS.sha256WithRsa, CMS.rsaEncryption)),
    message: `${NOT_TAKEN}algorithmProtection: other algorithms than the message's`,
  },
  {
    name: "six certificates",
    cms: cmsOf({}, { certificates: Array.from({ length: 6 }, () => other.der) }),
    message: `${NOT_TAKEN}certificates: more than 5`,
  },
  {
    name: "something after the message",
    cms: Buffer.concat([cmsOf(), Buffer.alloc(1)]),
    message: `${NOT_TAKEN}trailing data`,
  },
  {
    name: "something else than SignedData",
    cms: sequence(oid(CMS.data), element(0xa0, element(TAG.octetString, CONTENT))),
    message: `${NOT_TAKEN}it is not SignedData`,
  },
  {
    name: "more than 16 KiB",
    cms: cmsOf({}, { shownContent: Buffer.alloc(17_000) }),
    message: `${NOT_TAKEN}longer than 16384 bytes`,
  },
])("refused: $name", async ({ cms, message }) => {
  expect(await refusalIn(() => contentOf(cms))).toBe(message);
});

test("a signer's key of 1024 bits is refused", async () => {
  const weak = buildChainCertificate({ commonName: "weak", keyAlgorithm: "rsa-1024" });
  const cms = buildCms({ content: CONTENT, signers: [{ certificate: weak }] });
  expect(await refusalIn(() => contentOf(cms, weak))).toContain("an RSA key has 2048 to 4096 bits, not 1024");
});

test("attributes of another message are no content, although their signature is right", async () => {
  const attributes = setOf(cmsAttribute(CMS.contentType, oid(CMS.data)), digestOf(CONTENT.toString()));
  const cms = cmsOf({ attributes: () => undefined }, { content: attributes });
  expect(await refusalIn(() => contentOf(cms, signer, false))).toBe(
    `${NOT_TAKEN}eContent: signed attributes of another message`,
  );
});

test("a right signature of the content alone does not count where attributes are shown", async () => {
  const signature = sign("sha256", CONTENT, { key: signer.privateKey, padding: constants.RSA_PKCS1_PADDING });
  const cms = cmsOf();
  cms.set(signature, cms.length - signature.length);
  expect(await refusalIn(() => contentOf(cms))).toBe("the signature is wrong");
});

const cms = opensslCms(CONTENT, signer, "-stream", "-nosmimecap");

test("a message that ends early is refused at every octet", async () => {
  for (let length = 0; length < cms.length; length += 1)
    expect(await refusalIn(() => contentOf(cms.subarray(0, length)))).toMatch(/^the document is no CMS/);
});

test("no changed octet gives other content", () => {
  fc.assert(
    fc.property(fc.nat(cms.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
      const changed = Buffer.from(cms);
      changed[at] = (changed[at] ?? 0) ^ change;
      try {
        // Certificates beside the signature are not signed; what is returned was, whatever they have become.
        expect(contentOf(changed)).toStrictEqual(CONTENT);
      } catch (error) {
        if (!(error instanceof AttestationRefusal)) throw error;
      }
    }),
    { numRuns: 3000 },
  );
});

test.each([
  { name: "a key twice", text: '{"a":{"b":1,"b":2}}', message: 'the key "a.b" comes twice' },
  { name: "a key twice, once escaped", text: String.raw`{"ab":1,"\u0061b":2}`, message: 'the key "ab" comes twice' },
  { name: "no JSON", text: "{", message: "the body is not valid JSON" },
  { name: "two values", text: "{}{}", message: "the body is not valid JSON" },
  { name: "deep nesting", text: `${"[".repeat(65)}${"]".repeat(65)}`, message: "the body is nested too deeply" },
])("signed JSON is refused with $name", async ({ text, message }) => {
  expect(await refusalIn(() => readSignedJson(Buffer.from(text)))).toBe(`what was signed cannot be read: ${message}`);
});

test("signed JSON is UTF-8", async () => {
  expect(await refusalIn(() => readSignedJson(Buffer.from([0x22, 0xff, 0x22])))).toContain(
    "what was signed cannot be read",
  );
  expect(readSignedJson(Buffer.from('{"é":[1]}'))).toStrictEqual({ é: [1] });
});
