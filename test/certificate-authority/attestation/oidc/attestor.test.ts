import { randomBytes } from "node:crypto";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, expect, test } from "@jest/globals";
import fc from "fast-check";
import { exportSPKI, SignJWT } from "jose";
import { z } from "zod";
import { createOidcAttestor } from "../../../../services/certificate-authority/attestation/oidc/attestor.ts";
import {
  type OidcSettings,
  oidcShape,
  resolveOidcPaths,
} from "../../../../services/certificate-authority/attestation/oidc/settings.ts";
import { boundAudience } from "../../../../services/shared/attestation/bind.ts";
import { ATTESTATION_AUDIENCE, attestorTools, proofInput, refusalIn } from "../../../builders/proof-input.ts";
import {
  buildSignedToken,
  buildTokenKey,
  forgeToken,
  jwksText,
  type TokenKey,
} from "../../../builders/signed-tokens.ts";
import { temporaryDirectory } from "../../../builders/temporary-directory.ts";
import { buildTlsIdentity, type TlsIdentity } from "../../../builders/tls-identity.ts";
import { RoutedServer } from "../../../fakes/routed-server.ts";
import { SettableClock } from "../../../fakes/settable-clock.ts";

const ISSUER = "https://login.example.com";
const NOW = new SettableClock().now();
const SECONDS = NOW.getTime() / 1000;
const schema = z.strictObject(oidcShape);
const USUAL = {
  attestor: "oidc",
  issuer: ISSUER,
  requiredClaims: { project: "prod", "/vm/kind": "node" },
  machineIdClaim: "/vm/id",
  fields: { instance: { claim: "sub", pattern: "vm:([a-z0-9-]+)" } },
};
const CLAIMS = { iss: ISSUER, sub: "vm:node-1", project: "prod", vm: { id: "i-1", kind: "node" } };

let key: TokenKey;
let stranger: TokenKey;
let tls: TlsIdentity;
let server: RoutedServer;
let origin: string;
beforeAll(async () => {
  key = await buildTokenKey("RS256", "one");
  stranger = await buildTokenKey("RS256", "one");
  tls = await buildTlsIdentity();
  server = new RoutedServer(tls);
  origin = await server.listen();
});
afterAll(() => server.close());

let directory: string;
let file: string;
beforeEach(() => {
  directory = temporaryDirectory();
  file = join(directory, "jwks.json");
  writeFileSync(file, jwksText(key));
  writeFileSync(join(directory, "ca.pem"), tls.caPem);
  server.requests.length = 0;
});

const settingsOf = (changes: object = {}): OidcSettings => schema.parse({ ...USUAL, keys: { file }, ...changes });

interface Shown {
  readonly claims?: Readonly<Record<string, unknown>>;
  readonly header?: Readonly<Record<string, unknown>>;
  readonly key?: TokenKey;
  readonly token?: (claims: object) => string | Promise<string>;
}

async function inputOf({ claims = {}, header = {}, key: signer = key, token }: Shown = {}) {
  const bind = randomBytes(32);
  const all = { ...CLAIMS, aud: boundAudience(ATTESTATION_AUDIENCE, bind), ...claims };
  const made = token?.(all) ?? buildSignedToken({ key: signer, now: NOW, claims: all, header });
  return proofInput({ bind, proof: { token: await made }, now: NOW });
}

const attestorOf = (settings: OidcSettings) => createOidcAttestor(settings, attestorTools(new SettableClock()));
async function refusalOf(shown: Shown = {}, settings = settingsOf()): Promise<string> {
  const input = await inputOf(shown);
  return refusalIn(() => attestorOf(settings).verify(input));
}

test("a token for this attestation shows a machine", async () => {
  expect(await attestorOf(settingsOf()).verify(await inputOf())).toEqual({
    machineId: `oidc:${ISSUER}#i-1`,
    pins: {},
    fields: { instance: "node-1" },
    isFresh: true,
  });
});

test.each(["ES256", "PS256", "EdDSA"])("%s is taken where it is listed, and not where it is not", async (algorithm) => {
  const own = await buildTokenKey(algorithm);
  writeFileSync(file, jwksText(own));
  expect(await refusalOf({ key: own }, settingsOf({ algorithms: [algorithm] }))).toBe("accepted");
  expect(await refusalOf({ key: own }, settingsOf({ algorithms: ["RS256"] }))).toContain("algorithm is not allowed");
});

