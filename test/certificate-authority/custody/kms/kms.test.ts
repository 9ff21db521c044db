import { readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { type Custody, openCustody } from "../../../../services/certificate-authority/custody/custody.ts";
import { localProvider, writeEncryptionConfiguration } from "../../../builders/encryption-configuration.ts";
import { temporaryDirectory } from "../../../builders/temporary-directory.ts";
import { FakeKmsPlugin } from "../../../fakes/kms-plugin.ts";
import { recordingLogger } from "../../../fakes/recording-logger.ts";

const NOW = new Date("2026-01-01T00:00:00Z");
/** For calls that are to fail; all others have time enough on the busiest machine. */
const SHORT = { timeout: "1s" };

let directory: string;
let configurationFile: string;
let plugin: FakeKmsPlugin;
let opened: Custody[];

beforeEach(async () => {
  const home = temporaryDirectory();
  directory = join(home, "keys");
  configurationFile = join(home, "encryption.yaml");
  opened = [];
  plugin = new FakeKmsPlugin(join(home, "kms.sock"));
  await plugin.start();
  configure(kms());
});
afterEach(() => {
  for (const custody of opened) custody.close();
  plugin.stop();
});

const kms = (settings = {}) => ({
  kms: { apiVersion: "v2", name: "vault", endpoint: plugin.endpoint, timeout: "20s", ...settings },
});

function configure(...providers: readonly object[]): void {
  writeEncryptionConfiguration(configurationFile, ...providers);
}

async function open({ kmsWaitSeconds = 0, logger = recordingLogger().logger } = {}): Promise<Custody> {
  const custody = await openCustody({ directory, encryption: { configurationFile, kmsWaitSeconds }, logger });
  opened.push(custody);
  return custody;
}

async function storeIssuer() {
  const custody = await open();
  const { description, privateKey } = await custody.createIssuer({ now: NOW });
  return { custody, id: description.id, privateKey, path: join(directory, `issuer-${description.id}.sealed`) };
}

/** Tries again while a busy machine needs longer than `SHORT`. */
async function soon<T>(work: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await work();
    } catch (error) {
      if ((error as { code?: string }).code !== "KeyServiceUnavailable") throw error;
    }
  }
}

const contents = () =>
  readdirSync(directory)
    .filter((name) => name.endsWith(".sealed"))
    .map((name) => readFileSync(join(directory, name)));

test("write, restart, read; each file has a data key of its own, sealed by the service", async () => {
  const { id, privateKey, path } = await storeIssuer();
  expect(plugin.calls.filter((method) => method === "Encrypt")).toHaveLength(2);
  const content = readFileSync(path);
  expect(content[5]).toBe(5);
  for (const part of ["vault", "key-1", "wrapped-by.fake.gatehouse.dev"]) expect(content.includes(part)).toBe(true);
  const restarted = await open();
  expect((await restarted.loadIssuer(id, NOW)).privateKey.equals(privateKey)).toBe(true);
});

test("an abstract socket will do", async () => {
  const abstract = new FakeKmsPlugin(`@gatehouse-test-${process.pid}-${Date.now()}`);
  await abstract.start();
  try {
    configure(kms({ endpoint: abstract.endpoint }));
    await storeIssuer();
    expect(abstract.calls).toContain("Encrypt");
  } finally {
    abstract.stop();
  }
});

test("another key_id makes files stale: they are read, and reencrypt brings them under it once", async () => {
  const { custody, id, privateKey } = await storeIssuer();
  expect(await custody.reencrypt()).toMatchObject({ rewritten: 0 });
  plugin.rotate("key-2");
  expect((await (await open()).loadIssuer(id, NOW)).privateKey.equals(privateKey)).toBe(true);
  const outcome = { provider: "kms", keyName: "vault", sealedFiles: 2 };
  expect(await custody.reencrypt()).toEqual({ ...outcome, rewritten: 2 });
  expect(await custody.reencrypt()).toEqual({ ...outcome, rewritten: 0 });
  plugin.destroy("key-1");
  expect((await (await open()).loadIssuer(id, NOW)).privateKey.equals(privateKey)).toBe(true);
});

