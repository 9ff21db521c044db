import { createHmac } from "node:crypto";
import { beforeAll, expect, test } from "@jest/globals";
import { exportSPKI, type JWK, SignJWT } from "jose";
import { checkSignedToken } from "../../../../services/certificate-authority/access/authenticators/signed-token.ts";
import type { KeySet } from "../../../../services/shared/jwt/key-set.ts";
import { KeysUnavailableError, parseJwks } from "../../../../services/shared/jwt/key-set.ts";
import {
  buildSignedToken,
  buildTokenKey,
  forgeToken,
  jwksText,
  TOKEN_AUDIENCE,
  TOKEN_ISSUER,
  type TokenArguments,
  type TokenKey,
} from "../../../builders/signed-tokens.ts";
import { SettableClock } from "../../../fakes/settable-clock.ts";

const clock = new SettableClock();
const NOW = clock.now();
const SECONDS = NOW.getTime() / 1000;

let key: TokenKey;
let stranger: TokenKey;
beforeAll(async () => {
  key = await buildTokenKey("RS256", "one");
  stranger = await buildTokenKey("RS256", "one");
});

function fixedKeys(text: string, newer?: string): KeySet {
  return {
    current: () => parseJwks(text),
    renewed: async () => (newer === undefined ? undefined : parseJwks(newer)),
    maintain() {},
    due: () => [],
  };
}

function check(
  token: string,
  keys: KeySet = fixedKeys(jwksText(key)),
  audiences: readonly string[] = [TOKEN_AUDIENCE],
) {
  return checkSignedToken(token, { issuer: TOKEN_ISSUER, audiences, keys, clock });
}

const sign = (more: Partial<TokenArguments> = {}) => buildSignedToken({ key, now: NOW, ...more });

test.each(["RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA", "Ed25519"])(
  "a token signed with %s is good until it expires",
  async (algorithm) => {
    const own = await buildTokenKey(algorithm);
    const verdict = await check(await sign({ key: own }), fixedKeys(jwksText(own)));
    expect(verdict).toMatchObject({ kind: "claims", claims: { sub: "alice" } });
    expect(verdict).toMatchObject({ expiresAt: new Date((SECONDS + 3600) * 1000) });
  },
);

const outcome = (verdict: Awaited<ReturnType<typeof check>>) =>
  verdict.kind === "refused" ? verdict.reason : verdict.kind;

test.each<{ name: string; claims: Record<string, unknown>; says: string }>([
  { name: "one of several audiences", claims: { aud: ["other", TOKEN_AUDIENCE] }, says: "claims" },
  { name: "another audience", claims: { aud: "other" }, says: "the token's aud is not acceptable" },
  { name: "no audience", claims: { aud: undefined }, says: "the token's aud is not acceptable" },
  {
    name: "an audience that only begins alike",
    claims: { aud: `${TOKEN_AUDIENCE}2` },
    says: "the token's aud is not acceptable",
  },
  { name: "another issuer", claims: { iss: "https://login.example.org" }, says: "nobody" },
  { name: "an issuer with a slash more", claims: { iss: `${TOKEN_ISSUER}/` }, says: "nobody" },
  { name: "no issuer", claims: { iss: undefined }, says: "nobody" },
  { name: "an issuer that is no string", claims: { iss: [TOKEN_ISSUER] }, says: "nobody" },
  { name: "an expiry 9 s ago", claims: { exp: SECONDS - 9 }, says: "claims" },
  { name: "an expiry 10 s ago", claims: { exp: SECONDS - 10 }, says: "the token has expired" },
  { name: "no expiry", claims: { exp: undefined }, says: "the token's exp is not acceptable" },
  { name: "an expiry that is text", claims: { exp: "2099" }, says: "the token's exp is not acceptable" },
  { name: "a start in 10 s", claims: { nbf: SECONDS + 10 }, says: "claims" },
  { name: "a start in 11 s", claims: { nbf: SECONDS + 11 }, says: "the token is not valid yet" },
])("a token with $name: $says", async ({ claims, says }) => {
  expect(outcome(await check(await sign({ claims })))).toBe(says);
});