const bound = (bind = randomBytes(32), audience = ATTESTATION_AUDIENCE) => boundAudience(audience, bind);
test.each<{ name: string; shown: () => Shown; says: string }>([
  { name: "of another challenge", shown: () => ({ claims: { aud: bound() } }), says: "aud is not acceptable" },
  {
    name: "for the plain audience",
    shown: () => ({ claims: { aud: ATTESTATION_AUDIENCE } }),
    says: "aud is not acceptable",
  },
  { name: "without an audience", shown: () => ({ claims: { aud: undefined } }), says: "aud is not acceptable" },
  { name: "of another issuer", shown: () => ({ claims: { iss: `${ISSUER}/` } }), says: "iss is not acceptable" },
  { name: "by another key", shown: () => ({ key: stranger }), says: "signature is wrong" },
  {
    name: "with a key of its own",
    shown: () => ({ key: stranger, header: { jwk: stranger.jwk } }),
    says: "signature is wrong",
  },
  { name: "that has expired", shown: () => ({ claims: { exp: SECONDS - 10 } }), says: "has expired" },
  { name: "that never expires", shown: () => ({ claims: { exp: undefined } }), says: "exp is not acceptable" },
  { name: "of the future", shown: () => ({ claims: { iat: SECONDS + 11 } }), says: "iat is not acceptable" },
  { name: "that is not valid yet", shown: () => ({ claims: { nbf: SECONDS + 11 } }), says: "is not valid yet" },
  {
    name: "that is old, though it has not expired",
    shown: () => ({ claims: { iat: SECONDS - 311 } }),
    says: "is too old",
  },
  { name: "of unknown age", shown: () => ({ claims: { iat: undefined } }), says: "iat is not acceptable" },
  {
    name: "without a signature",
    shown: () => ({ token: (claims) => forgeToken({ alg: "none" }, claims) }),
    says: "algorithm is not allowed",
  },
  { name: "that is no token", shown: () => ({ token: () => "a.b.c" }), says: "cannot be checked" },
  { name: "without a required claim", shown: () => ({ claims: { project: undefined } }), says: "claim project is not" },
  { name: "with another project", shown: () => ({ claims: { project: "test" } }), says: "claim project is not" },
  {
    name: "with the project among others",
    shown: () => ({ claims: { project: ["prod"] } }),
    says: "claim project is not",
  },
  {
    name: "with another kind inside",
    shown: () => ({ claims: { vm: { id: "i-1", kind: "pod" } } }),
    says: "claim /vm/kind is not",
  },
  {
    name: "without a machine",
    shown: () => ({ claims: { vm: { kind: "node" } } }),
    says: "claim /vm/id names no machine",
  },
  {
    name: "with an empty machine",
    shown: () => ({ claims: { vm: { id: "", kind: "node" } } }),
    says: "claim /vm/id names no machine",
  },
  {
    name: "with a machine of several lines",
    shown: () => ({ claims: { vm: { id: "a\nb", kind: "node" } } }),
    says: "claim /vm/id names no machine",
  },
  {
    name: "with a huge machine",
    shown: () => ({ claims: { vm: { id: "a".repeat(129), kind: "node" } } }),
    says: "claim /vm/id names no machine",
  },
])("refused: a token $name", async ({ shown, says }) => {
  expect(await refusalOf(shown())).toContain(says);
});

test("HS256 under the issuer's public key is refused", async () => {
  const secret = new TextEncoder().encode(await exportSPKI(key.publicKey));
  const token = (claims: object) =>
    new SignJWT({ ...claims, iat: SECONDS, exp: SECONDS + 60 })
      .setProtectedHeader({ alg: "HS256", kid: "one" })
      .sign(secret);
  expect(await refusalOf({ token })).toContain("algorithm is not allowed");
});

test.each([
  { name: "a second inside the age", claims: { iat: SECONDS - 310 } },
  { name: "made within the skew", claims: { iat: SECONDS + 10 } },
  { name: "of a numbered machine", claims: { vm: { id: 42, kind: "node" } } },
])("accepted: a token $name", async ({ claims }) => {
  expect(await refusalOf({ claims })).toBe("accepted");
});

