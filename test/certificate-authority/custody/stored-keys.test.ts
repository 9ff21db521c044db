import { chmodSync, copyFileSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { openCustody } from "../../../services/certificate-authority/custody/custody.ts";
import { generateKeyPair, keyPairOf } from "../../../services/certificate-authority/custody/key-pair.ts";
import { KEY_ALGORITHMS } from "../../../services/certificate-authority/domain/issuer.ts";
import { temporaryDirectory } from "../../builders/openssl.ts";
import { recordingLogger } from "../../fakes/recording-logger.ts";

let home: ReturnType<typeof temporaryDirectory>;
beforeEach(() => {
  home = temporaryDirectory();
});
afterEach(() => home.remove());

const open = () => openCustody({ directory: home.path, encryption: {}, logger: recordingLogger().logger });

test("a stored key comes back and replaces its predecessor", async () => {
  const custody = await open();
  await custody.storeKey("serving", Buffer.from("first"));
  await custody.storeKey("serving", Buffer.from("second"));
  expect(await custody.loadKey("serving")).toEqual(Buffer.from("second"));
  expect(await custody.loadKey("admin-client")).toBeUndefined();
  expect(statSync(join(home.path, "key-serving.sealed")).mode & 0o777).toBe(0o600);
  expect(readdirSync(home.path).toSorted()).toEqual(["encryption.key", "key-serving.sealed"]);
});

test("no stored file holds the key in the clear", async () => {
  const pair = await generateKeyPair("ecdsa-p256");
  await (await open()).storeKey("serving", pair.pkcs8Der);
  for (const name of readdirSync(home.path)) {
    const content = readFileSync(join(home.path, name));
    expect(content.includes(pair.pkcs8Der.subarray(-32))).toBe(false);
  }
});

test.each(["", "../escape", "a/b", "Serving", "a--b", "-a", "a.b", "é"])("%j cannot name a key", async (name) => {
  const custody = await open();
  await expect(custody.storeKey(name, Buffer.from("x"))).rejects.toMatchObject({ code: "InvalidArgument" });
  await expect(custody.loadKey(name)).rejects.toMatchObject({ code: "InvalidArgument" });
});

test("files that trade places are noticed", async () => {
  const custody = await open();
  await custody.storeKey("serving", Buffer.from("one"));
  await custody.storeKey("admin", Buffer.from("two"));
  copyFileSync(join(home.path, "key-admin.sealed"), join(home.path, "key-serving.sealed"));
  await expect(custody.loadKey("serving")).rejects.toMatchObject({ code: "SealedFileDamaged" });
  await expect(open()).rejects.toMatchObject({ code: "SealedFileDamaged" });
});

test.each<{ name: string; damage: (content: Buffer) => Buffer; code: string }>([
  { name: "cut short", damage: (content) => content.subarray(0, -1), code: "SealedFileDamaged" },
  { name: "empty", damage: () => Buffer.alloc(0), code: "SealedFileDamaged" },
  { name: "of a later version", damage: (content) => content.fill(2, 4, 5), code: "SealedFileDamaged" },
  { name: "altered", damage: (content) => content.fill(0, content.length - 4), code: "SealedFileDamaged" },
  { name: "under another key", damage: (content) => content.fill(0, 5, 13), code: "EncryptionKeyMismatch" },
])("a file $name stops the start and stays as it is", async ({ damage, code }) => {
  await (await open()).storeKey("serving", Buffer.from("secret"));
  const path = join(home.path, "key-serving.sealed");
  const damaged = damage(readFileSync(path));
  writeFileSync(path, damaged);
  await expect(open()).rejects.toMatchObject({ code, message: expect.stringContaining(path) });
  expect(readFileSync(path)).toEqual(damaged);
});

test("a file that others may read stops the start until it is closed", async () => {
  await (await open()).storeKey("serving", Buffer.from("secret"));
  const path = join(home.path, "key-serving.sealed");
  chmodSync(path, 0o644);
  await expect(open()).rejects.toMatchObject({
    code: "InsecurePermissions",
    message: expect.stringContaining(`chmod 600 ${path}`),
  });
  chmodSync(path, 0o600);
  expect(await (await open()).loadKey("serving")).toEqual(Buffer.from("secret"));
});

/** A file such as a crash in the middle of a write leaves, last written so many seconds ago. */
function leave(name: string, ageSeconds: number): void {
  const path = join(home.path, name);
  writeFileSync(path, "half");
  const written = Date.now() / 1000 - ageSeconds;
  utimesSync(path, written, written);
}

test("what a crash left half written is ignored, and cleared away once it is old", async () => {
  leave(".encryption.key.0123456789abcdef.tmp", 3600);
  await (await open()).storeKey("serving", Buffer.from("secret"));
  leave(".key-serving.sealed.0123456789abcdef.tmp", 3600);
  leave(".key-serving.sealed.fedcba9876543210.tmp", 1);
  leave("notes.tmp", 3600);
  expect(await (await open()).loadKey("serving")).toEqual(Buffer.from("secret"));
  expect(readdirSync(home.path).toSorted()).toEqual([
    ".key-serving.sealed.fedcba9876543210.tmp",
    "encryption.key",
    "key-serving.sealed",
    "notes.tmp",
  ]);
});

test.each(KEY_ALGORITHMS)("a generated %s key pair is whole", async (algorithm) => {
  const pair = await generateKeyPair(algorithm);
  expect(pair.privateKey.type).toBe("private");
  expect(pair.pkcs8Pem()).toMatch(/^-----BEGIN PRIVATE KEY-----\n[\s\S]+-----END PRIVATE KEY-----\n$/);
  const again = keyPairOf(pair.pkcs8Der);
  expect(again.privateKey.equals(pair.privateKey)).toBe(true);
  expect(again.spkiDer).toEqual(pair.spkiDer);
  expect(again.spkiSha256).toMatch(/^[0-9a-f]{64}$/);
});