test("a key that the service has lost is told by file, and nothing is changed", async () => {
  const { path } = await storeIssuer();
  const before = contents();
  plugin.rotate("key-2");
  plugin.destroy("key-1");
  await expect(open()).rejects.toMatchObject({
    code: "KeyServiceFailed",
    message: expect.stringMatching(/cannot open .*\.sealed: the KMS plugin "vault" .*INVALID_ARGUMENT.*no such key/),
  });
  expect(contents()).toEqual(before);
  expect(path).toBeDefined();
});

test("altered answers that were kept in the header do not open", async () => {
  const { path } = await storeIssuer();
  const content = readFileSync(path);
  const at = content.indexOf("key-1");
  writeFileSync(path, content.fill("key-9", at, at + 5));
  await expect(open()).rejects.toMatchObject({ code: "KeyServiceFailed", message: expect.stringContaining(path) });
});

test("a service that goes away in the middle of re-encryption: a clear error, nothing lost, then it goes on", async () => {
  const { custody, id, privateKey } = await storeIssuer();
  await custody.createIssuer({ now: NOW });
  configure(localProvider("aesgcm", 1), kms(SHORT));
  plugin.stop();
  const before = contents();
  await expect(custody.reencrypt()).rejects.toMatchObject({
    code: "KeyServiceUnavailable",
    message: expect.stringMatching(/cannot open .*\.sealed: the KMS plugin "vault" at unix:.*cannot be used now/),
  });
  expect(contents()).toEqual(before);
  await plugin.start();
  configure(localProvider("aesgcm", 1), kms());
  expect(await custody.reencrypt()).toMatchObject({ provider: "aesgcm", sealedFiles: 3, rewritten: 3 });
  plugin.stop();
  configure(localProvider("aesgcm", 1));
  expect((await (await open()).loadIssuer(id, NOW)).privateKey.equals(privateKey)).toBe(true);
});

test("a service that fails while sealing: what is done stays done, the rest stays readable", async () => {
  configure(localProvider("aesgcm", 1));
  const custody = await open();
  const { description } = await custody.createIssuer({ now: NOW });
  configure(kms(), localProvider("aesgcm", 1));
  plugin.encryptOverrides = { ciphertext: Buffer.alloc(0) };
  await expect(custody.reencrypt()).rejects.toMatchObject({
    code: "KeyServiceFailed",
    message: expect.stringContaining(
      "0 of 2 files are done, the others stay readable under the keys they have; run it again",
    ),
  });
  expect((await custody.loadIssuer(description.id, NOW)).description.id).toBe(description.id);
  plugin.encryptOverrides = {};
  expect(await custody.reencrypt()).toMatchObject({ provider: "kms", rewritten: 2 });
});

test("a service that seals what it cannot open replaces nothing", async () => {
  configure(localProvider("aesgcm", 1));
  const custody = await open();
  await custody.createIssuer({ now: NOW });
  const before = contents();
  configure(kms(), localProvider("aesgcm", 1));
  plugin.encryptOverrides = { ciphertext: Buffer.alloc(60, 1) };
  await expect(custody.reencrypt()).rejects.toMatchObject({ code: "KeyServiceFailed" });
  expect(contents()).toEqual(before);
});

test("it goes away and comes back without a restart; health tells, and the log once each way", async () => {
  const { id } = await storeIssuer();
  configure(kms(SHORT));
  const { logger, lines } = recordingLogger();
  const custody = await open({ kmsWaitSeconds: 20, logger });
  await custody.checkKeyServices();
  plugin.stop();
  for (let attempt = 0; attempt < 2; attempt += 1) {
    await expect(custody.checkKeyServices()).rejects.toMatchObject({ code: "KeyServiceUnavailable" });
  }
  await expect(custody.loadIssuer(id, NOW)).rejects.toMatchObject({ code: "KeyServiceUnavailable" });
  await plugin.start();
  await soon(() => custody.checkKeyServices());
  expect((await soon(() => custody.loadIssuer(id, NOW))).description.id).toBe(id);
  const told = lines.filter(({ kms: name }) => name === "vault").map(({ level, msg }) => `${level} ${msg}`);
  expect(told.slice(-2)).toEqual(["warn the KMS plugin is not healthy", "info the KMS plugin is healthy again"]);
});

test("a silent service is given up after its timeout", async () => {
  const { id } = await storeIssuer();
  configure(kms(SHORT));
  const custody = await soon(() => open());
  plugin.isSilent = true;
  await expect(custody.loadIssuer(id, NOW)).rejects.toMatchObject({
    code: "KeyServiceUnavailable",
    message: expect.stringContaining("did not answer Decrypt within 1 s; is it running?"),
  });
});

