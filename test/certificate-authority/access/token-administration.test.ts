import { createSecretKey } from "node:crypto";
import { expect, test } from "@jest/globals";
import { authenticateBootstrapToken } from "../../../services/certificate-authority/access/bootstrap-token-authenticator.ts";
import { createTokenAdministration } from "../../../services/certificate-authority/access/token-administration.ts";
import type { NewBootstrapToken } from "../../../services/certificate-authority/access/token-rules.ts";
import { createTokenSeal } from "../../../services/certificate-authority/access/token-seal.ts";
import { joinTokenKey } from "../../../services/shared/attestation/possession.ts";
import { FakeBootstrapTokens } from "../../fakes/bootstrap-tokens.ts";
import { recordingLogger } from "../../fakes/recording-logger.ts";
import { SettableClock } from "../../fakes/settable-clock.ts";

const NOW = "2026-01-02T03:04:05.000Z";

function setUp() {
  const tokens = new FakeBootstrapTokens();
  const clock = new SettableClock(NOW);
  const { logger, lines } = recordingLogger();
  const tokenHashKey = createSecretKey(Buffer.alloc(32, 7));
  const attestationSeal = createTokenSeal(createSecretKey(Buffer.alloc(32, 9)));
  const administration = createTokenAdministration({ tokens, tokenHashKey, attestationSeal, clock, logger });
  const authenticate = (token: string) => authenticateBootstrapToken({ tokens, tokenHashKey, clock }, token);
  return { administration, tokens, clock, lines, authenticate };
}

const wanting = (overrides: Partial<NewBootstrapToken> = {}): NewBootstrapToken => ({
  description: "for rack 7",
  ttlSeconds: 3600,
  groups: [],
  nodeName: undefined,
  ...overrides,
});

test("a token is made, stored without its secret, and works", async () => {
  const { administration, tokens, authenticate } = setUp();
  const groups = ["system:bootstrappers:b", "system:bootstrappers:a", "system:bootstrappers:b"];
  const { record, token } = await administration.create(wanting({ groups, nodeName: "worker-1" }), "alice");
  expect(token).toMatch(/^[a-z0-9]{6}\.[a-z0-9]{16}$/);
  expect(record).toEqual({
    id: token.slice(0, 6),
    description: "for rack 7",
    extraGroups: ["system:bootstrappers:a", "system:bootstrappers:b"],
    nodeName: "worker-1",
    createdAt: new Date(NOW),
    expiresAt: new Date("2026-01-02T04:04:05.000Z"),
    createdBy: "alice",
  });
  expect(await administration.list()).toEqual([record]);
  const stored = tokens.rows.get(record.id);
  expect(stored?.secretHash).toHaveLength(32);
  expect(JSON.stringify([...tokens.rows])).not.toContain(token.slice(7));
  expect(authenticate(token)?.username).toBe(`system:bootstrap:${record.id}`);
});

test("ids and secrets use the whole alphabet and do not repeat", async () => {
  const { administration } = setUp();
  const made = await Promise.all(Array.from({ length: 200 }, () => administration.create(wanting(), "alice")));
  const texts = made.map(({ token }) => token);
  expect(new Set(texts).size).toBe(200);
  expect(new Set(texts.join("").replaceAll(".", "")).size).toBe(36);
});

test("an id that is asked for is used, and refused when taken", async () => {
  const { administration, lines } = setUp();
  const { token } = await administration.create(wanting({ id: "abc123" }), "alice");
  expect(token).toMatch(/^abc123\./);
  await expect(administration.create(wanting({ id: "abc123" }), "alice")).rejects.toMatchObject({
    reason: "AlreadyExists",
  });
  expect(lines.map(({ msg }) => msg)).toEqual(["bootstrap token created"]);
});

test("a random id that is taken is replaced by another; a store that always says so is believed", async () => {
  const { administration, tokens } = setUp();
  tokens.collisions = 4;
  const { record, token } = await administration.create(wanting(), "alice");
  expect(token.startsWith(`${record.id}.`)).toBe(true);
  expect([...tokens.rows.keys()]).toEqual([record.id]);
  tokens.collisions = 5;
  await expect(administration.create(wanting(), "alice")).rejects.toMatchObject({ reason: "AlreadyExists" });
});

const YEARS_10 = 10 * 365 * 86_400;

