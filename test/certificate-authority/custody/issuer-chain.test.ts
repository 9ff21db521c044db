import { execFileSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeAll, describe, expect, test } from "@jest/globals";
import {
  type ChainedIssuer,
  type Custody,
  openCustody,
} from "../../../services/certificate-authority/custody/custody.ts";
import {
  decodeNameConstraints,
  encodeNameConstraints,
  sameNameConstraints,
} from "../../../services/certificate-authority/custody/name-constraints-codec.ts";
import { CLASSICAL_ALGORITHMS } from "../../../services/certificate-authority/domain/issuer.ts";
import { NO_SUBTREES } from "../../../services/certificate-authority/domain/name-subtrees.ts";
import { openssl } from "../../builders/openssl.ts";
import { temporaryDirectory } from "../../builders/temporary-directory.ts";
import { recordingLogger } from "../../fakes/recording-logger.ts";

let home: string;
let custody: Custody;
beforeAll(async () => {
  home = temporaryDirectory();
  custody = await openCustody({ directory: join(home, "keys"), encryption: {}, logger: recordingLogger().logger });
});

const NEEDS = { depthBelow: 0, maximumPathLength: undefined, nameConstraints: undefined };
const EXAMPLE = { permitted: { ...NO_SUBTREES, dnsNames: ["example.com"] }, excluded: NO_SUBTREES };

function file(name: string, content: string): string {
  const path = join(mkdtempSync(join(home, "files-")), name);
  writeFileSync(path, content);
  return path;
}

interface OpensslAuthority {
  readonly certificateFile: string;
  readonly keyFile: string;
}

/** A CA by openssl, self-signed or below another; `extensions` take the place of the usual ones. */
function authority(
  subject: string,
  options: { parent?: OpensslAuthority; extensions?: readonly string[]; days?: number; string?: string } = {},
): OpensslAuthority {
  const { parent, extensions = ["basicConstraints=critical,CA:TRUE", "keyUsage=critical,keyCertSign"] } = options;
  const place = mkdtempSync(join(home, "ca-"));
  const path = (end: string): string => join(place, `ca.${end}`);
  writeFileSync(path("cnf"), `string_mask=${options.string ?? "utf8only"}\n[req]\ndistinguished_name=dn\n[dn]\n`);
  writeFileSync(path("ext"), `${["subjectKeyIdentifier=hash", ...extensions].join("\n")}\n`);
  const newKey = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", path("key")];
  openssl("req", "-new", "-config", path("cnf"), ...newKey, "-subj", subject, "-out", path("csr"));
  const signer = parent
    ? ["-CA", parent.certificateFile, "-CAkey", parent.keyFile, "-CAcreateserial"]
    : ["-key", path("key")];
  const made = ["-days", `${options.days ?? 100}`, "-extfile", path("ext"), "-out", path("crt")];
  openssl("x509", "-req", "-in", path("csr"), ...signer, ...made);
  return { certificateFile: path("crt"), keyFile: path("key") };
}

const pemOf = ({ certificateFile }: OpensslAuthority): string => readFileSync(certificateFile, "utf8");

function verify(chain: ChainedIssuer): string {
  const [, ...above] = [chain.issuer.authority, ...chain.ancestors];
  const root = file("root.pem", above.at(-1)?.certificatePem ?? "");
  const untrusted = file(
    "untrusted.pem",
    above
      .slice(0, -1)
      .map(({ certificatePem }) => certificatePem)
      .join(""),
  );
  const leaf = file("issuer.pem", chain.issuer.authority.certificatePem);
  const others = above.length > 1 ? ["-untrusted", untrusted] : [];
  return openssl("verify", "-x509_strict", "-CAfile", root, ...others, leaf);
}

async function child(parent: ChainedIssuer, wish: object = {}): Promise<ChainedIssuer> {
  const issuer = await custody.createIssuer({
    commonName: "child",
    now: new Date(),
    lifetimeSeconds: 86_400,
    ...wish,
    parent,
  });
  return { issuer, ancestors: [parent.issuer.authority, ...parent.ancestors] };
}

