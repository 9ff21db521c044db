import { createHash, type KeyObject, randomBytes, sign, X509Certificate } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, expect, test } from "@jest/globals";
import fc from "fast-check";
import { createX509popAttestor } from "../../../../services/certificate-authority/attestation/x509-pop/attestor.ts";
import type { X509popSettings } from "../../../../services/certificate-authority/attestation/x509-pop/settings.ts";
import { signPossession } from "../../../../services/shared/attestation/possession.ts";
import {
  buildChainAuthority,
  buildChainCertificate,
  buildList,
  CHAIN_NOW,
  type ChainCertificate,
  type ChainCertificateArguments,
  CLIENT_AUTH,
  extension,
  generalName,
  SERVER_AUTH,
} from "../../../builders/certificate-chain.ts";
import { element, oid, pemBlock, sequence, TAG } from "../../../builders/der.ts";
import { generateKey } from "../../../builders/keys.ts";
import { proofInput, refusalIn } from "../../../builders/proof-input.ts";
import { temporaryDirectory } from "../../../builders/temporary-directory.ts";

const POLICY = "1.3.6.1.4.1.55555.1";
const OTHER_POLICY = "1.3.6.1.4.1.55555.2";
const ANY_POLICY = "2.5.29.32.0";
const root = buildChainAuthority({ commonName: "root" });
const middle = buildChainAuthority({
  commonName: "middle",
  issuer: root,
  extensions: [extension.policies(ANY_POLICY)],
});
const issuing = buildChainAuthority(
  { commonName: "issuing", issuer: middle, extensions: [extension.policies(POLICY, OTHER_POLICY)] },
  0,
);
const USUAL = [extension.keyUsage("digitalSignature"), extension.extendedKeyUsage(CLIENT_AUTH)];

const leafOf = (args: ChainCertificateArguments = {}) =>
  buildChainCertificate({ commonName: "node", issuer: issuing, extensions: USUAL, ...args });
const leaf = leafOf();

let directory: string;
let roots: string;
beforeEach(() => {
  directory = temporaryDirectory();
  roots = join(directory, "roots.pem");
  writeFileSync(roots, root.pem);
});

const settingsOf = (changes: Partial<X509popSettings> = {}): X509popSettings => ({
  attestor: "x509pop",
  roots,
  purpose: { extendedKeyUsage: CLIENT_AUTH },
  requireClientAddress: false,
  ...changes,
});

interface Shown {
  readonly certificate?: ChainCertificate;
  readonly chain?: readonly Buffer[];
  /** Signs in place of the certificate's key. */
  readonly key?: KeyObject;
  /** What is signed in place of what is asked for. */
  readonly signed?: Buffer;
  readonly signature?: Buffer;
  readonly clientAddress?: string;
}

function inputOf({ certificate = leaf, chain, key, signed, signature, clientAddress = "127.0.0.1" }: Shown = {}) {
  const bind = randomBytes(32);
  const made = signature ?? signPossession(key ?? certificate.privateKey, "x509pop", signed ?? bind);
  const ders = chain ?? [certificate, issuing, middle].map(({ der }) => der);
  const proof = { chain: ders.map((der) => der.toString("base64url")), signature: made.toString("base64url") };
  return proofInput({ bind, proof, now: CHAIN_NOW, clientAddress });
}

const refusalOf = (shown: Shown = {}, settings = settingsOf()) =>
  refusalIn(() => createX509popAttestor(settings).verify(inputOf(shown)));
const evidenceOf = async (shown: Shown = {}, settings = settingsOf()) =>
  createX509popAttestor(settings).verify(inputOf(shown));

test.each(["ecdsa-p256", "ecdsa-p384", "ecdsa-p521", "rsa-2048", "rsa-4096"] as const)(
  "a machine with a certificate of %s is known by its key",
  async (keyAlgorithm) => {
    const certificate = leafOf({ keyAlgorithm });
    const { publicKey } = new X509Certificate(certificate.der);
    const hash = createHash("sha256")
      .update(publicKey.export({ type: "spki", format: "der" }))
      .digest("hex");
    expect(await evidenceOf({ certificate })).toEqual({
      machineId: `x509:${hash}`,
      pins: {},
      fields: {
        certificate_sha256: createHash("sha256").update(certificate.der).digest("hex"),
        key_sha256: hash,
      },
      sans: { dnsNames: [], ipAddresses: [] },
      isFresh: true,
    });
  },
);