test.each<{ name: string; overrides: Partial<NewBootstrapToken>; fields: readonly string[] }>([
  { name: "a short id", overrides: { id: "abcde" }, fields: ["id"] },
  { name: "an upper-case id", overrides: { id: "ABCDEF" }, fields: ["id"] },
  { name: "an empty id", overrides: { id: "" }, fields: ["id"] },
  { name: "no time", overrides: { ttlSeconds: 0 }, fields: ["ttlSeconds"] },
  { name: "negative time", overrides: { ttlSeconds: -1 }, fields: ["ttlSeconds"] },
  { name: "half a second", overrides: { ttlSeconds: 1.5 }, fields: ["ttlSeconds"] },
  { name: "no number", overrides: { ttlSeconds: Number.NaN }, fields: ["ttlSeconds"] },
  { name: "too much time", overrides: { ttlSeconds: YEARS_10 + 1 }, fields: ["ttlSeconds"] },
  { name: "a long description", overrides: { description: "x".repeat(257) }, fields: ["description"] },
  {
    name: "a foreign group",
    overrides: { groups: ["system:bootstrappers:a", "system:masters"] },
    fields: ["groups[1]"],
  },
  { name: "the group without a name", overrides: { groups: ["system:bootstrappers:"] }, fields: ["groups[0]"] },
  { name: "a group ending in a colon", overrides: { groups: ["system:bootstrappers:a:"] }, fields: ["groups[0]"] },
  { name: "an upper-case group", overrides: { groups: ["system:bootstrappers:A"] }, fields: ["groups[0]"] },
  {
    name: "a group of 257 characters",
    overrides: { groups: [`system:bootstrappers:${"a".repeat(257)}`] },
    fields: ["groups[0]"],
  },
  {
    name: "33 groups",
    overrides: { groups: Array.from({ length: 33 }, (_, n) => `system:bootstrappers:g${n}`) },
    fields: ["groups"],
  },
  { name: "an upper-case node", overrides: { nodeName: "Worker" }, fields: ["nodeName"] },
  { name: "an empty node", overrides: { nodeName: "" }, fields: ["nodeName"] },
  { name: "a node with an underscore", overrides: { nodeName: "a_b" }, fields: ["nodeName"] },
  { name: "a node with an empty label", overrides: { nodeName: "a..b" }, fields: ["nodeName"] },
  { name: "a node ending in a line feed", overrides: { nodeName: "a\n" }, fields: ["nodeName"] },
  { name: "a node of 254 characters", overrides: { nodeName: "a".repeat(254) }, fields: ["nodeName"] },
  {
    name: "several problems",
    overrides: { id: "!", ttlSeconds: 0, nodeName: "" },
    fields: ["id", "ttlSeconds", "nodeName"],
  },
])("$name is refused by field", async ({ overrides, fields }) => {
  const { administration, tokens } = setUp();
  const error: unknown = await administration.create(wanting(overrides), "alice").catch((reason: unknown) => reason);
  expect(error).toMatchObject({
    reason: "Invalid",
    code: 422,
    details: {
      kind: "BootstrapToken",
      causes: fields.map((field) => expect.objectContaining({ field, reason: "FieldValueInvalid" })),
    },
  });
  expect(tokens.rows.size).toBe(0);
});

test.each<{ name: string; overrides: Partial<NewBootstrapToken> }>([
  { name: "one second", overrides: { ttlSeconds: 1 } },
  { name: "ten years", overrides: { ttlSeconds: YEARS_10 } },
  { name: "256 characters of description", overrides: { description: "x".repeat(256) } },
  { name: "32 groups", overrides: { groups: Array.from({ length: 32 }, (_, n) => `system:bootstrappers:g${n}`) } },
  { name: "a group of 256 characters", overrides: { groups: [`system:bootstrappers:${"a".repeat(256)}`] } },
  { name: "a node of 253 characters", overrides: { nodeName: "a".repeat(253) } },
  { name: "a node with dots", overrides: { nodeName: "ip-10-0-0-1.eu.example.com" } },
])("$name is accepted", async ({ overrides }) => {
  await setUp().administration.create(wanting(overrides), "alice");
});

test("a token without ttl never expires", async () => {
  const { administration, clock, authenticate } = setUp();
  const { record, token } = await administration.create(wanting({ ttlSeconds: undefined }), "alice");
  expect(record.expiresAt).toBeUndefined();
  clock.advance(100 * 365 * 86_400);
  expect(authenticate(token)).toBeDefined();
  expect(await administration.removeExpired()).toEqual([]);
});

test("the sweep takes what has expired and nothing else", async () => {
  const { administration, clock, lines } = setUp();
  const short = await administration.create(wanting({ ttlSeconds: 60 }), "alice");
  const long = await administration.create(wanting({ ttlSeconds: 61 }), "alice");
  clock.advance(59);
  expect(await administration.removeExpired()).toEqual([]);
  clock.advance(1);
  expect(await administration.removeExpired()).toEqual([short.record.id]);
  expect(await administration.list()).toEqual([long.record]);
  expect(lines.at(-1)).toMatchObject({ msg: "expired bootstrap tokens removed", tokenIds: [short.record.id] });
});

test("a token is removed once; who did it is logged; no secret ever is", async () => {
  const { administration, lines, tokens } = setUp();
  const { record, token } = await administration.create(wanting(), "alice");
  expect(await administration.remove(record.id, "bob")).toBe(true);
  expect(await administration.remove(record.id, "bob")).toBe(false);
  expect(tokens.removals).toEqual([`${record.id} by bob`]);
  expect(lines).toEqual([
    expect.objectContaining({ msg: "bootstrap token created", tokenId: record.id, createdBy: "alice" }),
    expect.objectContaining({ msg: "bootstrap token removed", tokenId: record.id, removedBy: "bob" }),
  ]);
  expect(JSON.stringify(lines)).not.toContain(token.slice(7));
});

test("a token to attest with logs nobody in, and its secret is only there to check proofs", async () => {
  const { administration, authenticate } = setUp();
  const wanted = wanting({ nodeName: "worker-1", use: "attestation" });
  const { record, token } = await administration.create(wanted, "alice");
  expect(record.usages).toEqual(["attestation"]);
  expect(authenticate(token)).toBeUndefined();
  expect(administration.secretOf(record.id)).toBeUndefined();
  const secret = token.slice(7);
  expect(administration.attestationToken(record.id)?.key).toEqual(joinTokenKey(secret));
  const plain = await administration.create(wanting(), "alice");
  expect(administration.attestationToken(plain.record.id)).toBeUndefined();
});

test.each<[Partial<NewBootstrapToken>, string]>([
  [{ nodeName: undefined }, "nodeName"],
  [{ nodeName: "worker-1", ttlSeconds: undefined }, "ttlSeconds"],
  [{ nodeName: "worker-1", groups: ["system:bootstrappers:a"] }, "groups"],
])("a token to attest with is refused with %j", async (changes, field) => {
  const { administration } = setUp();
  const wanted = administration.create(wanting({ use: "attestation", ...changes }), "alice");
  await expect(wanted).rejects.toMatchObject({ details: { causes: [expect.objectContaining({ field })] } });
});