test("a start waits for the service and says so", async () => {
  const { id, privateKey } = await storeIssuer();
  configure(kms(SHORT));
  plugin.stop();
  const { logger, lines } = recordingLogger();
  const starting = open({ kmsWaitSeconds: 20, logger });
  while (!lines.some(({ msg }) => msg === "waiting for the KMS plugin before starting")) await pause(10);
  await plugin.start();
  expect((await soon(async () => (await starting).loadIssuer(id, NOW))).privateKey.equals(privateKey)).toBe(true);
  expect(lines.find(({ secondsLeft }) => secondsLeft !== undefined)).toMatchObject({ level: "info", kms: "vault" });
});

test("a start gives up after its time, by name, and changes nothing", async () => {
  await storeIssuer();
  configure(kms(SHORT));
  plugin.stop();
  const before = contents();
  await expect(open()).rejects.toMatchObject({
    code: "KeyServiceUnavailable",
    message: expect.stringMatching(
      /"vault" at unix:.*\(waited 0 s\)\..*encryption\.kmsWaitSeconds\. Nothing was changed/,
    ),
  });
  expect(contents()).toEqual(before);
});

test("a service that is to seal the first file is waited for, whatever else lies there", async () => {
  configure(localProvider("aesgcm", 1));
  await storeIssuer();
  rmSync(join(directory, "derivation-root.sealed"));
  configure(kms(SHORT), localProvider("aesgcm", 1));
  plugin.stop();
  await expect(open()).rejects.toMatchObject({
    code: "KeyServiceUnavailable",
    message: expect.stringContaining("waited"),
  });
});

test("a service that nothing needs does not hold up the start", async () => {
  configure(localProvider("aesgcm", 1), kms(SHORT));
  await storeIssuer();
  plugin.stop();
  const custody = await open();
  await expect(custody.checkKeyServices()).rejects.toMatchObject({ code: "KeyServiceUnavailable" });
});

test.each<{ name: string; make: (fake: FakeKmsPlugin) => void; code: string; says: string }>([
  { name: "is not well", make: (fake) => (fake.healthz = "sealed"), code: "KeyServiceUnavailable", says: "sealed" },
  { name: "speaks another version", make: (fake) => (fake.version = "v1"), code: "KeyServiceFailed", says: "not v2" },
  { name: "has no key", make: (fake) => fake.rotate(""), code: "KeyServiceFailed", says: "key_id has 0 octets" },
  {
    name: "has too long a key_id",
    make: (fake) => fake.rotate("k".repeat(1025)),
    code: "KeyServiceFailed",
    says: "key_id has 1025 octets",
  },
])("a service that $name stops a start that needs it", async ({ make, code, says }) => {
  make(plugin);
  await expect(open()).rejects.toMatchObject({ code, message: expect.stringContaining(says) });
});

test("the limits of Kubernetes themselves are allowed", async () => {
  plugin.version = "v2beta1";
  plugin.rotate("k".repeat(1024));
  await storeIssuer();
  await open();
});

const big = { "big.example.com": Buffer.alloc(32 * 1024) };
test.each<{ name: string; overrides: Record<string, unknown>; says: string }>([
  { name: "an empty ciphertext", overrides: { ciphertext: Buffer.alloc(0) }, says: "ciphertext has 0 octets" },
  { name: "a long ciphertext", overrides: { ciphertext: Buffer.alloc(1025) }, says: "ciphertext has 1025 octets" },
  { name: "no key_id", overrides: { key_id: "" }, says: "key_id has 0 octets" },
  { name: "an annotation without domain", overrides: { annotations: { plain: Buffer.of(1) } }, says: "plain" },
  { name: "an annotation in capitals", overrides: { annotations: { "A.b": Buffer.of(1) } }, says: "A.b" },
  { name: "annotations that are too large", overrides: { annotations: big }, says: "annotations have 32783 octets" },
])("$name in an answer is refused and nothing is written", async ({ overrides, says }) => {
  plugin.encryptOverrides = overrides;
  await expect(open()).rejects.toMatchObject({ code: "KeyServiceFailed", message: expect.stringContaining(says) });
  expect(readdirSync(directory)).toEqual([]);
});
