import { constants, sign, X509Certificate } from "node:crypto";
import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { DIGITAL_SIGNATURE } from "../../../services/certificate-authority/attestation/certificate-extensions.ts";
import { type PathRules, verifyPath } from "../../../services/certificate-authority/attestation/certificate-path.ts";
import { AttestationRefusal } from "../../../services/certificate-authority/attestation/refusal.ts";
import {
  buildChainAuthority,
  buildChainCertificate,
  CHAIN_NOW,
  type ChainCertificate,
  type ChainCertificateArguments,
  CLIENT_AUTH,
  extension,
  SERVER_AUTH,
} from "../../builders/certificate-chain.ts";
import { element, oid, sequence, TAG } from "../../builders/der.ts";
import { generateKey } from "../../builders/keys.ts";

const root = buildChainAuthority({ commonName: "root" });
const middle = buildChainAuthority({ commonName: "middle", issuer: root });
const issuing = buildChainAuthority({ commonName: "issuing", issuer: middle }, 0);
const LEAF_EXTENSIONS = [extension.keyUsage("digitalSignature"), extension.extendedKeyUsage(CLIENT_AUTH)];

const leafOf = (args: ChainCertificateArguments = {}) =>
  buildChainCertificate({ commonName: "node", issuer: issuing, extensions: LEAF_EXTENSIONS, ...args });
const leaf = leafOf();

const ders = (...certificates: readonly ChainCertificate[]) => certificates.map(({ der }) => der);
const anchorsOf = (...certificates: readonly ChainCertificate[]) =>
  certificates.map(({ der }) => new X509Certificate(der));

function verify(chain: readonly Buffer[], rules: Partial<PathRules> = {}) {
  return verifyPath(chain, {
    anchors: anchorsOf(root),
    now: CHAIN_NOW,
    extendedKeyUsage: CLIENT_AUTH,
    keyUsage: DIGITAL_SIGNATURE,
    ...rules,
  });
}

const refusalOf = (chain: readonly Buffer[], rules: Partial<PathRules> = {}): string => {
  try {
    verify(chain, rules);
  } catch (error) {
    if (error instanceof AttestationRefusal && error.code === "denied") return error.message;
    throw error;
  }
  return "accepted";
};

test.each([
  { name: "in order", chain: ders(leaf, issuing, middle) },
  { name: "in any order", chain: ders(leaf, middle, issuing) },
  { name: "with the root", chain: ders(leaf, issuing, middle, root) },
  {
    name: "with somebody else's certificates",
    chain: ders(leaf, issuing, middle, buildChainAuthority({ commonName: "x" })),
  },
])("a path through three CAs, sent $name", ({ chain }) => {
  const { leaf: found, certificates } = verify(chain);
  expect(found.raw).toEqual(leaf.der);
  expect(certificates.map(({ raw }) => raw)).toEqual(ders(leaf, issuing, middle, root));
});

test("an intermediate may be an anchor", () => {
  expect(verify(ders(leaf), { anchors: anchorsOf(issuing) }).certificates).toHaveLength(2);
});

test.each<{ name: string; args: ChainCertificateArguments; says: string }>([
  { name: "expired", args: { notAfter: new Date(CHAIN_NOW.getTime() - 1000) }, says: "has expired" },
  { name: "not valid yet", args: { notBefore: new Date(CHAIN_NOW.getTime() + 1000) }, says: "is not valid yet" },
  {
    name: "for servers",
    args: { extensions: [LEAF_EXTENSIONS[0] as Buffer, extension.extendedKeyUsage(SERVER_AUTH)] },
    says: `does not have the extended key usage ${CLIENT_AUTH}`,
  },
  {
    name: "for anything",
    args: { extensions: [LEAF_EXTENSIONS[0] as Buffer, extension.extendedKeyUsage("2.5.29.37.0")] },
    says: `does not have the extended key usage ${CLIENT_AUTH}`,
  },
  { name: "without extended key usage", args: { extensions: [] }, says: "does not have the extended key usage" },
  {
    name: "for key encipherment alone",
    args: { extensions: [extension.keyUsage("keyEncipherment"), extension.extendedKeyUsage(CLIENT_AUTH)] },
    says: "key usage does not allow this",
  },
  {
    name: "with an unknown critical extension",
    args: { extensions: [...LEAF_EXTENSIONS, extension.unknown(true)] },
    says: "critical extension that is not understood",
  },
  {
    name: "with the same extension twice",
    args: { extensions: [...LEAF_EXTENSIONS, extension.extendedKeyUsage(SERVER_AUTH)] },
    says: "cannot be read",
  },
  { name: "a CA's", args: { extensions: [extension.authority(), ...LEAF_EXTENSIONS] }, says: "is a CA's" },
  { name: "of an Ed25519 key", args: { keyAlgorithm: "ed25519" }, says: "neither RSA nor ECDSA" },
  { name: "of a short RSA key", args: { keyAlgorithm: "rsa-1024" }, says: "2048 to 4096 bits, not 1024" },
  { name: "of P-224", args: { keyAlgorithm: "ecdsa-p224" }, says: "is not P-256, P-384 or P-521" },
])("refused: a certificate $name", ({ args, says }) => {
  expect(refusalOf(ders(leafOf(args), issuing, middle))).toContain(says);
});