test("a renewed certificate of the same key is the same machine", async () => {
  const renewed = await evidenceOf({ certificate: leafOf({ key: leaf.privateKey }) });
  expect(renewed.machineId).toBe((await evidenceOf()).machineId);
});

test("what the CA wrote into the certificate becomes fields and names", async () => {
  const names = extension.alternativeNames(
    generalName.dns("Node-1.Nodes.example"),
    generalName.ip(10, 0, 0, 1),
    generalName.ip(...Array.from({ length: 16 }, (_, index) => (index === 15 ? 1 : 0))),
    generalName.hardwareModule("1.3.6.1.4.1.55555.9", Buffer.from("SN-0042")),
    element(0x81, "someone@example.com"),
    element(0xa0, oid("1.2.3"), element(0xa0, element(TAG.null))),
  );
  const certificate = leafOf({ extensions: [...USUAL, names], attributes: [["2.5.4.5", "SER-7"]] });
  const { fields, sans } = await evidenceOf({ certificate });
  expect(fields).toMatchObject({
    dns_san: "Node-1.Nodes.example",
    subject_serial_number: "SER-7",
    hardware_serial: "SN-0042",
    hardware_serial_hex: "534e2d30303432",
  });
  expect(sans).toEqual({ dnsNames: ["node-1.nodes.example"], ipAddresses: ["10.0.0.1", "::1"] });
});

test.each<{
  name: string;
  names: readonly Buffer[];
  attributes?: readonly (readonly [string, string])[];
  missing: string;
}>([
  { name: "two DNS names", names: [generalName.dns("a.example"), generalName.dns("b.example")], missing: "dns_san" },
  { name: "a DNS name with a NUL", names: [generalName.dns("a\0.example")], missing: "dns_san" },
  {
    name: "two hardware modules",
    names: [
      generalName.hardwareModule("1.2.3", Buffer.from("a")),
      generalName.hardwareModule("1.2.3", Buffer.from("b")),
    ],
    missing: "hardware_serial_hex",
  },
  {
    name: "a hardware serial that is no text",
    names: [generalName.hardwareModule("1.2.3", Buffer.from([0, 1]))],
    missing: "hardware_serial",
  },
  {
    name: "two serial numbers",
    names: [],
    attributes: [
      ["2.5.4.5", "1"],
      ["2.5.4.5", "2"],
    ],
    missing: "subject_serial_number",
  },
  {
    name: "a serial number with a line break",
    names: [],
    attributes: [["2.5.4.5", "1\n2"]],
    missing: "subject_serial_number",
  },
])("of a certificate with $name no name can be made by it", async ({ names, attributes = [], missing }) => {
  const extensions = names.length === 0 ? USUAL : [...USUAL, extension.alternativeNames(...names)];
  const { fields } = await evidenceOf({ certificate: leafOf({ extensions, attributes }) });
  expect(fields).not.toHaveProperty(missing);
});

const WRONG_SIGNATURE = "the signature is not the certificate's key's";
test.each<{ name: string; shown: () => Shown; says: string }>([
  { name: "of another challenge", shown: () => ({ signed: randomBytes(32) }), says: WRONG_SIGNATURE },
  { name: "by another key", shown: () => ({ key: generateKey("ecdsa-p256").privateKey }), says: WRONG_SIGNATURE },
  {
    name: "made for another use",
    shown: () => ({ signature: signPossession(leaf.privateKey, "bootstrap-key", randomBytes(32)) }),
    says: WRONG_SIGNATURE,
  },
  { name: "that is empty", shown: () => ({ signature: Buffer.alloc(0) }), says: WRONG_SIGNATURE },
  {
    name: "with the issuing CA's certificate in front",
    shown: () => ({ chain: [issuing.der, middle.der], key: issuing.privateKey }),
    says: "is a CA's",
  },
  { name: "without intermediates", shown: () => ({ chain: [leaf.der] }), says: "leads to no anchor" },
  {
    name: "with a certificate of another CA",
    shown: () => ({
      certificate: leafOf({ issuer: { ...issuing, privateKey: generateKey("ecdsa-p256").privateKey } }),
    }),
    says: "has not signed",
  },
  {
    name: "with a web server's certificate of the same CA",
    shown: () => ({
      certificate: leafOf({
        extensions: [extension.keyUsage("digitalSignature"), extension.extendedKeyUsage(SERVER_AUTH)],
      }),
    }),
    says: "does not have the extended key usage",
  },
  {
    name: "with a key that may not sign",
    shown: () => ({
      certificate: leafOf({
        extensions: [extension.keyUsage("keyEncipherment"), extension.extendedKeyUsage(CLIENT_AUTH)],
      }),
    }),
    says: "key usage does not allow this",
  },
  {
    name: "with an expired certificate",
    shown: () => ({ certificate: leafOf({ notAfter: new Date("2026-05-01T00:00:00Z") }) }),
    says: "has expired",
  },
  {
    name: "with a future certificate",
    shown: () => ({ certificate: leafOf({ notBefore: new Date("2026-07-01T00:00:00Z") }) }),
    says: "is not valid yet",
  },
])("refused: a proof $name", async ({ shown, says }) => {
  expect(await refusalOf(shown())).toContain(says);
});

