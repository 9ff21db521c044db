import { createHash, createPublicKey } from "node:crypto";
import {
  chmodSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  statSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { beforeEach, expect, test } from "@jest/globals";
import { openCustody } from "../../../services/certificate-authority/custody/custody.ts";
import { generateKeyPair } from "../../../services/certificate-authority/custody/key-pair.ts";
import { CLASSICAL_ALGORITHMS } from "../../../services/certificate-authority/domain/issuer.ts";
import { temporaryDirectory } from "../../builders/temporary-directory.ts";
import { recordingLogger } from "../../fakes/recording-logger.ts";

const NOW = new Date("2026-01-01T00:00:00Z");
const UNKNOWN_ID = "0".repeat(64);

let home: string;
beforeEach(() => {
  home = temporaryDirectory();
});

const open = () => openCustody({ directory: home, encryption: {}, logger: recordingLogger().logger });

/** Makes an issuer in the directory; `path` is where its key lies sealed. */
async function storeIssuer() {
  const { description, privateKey } = await (await open()).createIssuer({ now: NOW });
  return { id: description.id, privateKey, path: join(home, `issuer-${description.id}.sealed`) };
}

const load = async (id: string) => (await open()).loadIssuer(id, NOW);

test("a stored key comes back, from a file that only its owner may read", async () => {
  const { id, privateKey, path } = await storeIssuer();
  expect((await load(id)).privateKey.equals(privateKey)).toBe(true);
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(readdirSync(home).toSorted()).toEqual([
    "derivation-root.sealed",
    "encryption.key",
    `issuer-${id}.crt`,
    `issuer-${id}.sealed`,
  ]);
});

test("where something was sealed before, nothing is made as long as it is not back", async () => {
  const directory = join(home, "keys");
  const reopen = () => openCustody({ directory, encryption: {}, logger: recordingLogger().logger, isInUse: true });
  const refusal = { code: "IssuerNotFound", message: expect.stringContaining(`${directory} holds none of their keys`) };
  await expect(reopen()).rejects.toMatchObject(refusal);
  expect(existsSync(directory)).toBe(false);
  mkdirSync(directory);
  await expect(reopen()).rejects.toMatchObject(refusal);
  expect(readdirSync(directory)).toEqual([]);
  await openCustody({ directory, encryption: {}, logger: recordingLogger().logger });
  await expect(reopen()).resolves.toBeDefined();
});

test("no stored file holds the key in the clear", async () => {
  const { privateKey } = await storeIssuer();
  const { d: secret = "" } = privateKey.export({ format: "jwk" });
  expect(Buffer.from(secret, "base64url")).toHaveLength(32);
  for (const name of readdirSync(home)) {
    expect(readFileSync(join(home, name)).includes(Buffer.from(secret, "base64url"))).toBe(false);
  }
});

test.each(["", "../escape", UNKNOWN_ID.slice(1), `${UNKNOWN_ID}0`, "A".repeat(64), `${UNKNOWN_ID.slice(1)}/`])(
  "%j cannot be an issuer's id",
  async (id) => {
    await expect(load(id)).rejects.toMatchObject({ code: "InvalidArgument" });
  },
);

test("files that trade places are noticed", async () => {
  const [one, two] = [await storeIssuer(), await storeIssuer()];
  const custody = await open();
  copyFileSync(two.path, one.path);
  await expect(custody.loadIssuer(one.id, NOW)).rejects.toMatchObject({ code: "SealedFileDamaged" });
  await expect(open()).rejects.toMatchObject({ code: "SealedFileDamaged" });
});

test.each<{ name: string; damage: (content: Buffer) => Buffer; code: string }>([
  { name: "cut short", damage: (content) => content.subarray(0, -1), code: "SealedFileDamaged" },
  { name: "empty", damage: () => Buffer.alloc(0), code: "SealedFileDamaged" },
  { name: "of a later version", damage: (content) => content.fill(3, 4, 5), code: "SealedFileDamaged" },
  { name: "altered", damage: (content) => content.fill(0, content.length - 4), code: "SealedFileDamaged" },
  // After the head and the field with the key's name stands the field with its id.
  { name: "under another key", damage: (content) => content.fill(0, 21, 29), code: "EncryptionKeyMismatch" },
])("a file $name stops the start and stays as it is", async ({ damage, code }) => {
  const { path } = await storeIssuer();
  const damaged = damage(readFileSync(path));
  writeFileSync(path, damaged);
  await expect(open()).rejects.toMatchObject({ code, message: expect.stringContaining(path) });
  expect(readFileSync(path)).toEqual(damaged);
});

test("a file that others may read stops the start until it is closed", async () => {
  const { id, privateKey, path } = await storeIssuer();
  chmodSync(path, 0o644);
  await expect(open()).rejects.toMatchObject({
    code: "InsecurePermissions",
    message: expect.stringContaining(`chmod 600 ${path}`),
  });
  chmodSync(path, 0o600);
  expect((await load(id)).privateKey.equals(privateKey)).toBe(true);
});

/** A file such as a crash in the middle of a write leaves, last written so many seconds ago. */
function leave(name: string, ageSeconds: number): void {
  const path = join(home, name);
  writeFileSync(path, "half");
  const written = Date.now() / 1000 - ageSeconds;
  utimesSync(path, written, written);
}

test("what a crash left half written is ignored, and cleared away once it is old", async () => {
  leave(".encryption.key.0123456789abcdef.tmp", 3600);
  const { id, privateKey } = await storeIssuer();
  const young = `.issuer-${id}.sealed.fedcba9876543210.tmp`;
  leave(`.issuer-${id}.sealed.0123456789abcdef.tmp`, 3600);
  leave(young, 1);
  leave("notes.tmp", 3600);
  expect((await load(id)).privateKey.equals(privateKey)).toBe(true);
  const kept = [
    young,
    "derivation-root.sealed",
    "encryption.key",
    `issuer-${id}.crt`,
    `issuer-${id}.sealed`,
    "notes.tmp",
  ];
  expect(readdirSync(home).toSorted()).toEqual(kept);
});

test.each(CLASSICAL_ALGORITHMS)("a generated %s key pair is whole", async (algorithm) => {
  const pair = await generateKeyPair(algorithm);
  expect(pair.pkcs8Pem()).toMatch(/^-----BEGIN PRIVATE KEY-----\n[\s\S]+-----END PRIVATE KEY-----\n$/);
  const publicKey = createPublicKey(pair.pkcs8Pem());
  expect(publicKey.export({ format: "der", type: "spki" })).toEqual(pair.spkiDer);
  expect(pair.spkiSha256).toBe(createHash("sha256").update(pair.spkiDer).digest("hex"));
});