const CLAIMS = { iss: TOKEN_ISSUER, aud: TOKEN_AUDIENCE, sub: "mallory", exp: SECONDS + 60 };
const NOT_ALLOWED = "the token's signature algorithm is not allowed";

test.each(["none", "None", "NONE", "nOnE"])("alg %s is refused, with or without a signature", async (alg) => {
  expect(outcome(await check(forgeToken({ alg }, CLAIMS)))).toBe(NOT_ALLOWED);
  expect(outcome(await check(forgeToken({ alg }, CLAIMS, "c2lnbmF0dXJl")))).toBe(NOT_ALLOWED);
});

test.each(["HS256", "HS384", "HS512"])("%s under the issuer's public key is refused", async (alg) => {
  const pem = await exportSPKI(key.publicKey);
  const token = await new SignJWT(CLAIMS).setProtectedHeader({ alg, kid: key.kid }).sign(new TextEncoder().encode(pem));
  expect(outcome(await check(token))).toBe(NOT_ALLOWED);
});

test("HS256 with a symmetric key that stands in the key set is refused", async () => {
  const secret = Buffer.alloc(32, 1);
  const symmetric: JWK = { kty: "oct", k: secret.toString("base64url"), kid: "oct", alg: "HS256" };
  const unsigned = forgeToken({ alg: "HS256", kid: "oct" }, CLAIMS).slice(0, -1);
  const token = `${unsigned}.${createHmac("sha256", secret).update(unsigned).digest("base64url")}`;
  expect(outcome(await check(token, fixedKeys(jwksText(key, symmetric))))).toBe(NOT_ALLOWED);
});

test.each<{ name: string; header: () => Record<string, unknown>; says: string }>([
  { name: "a key it brings itself", header: () => ({ jwk: stranger.jwk }), says: "the token's signature is wrong" },
  {
    name: "a place to fetch keys from",
    header: () => ({ jku: "https://evil.example" }),
    says: "the token's signature is wrong",
  },
  {
    name: "a kid that is no key's",
    header: () => ({ kid: "../../etc/passwd" }),
    says: "the token's key is none of the issuer's",
  },
  { name: "a kid that is no string", header: () => ({ kid: 1 }), says: "the token's key is none of the issuer's" },
  {
    name: "an extension that must be understood",
    header: () => ({ crit: ["x"], x: 1 }),
    says: "the token cannot be checked: ERR_JOSE_NOT_SUPPORTED",
  },
])("a stranger's token with $name is refused", async ({ header, says }) => {
  const token = await sign({ key: stranger }).then((signed) => {
    const [, payload, signature] = signed.split(".");
    const head = Buffer.from(JSON.stringify({ alg: "RS256", kid: "one", ...header() })).toString("base64url");
    return `${head}.${payload}.${signature}`;
  });
  expect(outcome(await check(token))).toBe(says);
});

test("an RSA key is not used for another algorithm than its own", async () => {
  const token = await sign({ key: { ...key, algorithm: "RS256" }, header: { alg: "RS256" } });
  const [, payload, signature] = token.split(".");
  const other = Buffer.from(JSON.stringify({ alg: "PS256", kid: "one" })).toString("base64url");
  expect(outcome(await check(`${other}.${payload}.${signature}`))).toBe("the token's key is none of the issuer's");
});

test.each([
  { name: "empty", token: "" },
  { name: "no dots", token: "abc" },
  { name: "two parts", token: "a.b" },
  { name: "five parts, as encrypted ones have", token: "a.b.c.d.e" },
  { name: "no base64", token: "!.!.!" },
  { name: "a payload that is no JSON", token: `${"e30"}.${Buffer.from("x").toString("base64url")}.` },
  { name: "a payload that is a list", token: `e30.${Buffer.from("[]").toString("base64url")}.` },
  { name: "a bootstrap token", token: "abcdef.0123456789abcdef" },
])("what is no token of the issuer is left to others: $name", async ({ token }) => {
  expect(await check(token)).toEqual({ kind: "nobody" });
});