describe("a CA below another", () => {
  test.each(CLASSICAL_ALGORITHMS)(
    "openssl verifies what a parent of %s signed, through two levels",
    async (algorithm) => {
      const root = await custody.createIssuer({ algorithm, commonName: "root", now: new Date(), pathLength: 2 });
      const one = await child({ issuer: root, ancestors: [] }, { pathLength: 1, nameConstraints: EXAMPLE });
      const two = await child(one, { commonName: "grandchild", pathLength: 0 });
      expect([verify(one), verify(two)]).toEqual([expect.stringContaining(": OK"), expect.stringContaining(": OK")]);
      const text = openssl("x509", "-in", file("one.pem", one.issuer.authority.certificatePem), "-noout", "-text");
      expect(text).toMatch(/Basic Constraints: critical\n\s+CA:TRUE, pathlen:1\n/);
      expect(text).toMatch(/Name Constraints: critical\n\s+Permitted:\n\s+DNS:example\.com\n/);
      expect(one.issuer.authority).toMatchObject({ isSelfSigned: false, pathLength: 1, nameConstraints: EXAMPLE });
      // Loaded again it is the same.
      const { id } = two.issuer.description;
      expect((await custody.loadIssuer(id, new Date())).authority).toMatchObject({
        pathLength: 0,
        isSelfSigned: false,
      });
    },
  );

  test.each(["utf8only", "default", "nombstr"])(
    "a parent's name is carried over octet by octet, however openssl encoded it: %s",
    async (string) => {
      const files = authority("/C=DE/O=Ünï Corp/CN=parent", { string });
      const { issuer } = await custody.importIssuer({ ...files, now: new Date() });
      const made = await child({ issuer, ancestors: [] });
      expect(verify(made)).toContain(": OK");
      const nameOf = (der: Uint8Array, field: number) => nthField(Buffer.from(der), field);
      // Go compares encodings: the issuer is the fourth element of the to-be-signed part, the subject the sixth.
      expect(nameOf(made.issuer.description.certificateDer, 3)).toEqual(nameOf(issuer.description.certificateDer, 5));
    },
  );

  test.each([
    { name: "a path length that is used up", root: { pathLength: 0 }, wish: {}, says: "has path length 0, but 1 CA" },
    {
      name: "a subject outside the parent's constraints",
      root: {
        nameConstraints: {
          permitted: { ...NO_SUBTREES, directoryNames: [[[{ type: "2.5.4.10", value: "x" }]]] },
          excluded: NO_SUBTREES,
        },
      },
      wish: {},
      says: 'the subject "CN=child" is outside the permitted "O=x"',
    },
  ])("is not made with $name", async ({ root, wish, says }) => {
    const issuer = await custody.createIssuer({ commonName: "root", now: new Date(), ...root });
    const before = await custody.issuerIds();
    await expect(child({ issuer, ancestors: [] }, wish)).rejects.toMatchObject({
      code: "InvalidChain",
      message: expect.stringContaining(says),
    });
    expect(await custody.issuerIds()).toEqual(before);
  });
});

/** The n-th element of the to-be-signed part, version included. */
function nthField(der: Buffer, index: number): Buffer {
  const headerOf = (at: number): number => (der.readUInt8(at + 1) < 0x80 ? 2 : 2 + (der.readUInt8(at + 1) & 0x7f));
  const lengthOf = (at: number): number => {
    const octets = headerOf(at) - 2;
    return headerOf(at) + (octets === 0 ? der.readUInt8(at + 1) : der.readUIntBE(at + 2, octets));
  };
  let at = headerOf(0);
  at += headerOf(at);
  for (let skipped = 0; skipped < index; skipped += 1) at += lengthOf(at);
  return der.subarray(at, at + lengthOf(at));
}

describe("a CA in files with a chain", () => {
  test("is taken with the certificates above it, in whatever order they stand", async () => {
    const root = authority("/CN=root");
    const middle = authority("/CN=middle", { parent: root });
    const own = authority("/CN=own", { parent: middle });
    const chainFile = file("chain.pem", pemOf(root) + pemOf(own) + pemOf(middle));
    const { ancestors } = await custody.importIssuer({ ...own, chainFile, now: new Date() });
    expect(ancestors.map(({ commonName }) => commonName)).toEqual(["middle", "root"]);
  });

  test.each([
    { name: "without the root", chain: () => "", says: "append all up to the root" },
    { name: "with somebody else's root", chain: () => pemOf(authority("/CN=root")), says: "append all up to the root" },
    {
      name: "with a certificate too many",
      chain: (root: OpensslAuthority) => pemOf(root) + pemOf(authority("/CN=stray")),
      says: '"stray", which is not above "own"',
    },
    {
      name: "with a key in it",
      chain: (root: OpensslAuthority) => readFileSync(root.keyFile, "utf8"),
      says: "another kind",
    },
    {
      name: "with a leaf in it",
      chain: (root: OpensslAuthority) =>
        pemOf(root) + pemOf(authority("/CN=leaf", { extensions: ["basicConstraints=CA:FALSE"] })),
      says: "is no CA certificate",
    },
  ])("is refused $name", async ({ chain, says }) => {
    const root = authority("/CN=root");
    const own = authority("/CN=own", { parent: root });
    const chainFile = file("chain.pem", chain(root));
    await expect(custody.importIssuer({ ...own, chainFile, now: new Date() })).rejects.toMatchObject({
      name: "CustodyError",
      message: expect.stringContaining(says),
    });
  });
});