test("a signature is bound to its use", async () => {
  const bind = randomBytes(32);
  const input = inputOf();
  const signature = signPossession(leaf.privateKey, "kubelet-key", bind).toString("base64url");
  const attestor = createX509popAttestor(settingsOf());
  const proof = { ...(input.proof as object), signature };
  expect(await refusalIn(() => attestor.verify({ ...input, bind, proof }))).toContain(WRONG_SIGNATURE);
});

test.each([
  { name: "PKCS #1 v1.5", options: {} },
  { name: "PSS with the longest salt", options: { padding: 6, saltLength: -2 } },
])("an RSA signature by $name is refused", async ({ options }) => {
  const certificate = leafOf({ keyAlgorithm: "rsa-2048" });
  const input = inputOf({ certificate });
  const message = Buffer.concat([Buffer.from("node-attest/v1/x509pop\0"), input.bind]);
  const signature = sign("sha256", message, { key: certificate.privateKey, ...options }).toString("base64url");
  const proof = { ...(input.proof as object), signature };
  expect(await refusalIn(() => createX509popAttestor(settingsOf()).verify({ ...input, proof }))).toContain(
    WRONG_SIGNATURE,
  );
});

test.each<{ name: string; change: (proof: Record<string, unknown>) => unknown }>([
  { name: "is missing", change: () => undefined },
  { name: "has an unknown field", change: (proof) => ({ ...proof, name: "node-1" }) },
  { name: "has no certificate", change: (proof) => ({ ...proof, chain: [] }) },
  {
    name: "has six certificates",
    change: (proof) => ({ ...proof, chain: Array(6).fill(leaf.der.toString("base64url")) }),
  },
  { name: "has a huge certificate", change: (proof) => ({ ...proof, chain: ["A".repeat(16_000)] }) },
  { name: "has base64 with padding", change: (proof) => ({ ...proof, signature: "AAAA==" }) },
])("a proof that $name is refused before anything is parsed", async ({ change }) => {
  const input = inputOf();
  const proof = change(input.proof as Record<string, unknown>);
  await expect(async () => createX509popAttestor(settingsOf()).verify({ ...input, proof })).rejects.toMatchObject({
    name: "ZodError",
  });
});

test("hello has nothing to say", async () => {
  const input = { ...inputOf(), hello: { nodeName: "x" } };
  await expect(async () => createX509popAttestor(settingsOf()).verify(input)).rejects.toMatchObject({
    name: "ZodError",
  });
});

test("a root that is taken out of the file is not trusted any more, nor anything while the file is broken", async () => {
  const attestor = createX509popAttestor(settingsOf());
  expect(await refusalIn(() => attestor.verify(inputOf()))).toBe("accepted");
  writeFileSync(roots, buildChainAuthority({ commonName: "another" }).pem);
  expect(await refusalIn(() => attestor.verify(inputOf()))).toContain("leads to no anchor");
  writeFileSync(roots, "");
  expect(await refusalIn(() => attestor.verify(inputOf()))).toContain("cannot be used");
});

