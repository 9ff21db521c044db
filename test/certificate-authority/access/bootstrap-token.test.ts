import { createHmac, createSecretKey } from "node:crypto";
import { describe, expect, jest, test } from "@jest/globals";
import fc from "fast-check";
import { authenticateBootstrapToken } from "../../../services/certificate-authority/access/bootstrap-token-authenticator.ts";
import { equalHashes, hashToken, parseToken } from "../../../services/certificate-authority/access/token-secret.ts";
import type { BootstrapTokenRecord } from "../../../services/certificate-authority/domain/bootstrap-token.ts";
import { FakeBootstrapTokens } from "../../fakes/bootstrap-tokens.ts";
import { SettableClock } from "../../fakes/settable-clock.ts";

const tokenHashKey = createSecretKey(Buffer.alloc(32, 7));
const SECRET = "0123456789abcdef";
const TOKEN = `abcdef.${SECRET}`;

function record(overrides: Partial<BootstrapTokenRecord> = {}): BootstrapTokenRecord {
  return {
    id: "abcdef",
    description: "",
    extraGroups: [],
    nodeName: undefined,
    createdAt: new Date("2026-01-01T00:00:00Z"),
    expiresAt: new Date("2026-01-03T00:00:00Z"),
    createdBy: "alice",
    ...overrides,
  };
}

function storeOf(token: BootstrapTokenRecord, secret = SECRET): FakeBootstrapTokens {
  const tokens = new FakeBootstrapTokens();
  tokens.rows.set(token.id, { token, secretHash: hashToken(tokenHashKey, { id: token.id, secret }) });
  return tokens;
}

const authenticate = (tokens: FakeBootstrapTokens, bearer: string, clock = new SettableClock()) =>
  authenticateBootstrapToken({ tokens, tokenHashKey, clock }, bearer);

test.each([
  { name: "plain", token: record(), groups: ["system:bootstrappers", "system:authenticated"], extra: {} },
  {
    name: "with extra groups, sorted and without repetition",
    token: record({ extraGroups: ["system:bootstrappers:z", "system:bootstrappers:a", "system:bootstrappers:z"] }),
    groups: ["system:bootstrappers", "system:bootstrappers:a", "system:bootstrappers:z", "system:authenticated"],
    extra: {},
  },
  {
    name: "bound to a node",
    token: record({ nodeName: "worker-1" }),
    groups: ["system:bootstrappers", "system:authenticated"],
    extra: { "gatehouse.dev/bound-node-name": ["worker-1"] },
  },
  {
    name: "that never expires",
    token: record({ expiresAt: undefined }),
    groups: ["system:bootstrappers", "system:authenticated"],
    extra: {},
  },
])("a token $name names its user", ({ token, groups, extra }) => {
  expect(authenticate(storeOf(token), TOKEN)).toEqual({ username: "system:bootstrap:abcdef", uid: "", groups, extra });
});

test.each([
  { name: "an unknown id", bearer: `bbbbbb.${SECRET}` },
  { name: "another secret", bearer: "abcdef.0123456789abcdeg" },
  { name: "an upper-case secret", bearer: `abcdef.${SECRET.toUpperCase()}` },
  { name: "no dot", bearer: `abcdef${SECRET}` },
  { name: "only the id", bearer: "abcdef" },
  { name: "a short secret", bearer: TOKEN.slice(0, -1) },
  { name: "a long secret", bearer: `${TOKEN}0` },
  { name: "a long id", bearer: `0${TOKEN}` },
  { name: "a line feed behind", bearer: `${TOKEN}\n` },
  { name: "a space before", bearer: ` ${TOKEN}` },
  { name: "a second part", bearer: `${TOKEN}.x` },
  { name: "nothing", bearer: "" },
])("$name is nobody", ({ bearer }) => {
  expect(authenticate(storeOf(record()), bearer)).toBeUndefined();
});

test.each([
  {
    name: "a group that is none for bootstrapping",
    token: record({ extraGroups: ["system:bootstrappers:a", "system:masters"] }),
  },
  { name: "a bootstrap group that ends in a dash", token: record({ extraGroups: ["system:bootstrappers:a-"] }) },
])("a stored token with $name is nobody", ({ token }) => {
  expect(authenticate(storeOf(token), TOKEN)).toBeUndefined();
});

test.each([
  { now: "2026-01-02T23:59:59.999Z", known: true },
  { now: "2026-01-03T00:00:00.000Z", known: false },
])("at $now a token that expires then is known: $known", ({ now, known }) => {
  expect(authenticate(storeOf(record()), TOKEN, new SettableClock(now)) !== undefined).toBe(known);
});