describe("a CA that is signed elsewhere", () => {
  const NAME = "nodes";
  const wish = { algorithm: "ecdsa-p256", commonName: "nodes", pathLength: 0, nameConstraints: EXAMPLE } as const;
  const usual = ["basicConstraints=critical,CA:TRUE,pathlen:0", "keyUsage=critical,keyCertSign"];

  /** The request's certificate as openssl makes it. */
  function sign(requestPem: string, root: OpensslAuthority, extensions: readonly string[] = usual, days = 30): string {
    const ca = ["-CA", root.certificateFile, "-CAkey", root.keyFile, "-CAcreateserial", "-days", `${days}`];
    const extensionFile = file("ext", `${extensions.join("\n")}\n`);
    return openssl("x509", "-req", "-in", file("request.csr", requestPem), ...ca, "-extfile", extensionFile);
  }

  test.each(CLASSICAL_ALGORITHMS)(
    "asks with a key of %s, whose request openssl verifies, and takes the answer",
    async (algorithm) => {
      const name = `nodes-${algorithm}`;
      const requestPem = await custody.requestIssuer(name, { ...wish, algorithm });
      const text = openssl("req", "-in", file("request.csr", requestPem), "-noout", "-text", "-verify");
      expect(text).toMatch(/CA:TRUE, pathlen:0/);
      expect(text).toMatch(/Name Constraints: critical\n\s+Permitted:\n\s+DNS:example\.com/);
      const root = authority("/CN=corporate");
      const certificatePem = sign(requestPem, root);
      const installed = await custody.installIssuer(name, certificatePem + pemOf(root), new Date(), NEEDS);
      expect(verify(installed)).toContain(": OK");
      const { description, privateKey } = installed.issuer;
      expect(new X509Certificate(description.certificatePem).checkPrivateKey(privateKey)).toBe(true);
      await custody.forgetRequest(name);
      await expect(custody.installIssuer(name, certificatePem, new Date(), NEEDS)).rejects.toMatchObject({
        code: "NoRequest",
      });
      expect((await custody.loadIssuer(description.id, new Date())).description.id).toBe(description.id);
    },
  );

  test("keeps its key over a restart, sealed, and asks with it again", async () => {
    const first = await custody.requestIssuer("kept", wish);
    const reopened = await openCustody({
      directory: join(home, "keys"),
      encryption: {},
      logger: recordingLogger().logger,
    });
    const keyOf = (pem: string): string => openssl("req", "-in", file("r.csr", pem), "-noout", "-pubkey");
    expect(keyOf(await reopened.requestIssuer("kept", wish))).toBe(keyOf(first));
    expect(readFileSync(join(home, "keys", "request-kept.sealed")).includes("PRIVATE")).toBe(false);
    expect(execFileSync("stat", ["-c", "%a", join(home, "keys", "request-kept.sealed")], { encoding: "utf8" })).toBe(
      "600\n",
    );
  });

  test("refuses a name that is no file's", async () => {
    await expect(custody.requestIssuer("../x", wish)).rejects.toMatchObject({ code: "InvalidArgument" });
  });

  const constrained = "nameConstraints=critical,permitted;DNS:example.com";
  test.each([
    {
      name: "the certificate of another key",
      chain: (_request: string, root: OpensslAuthority) =>
        pemOf(authority("/CN=other", { parent: root })) + pemOf(root),
      code: "KeyMismatch",
      says: "no certificate for the key",
    },
    {
      name: "no CA",
      chain: (request: string, root: OpensslAuthority) =>
        sign(request, root, ["basicConstraints=CA:FALSE"]) + pemOf(root),
      code: "NotACertificateAuthority",
      says: "do not say CA:TRUE",
    },
    {
      name: "a CA that may not sign certificates",
      chain: (request: string, root: OpensslAuthority) =>
        sign(request, root, ["basicConstraints=critical,CA:TRUE", "keyUsage=critical,cRLSign"]) + pemOf(root),
      code: "NotACertificateAuthority",
      says: "lacks keyCertSign",
    },
    {
      name: "a chain without its root",
      chain: (request: string, root: OpensslAuthority) => sign(request, root),
      code: "InvalidChain",
      says: "append all up to the root",
    },
    {
      name: "a root of the same name with another key",
      chain: (request: string, root: OpensslAuthority) => sign(request, root) + pemOf(authority("/CN=corporate")),
      code: "InvalidChain",
      says: "append all up to the root",
    },
    {
      name: "a root that leaves no room",
      root: () => authority("/CN=corporate", { extensions: ["basicConstraints=critical,CA:TRUE,pathlen:0"] }),
      chain: (request: string, root: OpensslAuthority) => sign(request, root) + pemOf(root),
      code: "InvalidChain",
      says: '"corporate" in the chain that was given has path length 0',
    },
    {
      name: "too little room for the issuers below",
      chain: (request: string, root: OpensslAuthority) => sign(request, root) + pemOf(root),
      needs: { ...NEEDS, depthBelow: 1 },
      code: "InvalidChain",
      says: '"nodes" has path length 0, but 1 CAs',
    },
    {
      name: "more room than was asked for",
      chain: (request: string, root: OpensslAuthority) =>
        sign(request, root, ["basicConstraints=critical,CA:TRUE"]) + pemOf(root),
      needs: { ...NEEDS, maximumPathLength: 0 },
      code: "InvalidChain",
      says: "no path length, but pathLength 0 is configured",
    },
    {
      name: "other name constraints than were asked for",
      chain: (request: string, root: OpensslAuthority) => sign(request, root) + pemOf(root),
      needs: { ...NEEDS, nameConstraints: EXAMPLE },
      code: "InvalidChain",
      says: "other name constraints",
    },
    {
      name: "name constraints that nobody could honour",
      chain: (request: string, root: OpensslAuthority) =>
        sign(request, root, [...usual, "nameConstraints=critical,permitted;RID:1.2.3"]) + pemOf(root),
      code: "InvalidCertificate",
      says: "name constraints",
    },
    {
      name: "an expired root",
      chain: (request: string, root: OpensslAuthority) => sign(request, root) + pemOf(root),
      later: 200,
      code: "IssuerExpired",
      says: "expired at",
    },
    {
      name: "a subject that the root does not allow",
      root: () =>
        authority("/O=Example/CN=corporate", {
          extensions: [
            "basicConstraints=critical,CA:TRUE",
            "nameConstraints=critical,permitted;dirName:dn",
            "[dn]",
            "O=Example",
          ],
        }),
      chain: (request: string, root: OpensslAuthority) => sign(request, root) + pemOf(root),
      code: "InvalidChain",
      says: 'the subject "CN=nodes" is outside the permitted "O=Example"',
    },
    { name: "no certificate at all", chain: () => "hello", code: "KeyMismatch", says: "no certificate" },
    {
      name: "half a certificate",
      chain: () => "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n",
      code: "InvalidCertificate",
      says: "damaged",
    },
  ])(
    "does not take $name, and goes on waiting",
    async ({ chain, root = () => authority("/CN=corporate"), needs = NEEDS, later = 0, code, says }) => {
      const requestPem = await custody.requestIssuer(NAME, wish);
      const above = root();
      const before = await custody.issuerIds();
      // Signed before the clock is read: openssl's certificates begin with the second they are made in.
      const given = chain(requestPem, above);
      const now = new Date(Date.now() + later * 86_400_000);
      const failure = await custody.installIssuer(NAME, given, now, needs).catch((error: unknown) => error);
      expect(failure).toMatchObject({ name: "CustodyError", code, message: expect.stringContaining(says) });
      expect(await custody.issuerIds()).toEqual(before);
      const good = sign(requestPem, authority("/CN=good"), [...usual, constrained]);
      expect(good).toContain("BEGIN CERTIFICATE");
    },
  );

  test("takes the constraints that were asked for", async () => {
    const requestPem = await custody.requestIssuer("asked", wish);
    const root = authority("/CN=corporate");
    const certificatePem = sign(requestPem, root, [...usual, constrained]);
    const needs = { depthBelow: 0, maximumPathLength: 0, nameConstraints: EXAMPLE };
    const { issuer } = await custody.installIssuer("asked", pemOf(root) + certificatePem, new Date(), needs);
    expect(issuer.authority.nameConstraints).toEqual(EXAMPLE);
  });
});

test("name constraints survive their encoding", () => {
  const all = {
    dnsNames: ["", "example.com", ".example.org"],
    emailAddresses: ["root@example.com"],
    ipRanges: ["10.0.0.0/8", "fd00::/8"],
    uriHosts: [".example.com"],
    directoryNames: [
      [
        [{ type: "2.5.4.10", value: "Ünï" }],
        [
          { type: "2.5.4.3", value: "a" },
          { type: "2.5.4.3", value: "b" },
        ],
      ],
    ],
  };
  const constraints = { permitted: all, excluded: { ...NO_SUBTREES, ipRanges: ["0.0.0.0/0"] } };
  expect(decodeNameConstraints(encodeNameConstraints(constraints))).toEqual(constraints);
  expect(sameNameConstraints(undefined, { permitted: NO_SUBTREES, excluded: NO_SUBTREES })).toBe(true);
  expect(sameNameConstraints(constraints, { ...constraints, excluded: NO_SUBTREES })).toBe(false);
});