test.each<{ name: string; args: ChainCertificateArguments }>([
  { name: "until 9999", args: { notAfter: new Date("9999-12-31T23:59:59Z") } },
  { name: "valid from this second to this second", args: { notBefore: CHAIN_NOW, notAfter: CHAIN_NOW } },
  {
    name: "with an unknown extension that is not critical",
    args: { extensions: [...LEAF_EXTENSIONS, extension.unknown(false)] },
  },
  { name: "of several usages", args: { extensions: [extension.extendedKeyUsage(SERVER_AUTH, CLIENT_AUTH)] } },
])("accepted: a certificate $name", ({ args }) => {
  expect(refusalOf(ders(leafOf(args), issuing, middle))).toBe("accepted");
});

test("a critical extension that the caller understands is left to it", () => {
  const own = leafOf({ extensions: [...LEAF_EXTENSIONS, extension.unknown(true)] });
  expect(refusalOf(ders(own, issuing, middle), { understood: ["2a0304"] })).toBe("accepted");
});

const LEAVES_ROOM = { commonName: "issuing", issuer: middle };
test.each<{ name: string; issuer: () => ChainCertificate; says: string }>([
  {
    name: "that is none",
    issuer: () => buildChainCertificate({ ...LEAVES_ROOM, extensions: [] }),
    says: "is no CA",
  },
  {
    name: "that has expired",
    issuer: () => buildChainAuthority({ ...LEAVES_ROOM, notAfter: new Date("2026-02-01T00:00:00Z") }),
    says: "has expired",
  },
  {
    name: "that constrains names",
    issuer: () => buildChainAuthority({ ...LEAVES_ROOM, extensions: [extension.nameConstraints(true)] }),
    says: "critical extension that is not understood",
  },
  {
    name: "that constrains names without saying that it matters",
    issuer: () => buildChainAuthority({ ...LEAVES_ROOM, extensions: [extension.nameConstraints(false)] }),
    says: "constrains names",
  },
  {
    name: "that is for servers",
    issuer: () => buildChainAuthority({ ...LEAVES_ROOM, extensions: [extension.extendedKeyUsage(SERVER_AUTH)] }),
    says: "is for other extended key usages",
  },
  {
    name: "with an unknown critical extension",
    issuer: () => buildChainAuthority({ ...LEAVES_ROOM, extensions: [extension.unknown(true)] }),
    says: "critical extension that is not understood",
  },
  {
    name: "with a short key",
    issuer: () => buildChainAuthority({ ...LEAVES_ROOM, keyAlgorithm: "rsa-1024" }),
    says: "2048 to 4096 bits",
  },
])("refused: a CA on the way $name", ({ issuer, says }) => {
  const authority = issuer();
  expect(refusalOf(ders(leafOf({ issuer: authority }), authority, middle))).toContain(says);
});

test.each([
  { name: "for this usage", extended: [SERVER_AUTH, CLIENT_AUTH] },
  { name: "for any usage", extended: ["2.5.29.37.0"] },
])("accepted: a CA $name", ({ extended }) => {
  const authority = buildChainAuthority({
    ...LEAVES_ROOM,
    extensions: [extension.extendedKeyUsage(...extended)],
  });
  expect(refusalOf(ders(leafOf({ issuer: authority }), authority, middle))).toBe("accepted");
});

test("a CA that may not sign certificates signs none", () => {
  const extensions = [extension.authority(), extension.keyUsage("digitalSignature")];
  const authority = buildChainCertificate({ ...LEAVES_ROOM, extensions });
  expect(refusalOf(ders(leafOf({ issuer: authority }), authority, middle))).toContain("leads to no anchor");
});

test("path lengths count the CAs below", () => {
  const tight = buildChainAuthority({ commonName: "tight", issuer: root }, 0);
  const below = buildChainAuthority({ commonName: "below", issuer: tight });
  expect(refusalOf(ders(leafOf({ issuer: tight }), tight))).toBe("accepted");
  expect(refusalOf(ders(leafOf({ issuer: below }), below, tight))).toContain("more CAs below it than it allows");
  const anchors = anchorsOf(buildChainAuthority({ commonName: "root", key: root.privateKey }, 1));
  expect(refusalOf(ders(leaf, issuing, middle), { anchors })).toContain("more CAs below it than it allows");
});

test("of two roots of one name the one that is valid counts", () => {
  const expired = buildChainAuthority({
    commonName: "root",
    key: root.privateKey,
    notAfter: new Date("2026-02-01T00:00:00Z"),
  });
  const stranger = buildChainAuthority({ commonName: "root" });
  const chain = ders(leaf, issuing, middle);
  expect(refusalOf(chain, { anchors: anchorsOf(expired, stranger, root) })).toBe("accepted");
  expect(refusalOf(chain, { anchors: anchorsOf(expired) })).toContain("has expired");
  expect(refusalOf(chain, { anchors: anchorsOf(stranger) })).toContain("has not signed");
});