test.each<{ name: string; extensions: readonly Buffer[]; issuer?: () => ChainCertificate; says: string }>([
  { name: "asserted by all", extensions: [extension.policies(OTHER_POLICY, POLICY)], says: "accepted" },
  { name: "not in the certificate", extensions: [], says: "the certificate does not assert" },
  {
    name: "another in the certificate",
    extensions: [extension.policies(OTHER_POLICY)],
    says: "the certificate does not assert",
  },
  {
    name: "any in the certificate",
    extensions: [extension.policies(ANY_POLICY)],
    says: "the certificate does not assert",
  },
  {
    name: "not in the CA's certificate",
    extensions: [extension.policies(POLICY)],
    issuer: () => buildChainAuthority({ commonName: "issuing", issuer: middle }),
    says: "a CA on the way does not assert",
  },
])("a required policy that is $name: $says", async ({ extensions, issuer, says }) => {
  const authority = issuer?.() ?? issuing;
  const certificate = leafOf({ issuer: authority, extensions: [...USUAL, ...extensions] });
  const chain = [certificate, authority, middle].map(({ der }) => der);
  expect(await refusalOf({ certificate, chain }, settingsOf({ purpose: { policy: POLICY } }))).toContain(says);
});

test.each([
  { from: "10.0.0.1", says: "accepted" },
  { from: "::ffff:10.0.0.1", says: "accepted" },
  { from: "10.0.0.2", says: 'does not name "10.0.0.2"' },
  { from: "", says: 'does not name ""' },
])("where the address is required, a connection from $from: $says", async ({ from, says }) => {
  const names = extension.alternativeNames(generalName.ip(10, 0, 0, 1));
  const certificate = leafOf({ extensions: [...USUAL, names] });
  const settings = settingsOf({ requireClientAddress: true });
  expect(await refusalOf({ certificate, clientAddress: from }, settings)).toContain(says);
});

test("whatever octets the certificate has, what is wrong is said in words", async () => {
  const names = extension.alternativeNames(
    generalName.dns("node-1.nodes.example"),
    generalName.hardwareModule("1.3.6.1.4.1.55555.9", Buffer.from("SN-0042")),
  );
  const inner = fc.uint8Array({ maxLength: 60 }).map((bytes) => Buffer.from(bytes));
  const mutated = fc
    .tuple(fc.nat(names.length - 1), fc.nat(255))
    .map(([at, value]) => Buffer.concat([names.subarray(0, at), Buffer.from([value]), names.subarray(at + 1)]));
  const made = fc.oneof(
    inner.map((bytes) => extension.alternativeNames(bytes)),
    mutated,
  );
  const attestor = createX509popAttestor(settingsOf());
  await fc.assert(
    fc.asyncProperty(made, async (bytes) => {
      const certificate = leafOf({ key: leaf.privateKey, extensions: [...USUAL, bytes] });
      try {
        await attestor.verify(inputOf({ certificate }));
      } catch (error) {
        expect((error as Error).name).toMatch(/^(AttestationRefusal|DerError)$/);
      }
    }),
    { numRuns: 300 },
  );
});

const everyList = (changes: Partial<Record<"root" | "middle" | "issuing", Buffer>> = {}) => {
  const lists = {
    root: buildList({ issuer: root }),
    middle: buildList({ issuer: middle }),
    issuing: buildList({ issuer: issuing }),
    ...changes,
  };
  return Object.entries(lists).map(([name, der]) => {
    const path = join(directory, `${name}.crl`);
    writeFileSync(path, name === "root" ? der : pemBlock("X509 CRL", der));
    return path;
  });
};

const CRITICAL = sequence(
  oid("2.5.29.28"),
  element(TAG.boolean, Buffer.from([0xff])),
  element(TAG.octetString, sequence()),
);
const CRL_NUMBER = sequence(oid("2.5.29.20"), element(TAG.octetString, element(TAG.integer, Buffer.from([1]))));
const hour = 3_600_000;
const at = (milliseconds: number) => new Date(CHAIN_NOW.getTime() + milliseconds);

