import { readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { type Custody, openCustody } from "../../../services/certificate-authority/custody/custody.ts";
import {
  IDENTITY,
  type LocalProvider,
  localProvider,
  writeEncryptionConfiguration,
} from "../../builders/encryption-configuration.ts";
import { temporaryDirectory } from "../../builders/temporary-directory.ts";
import { FakeKmsPlugin } from "../../fakes/kms-plugin.ts";
import { recordingLogger } from "../../fakes/recording-logger.ts";

const NOW = new Date("2026-01-01T00:00:00Z");

let home: string;
let directory: string;
let configurationFile: string;
let plugin: FakeKmsPlugin;
let opened: Custody[];

beforeEach(async () => {
  home = temporaryDirectory();
  directory = join(home, "keys");
  configurationFile = join(home, "encryption.yaml");
  plugin = new FakeKmsPlugin(join(home, "kms.sock"));
  opened = [];
  await plugin.start();
});
afterEach(() => {
  for (const custody of opened) custody.close();
  plugin.stop();
});

async function open(logger = recordingLogger().logger): Promise<Custody> {
  const encryption = { configurationFile, kmsWaitSeconds: 20 };
  const custody = await openCustody({ directory, encryption, logger });
  opened.push(custody);
  return custody;
}

const configure = (...providers: readonly object[]) => writeEncryptionConfiguration(configurationFile, ...providers);
const kms = () => ({ kms: { apiVersion: "v2", name: "vault", endpoint: plugin.endpoint, timeout: "20s" } });
const sealedFiles = () => readdirSync(directory).filter((name) => name.endsWith(".sealed"));
const contents = () => sealedFiles().map((name) => readFileSync(join(directory, name)));

/** The octet of a sealed file that says which provider sealed it. */
const providersOnDisk = () => [...new Set(contents().map((content) => content[5]))];

const LOCAL: readonly LocalProvider[] = ["aesgcm", "aescbc", "secretbox"];

test.each(LOCAL)("%s: write, restart, rotate the key, read, take the old key out", async (provider) => {
  configure(localProvider(provider, 1));
  const first = await open();
  const { description, privateKey } = await first.createIssuer({ now: NOW });
  const derived = first.deriveKey("bootstrap-token-hash");
  const same = async () => {
    const custody = await open();
    const { privateKey: found } = await custody.loadIssuer(description.id, NOW);
    expect(found.equals(privateKey)).toBe(true);
    expect(custody.deriveKey("bootstrap-token-hash")).toEqual(derived);
    return custody;
  };
  await same();

  configure(localProvider(provider, 2, 1));
  const outcome = { provider, keyName: "key-2", sealedFiles: 2 };
  expect(await first.reencrypt()).toEqual({ ...outcome, rewritten: 2 });
  expect(await first.reencrypt()).toEqual({ ...outcome, rewritten: 0 });
  await same();

  configure(localProvider(provider, 2));
  expect(await first.reencrypt()).toEqual({ ...outcome, rewritten: 0 });
  await same();
  expect((await first.loadIssuer(description.id, NOW)).privateKey.equals(privateKey)).toBe(true);
});

test("a chain through every provider keeps every key", async () => {
  configure(localProvider("aesgcm", 1));
  const custody = await open();
  const { description, privateKey } = await custody.createIssuer({ now: NOW });
  const derived = custody.deriveKey("anything");
  const steps = [
    localProvider("aescbc", 2),
    IDENTITY,
    kms(),
    localProvider("secretbox", 3),
    localProvider("aesgcm", 4),
  ];
  const numbers = [2, 4, 5, 3, 1];
  let former: object = localProvider("aesgcm", 1);
  for (const [index, step] of steps.entries()) {
    configure(step, former);
    expect(await custody.reencrypt()).toMatchObject({ sealedFiles: 2, rewritten: 2 });
    expect(providersOnDisk()).toEqual([numbers[index]]);
    configure(step);
    const restarted = await open();
    expect((await restarted.loadIssuer(description.id, NOW)).privateKey.equals(privateKey)).toBe(true);
    expect(restarted.deriveKey("anything")).toEqual(derived);
    former = step;
  }
});

test("an order without reencrypting: what lies there is read, what is new is under the first key", async () => {
  configure(localProvider("aesgcm", 1));
  await (await open()).createIssuer({ now: NOW });
  configure(localProvider("secretbox", 2), localProvider("aesgcm", 1));
  await (await open()).createIssuer({ now: NOW });
  expect(
    contents()
      .map((content) => content[5])
      .toSorted((a = 0, b = 0) => a - b),
  ).toEqual([1, 1, 3]);
});

test.each<{ name: string; providers: () => readonly object[]; code: string; words: string }>([
  {
    name: "lacks the key in use",
    providers: () => [localProvider("aesgcm", 2)],
    code: "EncryptionKeyMismatch",
    words: 'aesgcm "key-1" with the key id',
  },
  {
    name: "has the key under another provider",
    providers: () => [localProvider("aescbc", 1)],
    code: "EncryptionKeyMismatch",
    words: 'there is aescbc "key-1" of',
  },
  {
    name: "is not valid",
    providers: () => [{ rot13: {} }],
    code: "EncryptionConfigurationInvalid",
    words: "rot13",
  },
])("a configuration that $name is refused, changes nothing and leaves the old keys in use", async (row) => {
  configure(localProvider("aesgcm", 1));
  const custody = await open();
  const { description } = await custody.createIssuer({ now: NOW });
  const before = contents();
  configure(...row.providers());
  const refusal = { code: row.code, message: expect.stringContaining(row.words) };
  await expect(custody.reencrypt()).rejects.toMatchObject(refusal);
  await expect(open()).rejects.toMatchObject(refusal);
  expect(contents()).toEqual(before);
  expect((await custody.loadIssuer(description.id, NOW)).description.id).toBe(description.id);
});

test.each([...LOCAL, "identity", "kms"])(
  "%s: a truncated file is told by name, at start and before re-encryption",
  async (name) => {
    configure(name === "kms" ? kms() : name === "identity" ? IDENTITY : localProvider(name as LocalProvider, 1));
    const custody = await open();
    const { description } = await custody.createIssuer({ now: NOW });
    const path = join(directory, `issuer-${description.id}.sealed`);
    truncateSync(path, readFileSync(path).length - 1);
    const damaged = contents();
    for (const attempt of [() => open(), () => custody.reencrypt()]) {
      await expect(attempt()).rejects.toMatchObject({
        code: "SealedFileDamaged",
        message: expect.stringContaining(`${path} is damaged`),
      });
    }
    expect(contents()).toEqual(damaged);
  },
);

test("identity is said at every start, the louder when it writes", async () => {
  configure(IDENTITY);
  const writing = recordingLogger();
  await (await open(writing.logger)).createIssuer({ now: NOW });
  expect(writing.lines.filter(({ level }) => level === "warn")).toEqual([
    expect.objectContaining({ provider: "identity", msg: expect.stringContaining("UNENCRYPTED") }),
  ]);
  configure(localProvider("secretbox", 1), IDENTITY);
  const reading = recordingLogger();
  const custody = await open(reading.logger);
  expect(reading.lines.filter(({ level }) => level === "warn")).toEqual([
    expect.objectContaining({ provider: "identity", msg: expect.stringContaining("gatehouse issuer reencrypt") }),
  ]);
  expect(await custody.reencrypt()).toMatchObject({ provider: "secretbox", rewritten: 2 });
  configure(localProvider("secretbox", 1));
  const without = recordingLogger();
  await open(without.logger);
  expect(without.lines.filter(({ level }) => level === "warn")).toEqual([]);
});

test("without identity in the configuration no unencrypted file is accepted", async () => {
  configure(IDENTITY);
  await (await open()).createIssuer({ now: NOW });
  configure(localProvider("aesgcm", 1));
  await expect(open()).rejects.toMatchObject({
    code: "EncryptionKeyMismatch",
    message: expect.stringContaining("identity, that is not encrypted at all"),
  });
});

test("a single key moves into a configuration and back", async () => {
  const keyFile = join(home, "key");
  writeFileSync(keyFile, Buffer.alloc(32, 1).toString("base64"), { mode: 0o600 });
  const withKeyFile = () => openCustody({ directory, encryption: { keyFile }, logger: recordingLogger().logger });
  const { description } = await (await withKeyFile()).createIssuer({ now: NOW });
  configure(localProvider("aesgcm", 1));
  const custody = await open();
  expect(await custody.reencrypt()).toEqual({ provider: "aesgcm", keyName: "key-1", sealedFiles: 2, rewritten: 2 });
  const back = await withKeyFile();
  expect((await back.loadIssuer(description.id, NOW)).description.id).toBe(description.id);
  expect(await back.reencrypt()).toEqual({ provider: "aesgcm", keyName: "default", sealedFiles: 2, rewritten: 2 });
});

test("who asks while one runs shares its outcome, and reading and writing go on", async () => {
  configure(localProvider("aesgcm", 1));
  const custody = await open();
  const { description } = await custody.createIssuer({ now: NOW });
  configure(localProvider("aesgcm", 2, 1));
  const [one, two, made, read] = await Promise.all([
    custody.reencrypt(),
    custody.reencrypt(),
    custody.createIssuer({ now: NOW }),
    custody.loadIssuer(description.id, NOW),
  ]);
  expect(one).toBe(two);
  expect(one.rewritten).toBe(2);
  expect(read.description.id).toBe(description.id);
  configure(localProvider("aesgcm", 2));
  expect((await (await open()).loadIssuer(made.description.id, NOW)).description.id).toBe(made.description.id);
});

test("a configuration file that is gone or open to others is refused by name", async () => {
  configure(localProvider("aesgcm", 1));
  const custody = await open();
  writeFileSync(configurationFile, "", { mode: 0o600 });
  await expect(custody.reencrypt()).rejects.toMatchObject({ code: "EncryptionConfigurationInvalid" });
  rmSync(configurationFile);
  await expect(custody.reencrypt()).rejects.toMatchObject({ code: "EncryptionKeyMissing" });
  writeFileSync(configurationFile, "", { mode: 0o640 });
  await expect(custody.reencrypt()).rejects.toMatchObject({
    code: "InsecurePermissions",
    message: expect.stringContaining(`chmod 600 ${configurationFile}`),
  });
});