test("a token that others take too is refused", async () => {
  const bind = randomBytes(32);
  const claims = { ...CLAIMS, aud: [bound(bind), "https://other.example"] };
  const input = proofInput({ bind, proof: { token: await buildSignedToken({ key, now: NOW, claims }) }, now: NOW });
  expect(await refusalIn(() => attestorOf(settingsOf()).verify(input))).toContain("several audiences");
});

test("a token for a plain audience is taken where the profile says so, and is not fresh", async () => {
  const settings = settingsOf({ replayableAudience: "api://nodes" });
  const plain = await attestorOf(settings).verify(await inputOf({ claims: { aud: "api://nodes" } }));
  expect(plain).toMatchObject({ machineId: `oidc:${ISSUER}#i-1`, isFresh: false });
  expect(await attestorOf(settings).verify(await inputOf())).toMatchObject({ isFresh: true });
  expect(await refusalOf({ claims: { aud: ATTESTATION_AUDIENCE } }, settings)).toContain("aud is not acceptable");
});

test.each<{ name: string; sub: unknown; fields: object }>([
  { name: "matches only in part", sub: "vm:node-1.evil", fields: {} },
  { name: "has something before it", sub: "x vm:node-1", fields: {} },
  { name: "has another line", sub: "vm:node-1\nvm:node-2", fields: {} },
  { name: "is no text", sub: 7, fields: {} },
  { name: "is longer than any name", sub: `vm:${"a".repeat(300)}`, fields: {} },
  { name: "matches", sub: "vm:node-7", fields: { instance: "node-7" } },
])("a claim that $name makes $fields", async ({ sub, fields }) => {
  expect(await attestorOf(settingsOf()).verify(await inputOf({ claims: { sub } }))).toMatchObject({ fields });
  const evidence = await attestorOf(settingsOf()).verify(await inputOf({ claims: { sub } }));
  expect(evidence.fields).toEqual(fields);
});

test("claims are looked for among a token's own alone", async () => {
  expect(await refusalOf({}, settingsOf({ machineIdClaim: "/constructor/name" }))).toContain("names no machine");
  expect(await refusalOf({ claims: { "a/b": { "c~d": "m" } } }, settingsOf({ machineIdClaim: "/a~1b/c~0d" }))).toBe(
    "accepted",
  );
});

test("keys of a file are followed, and none count while it is broken", async () => {
  const attestor = attestorOf(settingsOf());
  const verify = async (signer: TokenKey) => {
    const input = await inputOf({ key: signer });
    return refusalIn(() => attestor.verify(input));
  };
  expect(await verify(key)).toBe("accepted");
  writeFileSync(file, jwksText(stranger));
  expect(await verify(key)).toContain("signature is wrong");
  expect(await verify(stranger)).toBe("accepted");
  writeFileSync(file, "{");
  expect(await verify(stranger)).toContain("cannot be used");
});

const DISCOVERY = "/.well-known/openid-configuration";
test("keys are found by discovery at the issuer's origin, once", async () => {
  server.answer = ({ url }) =>
    url === DISCOVERY ? { body: { issuer: origin, jwks_uri: `${origin}/keys` } } : { body: jwksText(key) };
  const settings = settingsOf({ issuer: origin, keys: { certificateAuthorityFile: join(directory, "ca.pem") } });
  const attestor = attestorOf(settings);
  for (let times = 0; times < 3; times += 1)
    expect(await attestor.verify(await inputOf({ claims: { iss: origin } }))).toMatchObject({ isFresh: true });
  expect(server.requests.map(({ url }) => url)).toEqual([DISCOVERY, "/keys"]);
  attestor.close?.();
});

test.each<{ name: string; answer: RoutedServer["answer"]; says: string }>([
  {
    name: "lead elsewhere",
    answer: () => ({ body: { issuer: origin, jwks_uri: "https://keys.example/" } }),
    says: "names a jwks_uri that is not at",
  },
  {
    name: "are another issuer's",
    answer: () => ({ body: { issuer: ISSUER, jwks_uri: `${origin}/keys` } }),
    says: "of another issuer",
  },
  { name: "are redirected", answer: () => ({ status: 302, headers: { location: ISSUER } }), says: "HTTP 302" },
  { name: "are endless", answer: () => ({ body: "x".repeat(600_000) }), says: "more than" },
])("keys that $name are not used, and not asked for again at once", async ({ answer, says }) => {
  server.answer = answer;
  const settings = settingsOf({ issuer: origin, keys: { certificateAuthorityFile: join(directory, "ca.pem") } });
  const attestor = attestorOf(settings);
  for (let times = 0; times < 2; times += 1) {
    const input = await inputOf({ claims: { iss: origin } });
    expect(await refusalIn(() => attestor.verify(input))).toContain(says);
  }
  expect(server.requests).toHaveLength(1);
  attestor.close?.();
});

