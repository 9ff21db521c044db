import { scryptSync } from "node:crypto";
import { expect, test } from "@jest/globals";
import {
  formatStaticToken,
  hashStaticToken,
  isStaticToken,
  isStaticTokenHash,
  newStaticToken,
  parseStaticToken,
} from "../../services/shared/static-token.ts";

const CHEAP = { logN: 10, r: 8, p: 1 };

test("a new token is read back and is like no other", () => {
  const made = newStaticToken();
  expect(formatStaticToken(made)).toMatch(/^gatehouse_[a-z0-9]{8}_[A-Za-z0-9_-]{43}$/);
  expect(parseStaticToken(formatStaticToken(made))).toEqual(made);
  expect(newStaticToken()).not.toEqual(made);
});

test.each([
  "",
  "gatehouse_",
  "gatehouse_abcdefgh_short",
  "Gatehouse_abcdefgh_".padEnd(62, "a"),
  " gatehouse_abcdefgh_".padEnd(63, "a"),
])("%j is no token", (text) => {
  expect(parseStaticToken(text)).toBeUndefined();
});

test("the hash is scrypt's, with a salt of its own, and only the token's secret fits it", async () => {
  const made = newStaticToken();
  const [one, two] = [await hashStaticToken(made, CHEAP), await hashStaticToken(made, CHEAP)];
  const [, , parameters, salt = "", hash] = one.split("$");
  expect(parameters).toBe("ln=10,r=8,p=1");
  const expected = scryptSync(made.secret, Buffer.from(salt, "base64"), 32, { N: 1024, r: 8, p: 1 });
  expect(hash).toBe(expected.toString("base64").replace("=", ""));
  expect(one).not.toBe(two);
  expect(await isStaticToken(made, one)).toBe(true);
  expect(await isStaticToken({ ...made, secret: newStaticToken().secret }, one)).toBe(false);
  expect(await isStaticToken(made, "none")).toBe(false);
});

test("hashes are as dear as they are meant to be", async () => {
  expect(await hashStaticToken(newStaticToken())).toMatch(/^\$scrypt\$ln=15,r=8,p=1\$/);
});

const HASH = `$scrypt$ln=10,r=8,p=1$${"a".repeat(22)}$${"b".repeat(43)}`;

test.each<{ name: string; text: string; isHash: boolean }>([
  { name: "the lowest cost", text: HASH, isHash: true },
  { name: "a cost below it", text: HASH.replace("ln=10", "ln=9"), isHash: false },
  { name: "the highest cost", text: HASH.replace("ln=10", "ln=15"), isHash: true },
  { name: "a cost above it", text: HASH.replace("ln=10", "ln=16"), isHash: false },
  { name: "too many passes", text: HASH.replace("p=1", "p=5"), isHash: false },
  { name: "no passes", text: HASH.replace("p=1", "p=0"), isHash: false },
  { name: "a salt too short", text: HASH.replace("a".repeat(22), "a".repeat(21)), isHash: false },
  { name: "another function", text: HASH.replace("scrypt", "argon2id"), isHash: false },
])("$name: $isHash", ({ text, isHash }) => {
  expect(isStaticTokenHash(text)).toBe(isHash);
});