test("a changed payload or signature is refused", async () => {
  const [head, payload, signature] = (await sign()).split(".");
  const forged = Buffer.from(JSON.stringify(CLAIMS)).toString("base64url");
  expect(outcome(await check(`${head}.${forged}.${signature}`))).toBe("the token's signature is wrong");
  expect(outcome(await check(`${head}.${payload}.`))).toBe("the token's signature is wrong");
});

test("keys that go by one id are tried in turn, up to eight", async () => {
  const strangers = await Promise.all(Array.from({ length: 8 }, () => buildTokenKey("ES256", "same")));
  const own = await buildTokenKey("ES256", "same");
  const token = await sign({ key: own });
  expect((await check(token, fixedKeys(jwksText(...strangers.slice(1), own)))).kind).toBe("claims");
  expect(outcome(await check(token, fixedKeys(jwksText(...strangers, own))))).toBe("the token's signature is wrong");
  const late = await sign({ key: own, claims: { exp: SECONDS - 60 } });
  expect(outcome(await check(late, fixedKeys(jwksText(own, ...strangers))))).toBe("the token has expired");
});

test("a token without kid is checked with the keys for its algorithm", async () => {
  const other = await buildTokenKey("ES256", "other");
  const token = await sign({ header: { kid: undefined } });
  expect((await check(token, fixedKeys(jwksText(other, stranger, key)))).kind).toBe("claims");
});

test("unknown keys are looked for once more, and an expired token asks for none", async () => {
  const rolled = await buildTokenKey("ES256", "two");
  const token = await sign({ key: rolled });
  expect((await check(token, fixedKeys(jwksText(key), jwksText(key, rolled)))).kind).toBe("claims");
  expect(await check(token, fixedKeys(jwksText(key), jwksText(key)))).toMatchObject({
    kind: "refused",
    isLasting: false,
  });
  const expired = await sign({ claims: { exp: SECONDS - 60 } });
  const never = { ...fixedKeys(jwksText(key)), renewed: () => Promise.reject(new Error("asked")) };
  expect(outcome(await check(expired, never))).toBe("the token has expired");
});

test("without keys nobody is let in, and not for long", async () => {
  const none: KeySet = {
    current: () => {
      throw new KeysUnavailableError("the keys cannot be had");
    },
    renewed: async () => undefined,
    maintain() {},
    due: () => [],
  };
  expect(await check(await sign(), none)).toEqual({
    kind: "refused",
    reason: "the keys cannot be had",
    isLasting: false,
  });
});

test("a key too weak for its algorithm is refused without harm", async () => {
  const { n: _, ...rest } = key.jwk;
  const weak = { ...rest, n: Buffer.alloc(64, 255).toString("base64url") };
  expect((await check(await sign(), fixedKeys(JSON.stringify({ keys: [weak] })))).kind).toBe("refused");
});

test.each([
  { name: "no JSON", text: "<html>", says: "JSON" },
  { name: "no list of keys", text: "{}", says: "not a JSON Web Key Set" },
  { name: "no keys", text: '{"keys":[]}', says: "no public key" },
  { name: "only a secret key", text: '{"keys":[{"kty":"oct","k":"AA"}]}', says: "no public key" },
  { name: "only a private key", text: '{"keys":[{"kty":"EC","d":"AA"}]}', says: "no public key" },
  { name: "only encryption keys", text: '{"keys":[{"kty":"RSA","use":"enc"}]}', says: "no public key" },
  { name: "keys that are none", text: '{"keys":[null,1,"x"]}', says: "no public key" },
  { name: "too many keys", text: JSON.stringify({ keys: Array(101).fill({ kty: "RSA" }) }), says: "more than 100" },
])("a key set with $name is refused", ({ text, says }) => {
  expect(() => parseJwks(text)).toThrow(says);
});