test("a proof is cut off anywhere in vain", async () => {
  const input = await inputOf();
  const { token } = input.proof as { token: string };
  const attestor = attestorOf(settingsOf());
  for (let length = 0; length < token.length; length += 7)
    expect(await refusalIn(() => attestor.verify({ ...input, proof: { token: token.slice(0, length) } }))).not.toBe(
      "accepted",
    );
  expect(await refusalIn(() => attestor.verify({ ...input, proof: { token: `${token}.` } }))).not.toBe("accepted");
});

test.each<{ name: string; proof: unknown }>([
  { name: "nothing", proof: {} },
  { name: "more than a token", proof: { token: "a", nodeName: "x" } },
  { name: "a huge token", proof: { token: "a".repeat(16 * 1024 + 1) } },
])("a proof of $name is refused", async ({ proof }) => {
  await expect(attestorOf(settingsOf()).verify(proofInput({ proof, now: NOW }))).rejects.toMatchObject({
    name: "ZodError",
  });
});

test("whatever the token is, it is refused in words", async () => {
  const attestor = attestorOf(settingsOf());
  const part = fc.oneof(
    fc.string(),
    fc.base64String(),
    fc.json().map((json) => Buffer.from(json).toString("base64url")),
  );
  await fc.assert(
    fc.asyncProperty(fc.array(part, { maxLength: 5 }), async (parts) => {
      const proof = { token: parts.join(".") };
      expect(await refusalIn(() => attestor.verify(proofInput({ proof, now: NOW })))).not.toBe("accepted");
    }),
    { numRuns: 300 },
  );
});

test.each<{ name: string; changes: object; path: readonly (string | number)[] }>([
  { name: "no required claim", changes: { requiredClaims: {} }, path: ["requiredClaims"] },
  { name: "no algorithm", changes: { algorithms: [] }, path: ["algorithms"] },
  { name: "an HMAC", changes: { algorithms: ["HS256"] }, path: ["algorithms", 0] },
  { name: "no signature", changes: { algorithms: ["none"] }, path: ["algorithms", 0] },
  { name: "an issuer over http", changes: { issuer: "http://login.example.com" }, path: ["issuer"] },
  { name: "an issuer with a password", changes: { issuer: "https://a:b@login.example.com" }, path: ["issuer"] },
  { name: "two places of keys", changes: { keys: { file: "a", url: ISSUER } }, path: ["keys"] },
  {
    name: "a pattern that is none",
    changes: { fields: { a: { claim: "sub", pattern: "(" } } },
    path: ["fields", "a", "pattern"],
  },
  {
    name: "a pattern with two groups",
    changes: { fields: { a: { claim: "sub", pattern: "(a)(b)" } } },
    path: ["fields", "a", "pattern"],
  },
  {
    name: "a pattern that looks back",
    changes: { fields: { a: { claim: "sub", pattern: "(a)\\1" } } },
    path: ["fields", "a", "pattern"],
  },
  { name: "tokens of a day", changes: { maximumTokenAgeSeconds: 86_400 }, path: ["maximumTokenAgeSeconds"] },
])("settings with $name are refused", ({ changes, path }) => {
  const { error } = schema.safeParse({ ...USUAL, ...changes });
  expect(error?.issues.map((issue) => issue.path)).toEqual([path]);
});

test("paths are made absolute", () => {
  const settings = schema.parse({ ...USUAL, keys: { certificateAuthorityFile: "ca.pem" } });
  expect(resolveOidcPaths(settings, (path) => `/etc/${path}`).keys).toEqual({
    certificateAuthorityFile: "/etc/ca.pem",
  });
  expect(resolveOidcPaths(settingsOf({ keys: { file: "jwks" } }), (path) => `/etc/${path}`).keys).toEqual({
    file: "/etc/jwks",
  });
});