test("of two intermediates of one name the one that is valid counts", () => {
  const expired = buildChainAuthority({
    ...LEAVES_ROOM,
    key: issuing.privateKey,
    notAfter: new Date("2026-02-01T00:00:00Z"),
  });
  expect(refusalOf(ders(leaf, expired, issuing, middle))).toBe("accepted");
});

test("a certificate that somebody else signed in the CA's name is refused", () => {
  const impostor = buildChainAuthority({ commonName: "issuing", issuer: middle });
  const forged = leafOf({ issuer: { ...issuing, privateKey: impostor.privateKey } });
  expect(refusalOf(ders(forged, issuing, middle))).toContain("has not signed");
});

test("a root that only the message brings is no anchor", () => {
  const own = buildChainAuthority({ commonName: "own" });
  expect(refusalOf(ders(leafOf({ issuer: own }), own))).toContain("leads to no anchor");
});

test("an anchor is no end certificate", () => {
  const selfSigned = buildChainCertificate({ commonName: "node", extensions: LEAF_EXTENSIONS });
  expect(refusalOf(ders(selfSigned), { anchors: anchorsOf(selfSigned) })).toContain("leads to no anchor");
});

const SHA1_RSA = sequence(oid("1.2.840.113549.1.1.5"), element(TAG.null));
const hashId = (dotted: string) => sequence(oid(dotted));
const pss = (hash: Buffer | undefined) => {
  const parameters =
    hash === undefined
      ? []
      : [
          element(0xa0, hash),
          element(0xa1, sequence(oid("1.2.840.113549.1.1.8"), hash)),
          element(0xa2, element(TAG.integer, Buffer.from([32]))),
        ];
  return sequence(oid("1.2.840.113549.1.1.10"), sequence(...parameters));
};
const SHA256 = hashId("2.16.840.1.101.3.4.2.1");

test.each([
  { name: "RSA with SHA-1", algorithmDer: SHA1_RSA, hash: "sha1", salt: undefined, says: "with SHA-2" },
  { name: "PSS with SHA-256", algorithmDer: pss(SHA256), hash: "sha256", salt: 32, says: "accepted" },
  {
    name: "PSS with SHA-1, which is its default",
    algorithmDer: pss(undefined),
    hash: "sha1",
    salt: 20,
    says: "missing",
  },
])("a certificate signed by $name: $says", ({ algorithmDer, hash, salt, says }) => {
  const authority = buildChainAuthority({ ...LEAVES_ROOM, key: generateKey("rsa-2048").privateKey });
  const padding = salt === undefined ? {} : { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: salt };
  const signed = leafOf({
    issuer: authority,
    signature: { algorithmDer, sign: (tbs, key) => sign(hash, tbs, { key, ...padding }) },
  });
  expect(new X509Certificate(signed.der).verify(new X509Certificate(authority.der).publicKey)).toBe(true);
  expect(refusalOf(ders(signed, authority, middle))).toContain(says);
});

test("chains are bounded", () => {
  expect(refusalOf([])).toContain("1 to 5 certificates, not 0");
  expect(refusalOf(ders(leaf, issuing, middle, root, root, root))).toContain("1 to 5 certificates, not 6");
});

test("the search for a path is bounded, whatever the order and however many have one name", () => {
  const own = Array.from({ length: 4 }, () => buildChainAuthority({ commonName: "loop", key: issuing.privateKey }));
  const looping = leafOf({ issuer: own[0] as ChainCertificate });
  const before = performance.now();
  expect(refusalOf(ders(looping, ...own))).toContain("leads to no anchor");
  expect(performance.now() - before).toBeLessThan(1000);
});

test("a certificate is refused when it is cut off anywhere or followed by anything", () => {
  for (let length = 0; length < leaf.der.length; length += 1)
    expect(refusalOf([leaf.der.subarray(0, length), ...ders(issuing, middle)])).toMatch(/cannot be read|is not DER/);
  expect(refusalOf([Buffer.concat([leaf.der, Buffer.from([0])]), ...ders(issuing, middle)])).toContain("other octets");
  expect(refusalOf([Buffer.from(leaf.pem), ...ders(issuing, middle)])).toContain("is not DER");
});

test("whatever octets are changed, it is refused in words", () => {
  const position = fc.nat(leaf.der.length - 1);
  fc.assert(
    fc.property(fc.array(fc.tuple(position, fc.integer({ min: 1, max: 255 })), { minLength: 1 }), (changes) => {
      const changed = Buffer.from(leaf.der);
      for (const [at, by] of changes) changed[at] = (changed[at] ?? 0) ^ by;
      fc.pre(!changed.equals(leaf.der));
      expect(refusalOf([changed, ...ders(issuing, middle)])).not.toBe("accepted");
    }),
    { numRuns: 1000 },
  );
});