test.each<{ name: string; changes: () => Partial<Record<"root" | "middle" | "issuing", Buffer>>; says: string }>([
  { name: "empty", changes: () => ({}), says: "accepted" },
  {
    name: "of others",
    changes: () => ({ issuing: buildList({ issuer: issuing, revoked: [leafOf()], extensions: [CRL_NUMBER] }) }),
    says: "accepted",
  },
  {
    name: "of the certificate",
    changes: () => ({ issuing: buildList({ issuer: issuing, revoked: [leafOf(), leaf] }) }),
    says: "is revoked",
  },
  {
    name: "of the issuing CA",
    changes: () => ({ middle: buildList({ issuer: middle, revoked: [issuing] }) }),
    says: "is revoked",
  },
  {
    name: "of a CA further up",
    changes: () => ({ root: buildList({ issuer: root, revoked: [middle] }) }),
    says: "is revoked",
  },
  {
    name: "outdated",
    changes: () => ({ issuing: buildList({ issuer: issuing, nextUpdate: at(-1000) }) }),
    says: "is not valid now",
  },
  {
    name: "of the future",
    changes: () => ({ issuing: buildList({ issuer: issuing, thisUpdate: at(1000) }) }),
    says: "is not valid now",
  },
  {
    name: "valid to the second",
    changes: () => ({ issuing: buildList({ issuer: issuing, thisUpdate: CHAIN_NOW, nextUpdate: CHAIN_NOW }) }),
    says: "accepted",
  },
  {
    name: "without an end",
    changes: () => ({ issuing: buildList({ issuer: issuing, nextUpdate: undefined }) }),
    says: "nextUpdate: missing",
  },
  {
    name: "signed by another",
    changes: () => ({ issuing: buildList({ issuer: issuing, key: generateKey("ecdsa-p256").privateKey }) }),
    says: 'there is no CRL that "CN=issuing" has signed',
  },
  {
    name: "of another CA",
    changes: () => ({ issuing: buildList({ issuer: root }) }),
    says: 'there is no CRL that "CN=issuing" has signed',
  },
  {
    name: "of some certificates only",
    changes: () => ({ issuing: buildList({ issuer: issuing, extensions: [CRITICAL] }) }),
    says: "is critical and not understood",
  },
  {
    name: "of others' certificates",
    changes: () => ({ issuing: buildList({ issuer: issuing, revoked: [leafOf()], entryExtensions: [CRITICAL] }) }),
    says: "is critical and not understood",
  },
  { name: "cut off", changes: () => ({ issuing: buildList({ issuer: issuing }).subarray(0, -1) }), says: "truncated" },
  {
    name: "followed by more",
    changes: () => ({ root: Buffer.concat([buildList({ issuer: root }), buildList({ issuer: root })]) }),
    says: "trailing data",
  },
])("with CRLs that are $name: $says", async ({ changes, says }) => {
  expect(await refusalOf({}, settingsOf({ revocationLists: everyList(changes()) }))).toContain(says);
});

test("of several CRLs of one CA the newest that is valid counts", async () => {
  const older = buildList({ issuer: issuing, thisUpdate: at(-hour) });
  const newer = buildList({ issuer: issuing, revoked: [leaf], thisUpdate: at(-hour / 2) });
  const files = everyList({ issuing: older });
  writeFileSync(join(directory, "newer.crl"), pemBlock("X509 CRL", older) + pemBlock("X509 CRL", newer));
  expect(await refusalOf({}, settingsOf({ revocationLists: files }))).toBe("accepted");
  const settings = settingsOf({ revocationLists: [...files, join(directory, "newer.crl")] });
  expect(await refusalOf({}, settings)).toContain("is revoked");
});

test("a CA that may not sign CRLs has none", async () => {
  const bad = buildChainCertificate({
    ...{ commonName: "issuing", issuer: middle, key: issuing.privateKey },
    extensions: [extension.authority(), extension.keyUsage("keyCertSign")],
  });
  const shown = { chain: [leaf, bad, middle].map(({ der }) => der) };
  expect(await refusalOf(shown, settingsOf({ revocationLists: everyList() }))).toContain("may not sign CRLs");
});

test("a CRL is followed while it changes", async () => {
  const attestor = createX509popAttestor(settingsOf({ revocationLists: everyList() }));
  const verify = () => refusalIn(() => attestor.verify(inputOf()));
  expect(await verify()).toBe("accepted");
  everyList({ issuing: buildList({ issuer: issuing, revoked: [leaf] }) });
  expect(await verify()).toContain("is revoked");
  writeFileSync(join(directory, "issuing.crl"), "");
  expect(await verify()).toContain("cannot be used");
});
