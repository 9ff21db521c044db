import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, expect, test } from "@jest/globals";
import { openCustody } from "../../../../services/certificate-authority/custody/custody.ts";
import type { EncryptionSource } from "../../../../services/certificate-authority/custody/encryption/encryption-source.ts";
import { temporaryDirectory } from "../../../builders/temporary-directory.ts";
import { recordingLogger } from "../../../fakes/recording-logger.ts";

const NOW = new Date("2026-01-01T00:00:00Z");
const KEY_TEXT = Buffer.alloc(32, 1).toString("base64");
const OTHER_KEY_TEXT = Buffer.alloc(32, 2).toString("base64");

let home: string;
let directory: string;
let keyFile: string;

beforeEach(() => {
  home = temporaryDirectory();
  directory = join(home, "data", "keys");
  keyFile = join(home, "encryption-key");
});

const open = (encryption: EncryptionSource = {}, logger = recordingLogger().logger) =>
  openCustody({ directory, encryption, logger });

/** Makes an issuer, so that something is sealed under the encryption key; its id. */
async function storeIssuer(...source: Parameters<typeof open>): Promise<string> {
  return (await (await open(...source)).createIssuer({ now: NOW })).description.id;
}

/** Whether what is sealed can be opened: resolves with the id that was asked for. */
async function loadIssuer(id: string, ...source: Parameters<typeof open>): Promise<string> {
  return (await (await open(...source)).loadIssuer(id, NOW)).description.id;
}

const environment = (value: string | undefined): EncryptionSource => ({
  environmentKey: { variable: "GATEHOUSE_KEY", value },
});

function writeKeyFile(content: string | Buffer, mode = 0o600): EncryptionSource {
  writeFileSync(keyFile, content);
  chmodSync(keyFile, mode);
  return { keyFile };
}

test("with nothing configured a key file of mode 0600 is made once, and said at every start", async () => {
  const first = recordingLogger();
  const id = await storeIssuer({}, first.logger);
  const path = join(directory, "encryption.key");
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(statSync(directory).mode & 0o777).toBe(0o700);
  expect(Buffer.from(readFileSync(path, "utf8"), "base64")).toHaveLength(32);
  const second = recordingLogger();
  expect(await loadIssuer(id, {}, second.logger)).toBe(id);
  for (const { lines } of [first, second]) {
    const warnings = lines.filter(({ level }) => level === "warn");
    expect(warnings).toEqual([expect.objectContaining({ encryptionKeyFile: path })]);
    expect(warnings[0]?.msg).toContain("for production");
  }
});

test("the generated key can be moved and named, or given by the environment", async () => {
  const id = await storeIssuer();
  const content = readFileSync(join(directory, "encryption.key"));
  const { logger, lines } = recordingLogger();
  for (const source of [writeKeyFile(content), environment(content.toString())]) {
    expect(await loadIssuer(id, source, logger)).toBe(id);
  }
  expect(lines).toEqual([]);
});

test("a configured key leaves no key file behind", async () => {
  const id = await storeIssuer(environment(KEY_TEXT));
  expect(readdirSync(directory).toSorted()).toEqual([
    "derivation-root.sealed",
    `issuer-${id}.crt`,
    `issuer-${id}.sealed`,
  ]);
});

test.each<{ name: string; source: () => EncryptionSource; code: string; words: string }>([
  {
    name: "a file that is not there",
    source: () => ({ keyFile }),
    code: "EncryptionKeyMissing",
    words: "openssl rand",
  },
  { name: "an empty file", source: () => writeKeyFile(""), code: "EncryptionKeyInvalid", words: "0 characters" },
  {
    name: "a truncated file",
    source: () => writeKeyFile(KEY_TEXT.slice(0, -1)),
    code: "EncryptionKeyInvalid",
    words: "43 characters",
  },
  {
    name: "31 octets",
    source: () => writeKeyFile(Buffer.alloc(31).toString("base64")),
    code: "EncryptionKeyInvalid",
    words: "base64 of exactly 32 octets",
  },
  {
    name: "raw octets",
    source: () => writeKeyFile(Buffer.alloc(32, 200)),
    code: "EncryptionKeyInvalid",
    words: "base64",
  },
  {
    name: "a file the group may read",
    source: () => writeKeyFile(KEY_TEXT, 0o640),
    code: "InsecurePermissions",
    words: "chmod 600",
  },
  {
    name: "a file anyone may read",
    source: () => writeKeyFile(KEY_TEXT, 0o604),
    code: "InsecurePermissions",
    words: "0604",
  },
  {
    name: "an unset variable",
    source: () => environment(undefined),
    code: "EncryptionKeyMissing",
    words: "GATEHOUSE_KEY",
  },
  { name: "an empty variable", source: () => environment(""), code: "EncryptionKeyMissing", words: "GATEHOUSE_KEY" },
  {
    name: "a variable with something else",
    source: () => environment("hunter2"),
    code: "EncryptionKeyInvalid",
    words: "GATEHOUSE_KEY",
  },
  {
    name: "two sources",
    source: () => ({ ...writeKeyFile(KEY_TEXT), ...environment(KEY_TEXT) }),
    code: "InvalidArgument",
    words: "twice",
  },
])("$name is refused", async ({ source, code, words }) => {
  await expect(open(source())).rejects.toMatchObject({ code, message: expect.stringContaining(words) });
  expect(readdirSync(directory)).toEqual([]);
});

test("an error never shows the key", async () => {
  await expect(open(environment("hunter2"))).rejects.toMatchObject({ message: expect.not.stringContaining("hunter2") });
});

test.each([
  { name: "mode 0600", content: `${KEY_TEXT}\n`, mode: 0o600 },
  { name: "mode 0400", content: KEY_TEXT, mode: 0o400 },
])("a key file of $name is taken", async ({ content, mode }) => {
  const id = await storeIssuer(writeKeyFile(content, mode));
  expect(await loadIssuer(id, environment(KEY_TEXT))).toBe(id);
});

test("a wrong key is refused at start, by file and key ids, and changes nothing", async () => {
  const id = await storeIssuer(environment(KEY_TEXT));
  const sealed = join(directory, `issuer-${id}.sealed`);
  const before = readFileSync(sealed);
  const refusal = expect(open(environment(OTHER_KEY_TEXT))).rejects;
  await refusal.toMatchObject({ code: "EncryptionKeyMismatch", message: expect.stringContaining(directory) });
  expect(readFileSync(sealed)).toEqual(before);
});

test("a lost key file is not replaced while something is sealed under it", async () => {
  await storeIssuer(environment(KEY_TEXT));
  await expect(open()).rejects.toMatchObject({
    code: "EncryptionKeyMissing",
    message: expect.stringContaining("derivation-root.sealed beside it is encrypted"),
  });
  expect(existsSync(join(directory, "encryption.key"))).toBe(false);
});

test("of two processes that start at once, both use the key of one", async () => {
  const custodies = await Promise.all([open(), open(), open(), open()]);
  const keys = new Set(custodies.map((custody) => custody.deriveKey("test").toString("hex")));
  expect(keys.size).toBe(1);
  expect(readdirSync(directory).toSorted()).toEqual(["derivation-root.sealed", "encryption.key"]);
});

test("a directory that was open to others is closed", async () => {
  mkdirSync(directory, { recursive: true, mode: 0o755 });
  await open();
  expect(statSync(directory).mode & 0o777).toBe(0o700);
});