test("nothing is remembered: a deleted token is refused by the next request", () => {
  const tokens = storeOf(record());
  expect(authenticate(tokens, TOKEN)).toBeDefined();
  tokens.rows.clear();
  expect(authenticate(tokens, TOKEN)).toBeUndefined();
});

test("a hash counts only for its own id and under its own key", () => {
  const tokens = storeOf(record({ id: "aaaaaa" }));
  const row = tokens.rows.get("aaaaaa");
  if (row === undefined) throw new Error("no row");
  tokens.rows.set("bbbbbb", { ...row, token: record({ id: "bbbbbb" }) });
  expect(authenticate(tokens, `aaaaaa.${SECRET}`)).toBeDefined();
  expect(authenticate(tokens, `bbbbbb.${SECRET}`)).toBeUndefined();
  const otherKey = createSecretKey(Buffer.alloc(32, 8));
  expect(
    authenticateBootstrapToken({ tokens, tokenHashKey: otherKey, clock: new SettableClock() }, `aaaaaa.${SECRET}`),
  ).toBeUndefined();
});

test("a store that answers with another token's record is not believed", () => {
  const tokens = storeOf(record());
  const row = tokens.rows.get("abcdef");
  if (row === undefined) throw new Error("no row");
  row.token = record({ id: "bbbbbb" });
  expect(authenticate(tokens, TOKEN)).toBeUndefined();
});

test("the stored hash is HMAC-SHA-256 over id and secret", () => {
  const expected = createHmac("sha256", Buffer.alloc(32, 7)).update(TOKEN).digest();
  expect(hashToken(tokenHashKey, { id: "abcdef", secret: SECRET })).toEqual(expected);
});

test("an unknown id is hashed and compared like a known one", () => {
  const updates = jest.spyOn(Object.getPrototypeOf(createHmac("sha256", tokenHashKey)), "update");
  try {
    authenticate(storeOf(record()), `abcdef.${SECRET}`);
    const known = updates.mock.calls.length;
    authenticate(storeOf(record()), `bbbbbb.${SECRET}`);
    expect([known, updates.mock.calls.length]).toEqual([2, 4]);
  } finally {
    updates.mockRestore();
  }
});

test("hashes of unequal length are unequal, whatever they hold", () => {
  const hash = Buffer.alloc(32, 1);
  expect(equalHashes(hash, Buffer.alloc(32, 1))).toBe(true);
  expect(equalHashes(hash, Buffer.alloc(31, 1))).toBe(false);
  expect(equalHashes(hash, Buffer.alloc(0))).toBe(false);
  const other = Buffer.from(hash);
  other[31] = 2;
  expect(equalHashes(hash, other)).toBe(false);
});

test("text is a token exactly when it has the form", () => {
  const character = fc.constantFrom(".", "a", "0", "z", "A", "-", " ", "\n", "\u00e9");
  fc.assert(
    fc.property(fc.string({ unit: character, minLength: 20, maxLength: 26 }), (text) => {
      const [id = "", secret = "", ...more] = text.split(".");
      const isToken = more.length === 0 && id.length === 6 && secret.length === 16 && !/[^a-z0-9]/.test(id + secret);
      expect(parseToken(text)).toEqual(isToken ? { id, secret } : undefined);
    }),
  );
  expect(parseToken(TOKEN)).toEqual({ id: "abcdef", secret: SECRET });
});

describe("a token that was shown before", () => {
  test("names the same user again, and does not help a wrong secret", () => {
    const tokens = storeOf(record());
    const first = authenticate(tokens, TOKEN);
    expect(authenticate(tokens, TOKEN)).toEqual(first);
    expect(authenticate(tokens, "abcdef.0123456789abcdeg")).toBeUndefined();
    expect(authenticate(tokens, TOKEN)).toEqual(first);
  });

  test("is refused from the instant it expires", () => {
    const tokens = storeOf(record());
    const clock = new SettableClock();
    clock.set(new Date("2026-01-02T23:59:59.999Z"));
    expect(authenticate(tokens, TOKEN, clock)).toBeDefined();
    clock.set(new Date("2026-01-03T00:00:00Z"));
    expect(authenticate(tokens, TOKEN, clock)).toBeUndefined();
  });

  test("is refused once it was removed, or made anew with another secret", () => {
    const tokens = storeOf(record());
    expect(authenticate(tokens, TOKEN)).toBeDefined();
    const anew = storeOf(record(), "fedcba9876543210").rows.get("abcdef");
    if (anew) tokens.rows.set("abcdef", anew);
    expect(authenticate(tokens, TOKEN)).toBeUndefined();
    tokens.rows.delete("abcdef");
    expect(authenticate(tokens, TOKEN)).toBeUndefined();
  });
});
