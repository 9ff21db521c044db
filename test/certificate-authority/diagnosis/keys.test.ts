import { copyFileSync, existsSync, mkdirSync, renameSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { encryptionConfiguration, IDENTITY, localProvider } from "../../builders/encryption-configuration.ts";
import { makeInstallation } from "../../builders/installation.ts";
import { buildIssuer } from "../../builders/issuer.ts";
import { temporaryDirectory } from "../../builders/temporary-directory.ts";
import { FakeKmsPlugin } from "../../fakes/kms-plugin.ts";
import { examine, lines } from "./examine.ts";

function configurationFile(...providers: readonly object[]): string {
  const path = join(temporaryDirectory(), "encryption.yaml");
  writeFileSync(path, encryptionConfiguration(...providers), { mode: 0o600 });
  return path;
}

const settings = (file: string, kmsWaitSeconds = 0) => ({
  encryption: { configurationFile: file, kmsWaitSeconds },
});

test("sealed files that open and match are well; a generated key beside them is a warning", async () => {
  const { dataDirectory } = await makeInstallation();
  expect(lines(await examine("keys.sealed-files", { dataDirectory }))).toEqual([
    `ok ${dataDirectory}/keys: 2 sealed files open and match`,
  ]);
  expect(await examine("encryption.provider", { dataDirectory })).toMatchObject([
    { outcome: "warning", subject: `${dataDirectory}/keys/encryption.key` },
  ]);
});

test("where no key has been made none is made by looking", async () => {
  const dataDirectory = temporaryDirectory();
  mkdirSync(join(dataDirectory, "keys"));
  expect(await examine("encryption.provider", { dataDirectory })).toMatchObject([{ outcome: "skipped" }]);
  expect(await examine("keys.sealed-files", { dataDirectory })).toMatchObject([{ outcome: "skipped" }]);
  expect(existsSync(join(dataDirectory, "keys", "encryption.key"))).toBe(false);
});

test("a lost encryption key is told once, and not replaced", async () => {
  const { dataDirectory } = await makeInstallation();
  const key = join(dataDirectory, "keys", "encryption.key");
  rmSync(key);
  expect(await examine("encryption.provider", { dataDirectory })).toMatchObject([
    { outcome: "error", finding: expect.stringContaining("restore the key file from a backup") },
  ]);
  expect(await examine("keys.sealed-files", { dataDirectory })).toMatchObject([{ outcome: "skipped" }]);
  expect(existsSync(key)).toBe(false);
});

test("another key than the files were sealed with is told for each of them", async () => {
  const { dataDirectory } = await makeInstallation();
  const keyFile = join(temporaryDirectory(), "key");
  writeFileSync(keyFile, Buffer.alloc(32, 7).toString("base64"), { mode: 0o600 });
  const findings = await examine("keys.sealed-files", { dataDirectory, settings: { encryption: { keyFile } } });
  expect(findings).toHaveLength(2);
  for (const { outcome, finding } of findings) {
    expect(outcome).toBe("error");
    expect(finding).toContain("was encrypted under another key");
    expect(finding).not.toContain(Buffer.alloc(32, 7).toString("base64"));
  }
});

test.each([
  {
    name: "a truncated key",
    damage: (keys: string, id: string) => truncateSync(join(keys, `issuer-${id}.sealed`), 60),
    finding: /is damaged/,
  },
  {
    name: "the certificate of another CA",
    damage: (keys: string, id: string) => writeFileSync(join(keys, `issuer-${id}.crt`), buildIssuer().certificatePem),
    finding: /holds another certificate than its name says/,
  },
  {
    name: "a missing certificate",
    damage: (keys: string, id: string) => rmSync(join(keys, `issuer-${id}.crt`)),
    finding: /is missing, and the issuer default signs with it/,
  },
  {
    name: "a missing key",
    damage: (keys: string, id: string) => rmSync(join(keys, `issuer-${id}.sealed`)),
    finding: /is missing, and the issuer default signs with it/,
  },
  {
    name: "a missing root secret",
    damage: (keys: string) => rmSync(join(keys, "derivation-root.sealed")),
    finding: /bootstrap tokens that were given out would not be recognised/,
  },
  {
    name: "a file in another's place",
    damage: (keys: string, id: string) =>
      copyFileSync(join(keys, `issuer-${id}.sealed`), join(keys, "derivation-root.sealed")),
    finding: /was put in another file's place/,
  },
])("$name is an error that names the file", async ({ damage, finding }) => {
  const { dataDirectory, issuerId } = await makeInstallation();
  damage(join(dataDirectory, "keys"), issuerId);
  expect(await examine("keys.sealed-files", { dataDirectory })).toMatchObject([
    { outcome: "error", finding: expect.stringMatching(finding), wayOut: expect.stringContaining("restore") },
  ]);
});

test("identity as the first provider is an error, accepting it a warning", async () => {
  const first = configurationFile(IDENTITY, localProvider("aesgcm", 1));
  const unsealed = await makeInstallation({ encryption: { configurationFile: first } });
  expect(await examine("encryption.provider", { ...unsealed, settings: settings(first) })).toMatchObject([
    { outcome: "error", finding: expect.stringContaining("unencrypted") },
  ]);
  const last = configurationFile(localProvider("aesgcm", 1), IDENTITY);
  expect(lines(await examine("encryption.provider", { ...unsealed, settings: settings(last) }))).toEqual([
    `warning ${last}: identity is accepted: unencrypted keys count`,
    `warning ${last}: 2 files are not under the first key`,
  ]);
});

test("one provider that encrypts everything is well", async () => {
  const file = configurationFile(localProvider("secretbox", 1));
  const made = await makeInstallation({ encryption: { configurationFile: file } });
  expect(lines(await examine("encryption.provider", { ...made, settings: settings(file) }))).toEqual([
    `ok ${file}: secretbox encrypts 2 files`,
  ]);
});

test("a key of the environment that is not set here skips, and is not shown when it is", async () => {
  const { dataDirectory } = await makeInstallation();
  renameSync(join(dataDirectory, "keys", "encryption.key"), join(dataDirectory, "elsewhere"));
  const scene = { dataDirectory, settings: { encryption: { keyEnvironment: "SEALING_KEY" } } };
  expect(await examine("encryption.provider", { ...scene, system: { environment: {} } })).toMatchObject([
    { outcome: "skipped", wayOut: "set SEALING_KEY and run again" },
  ]);
  const environment = { SEALING_KEY: "this-is-no-key" };
  const [finding] = await examine("encryption.provider", { ...scene, system: { environment } });
  expect(finding).toMatchObject({ outcome: "error" });
  expect(JSON.stringify(finding)).not.toContain("this-is-no-key");
});

test("a KMS plugin that answers is well, one that is away is an error", async () => {
  const socket = join(temporaryDirectory(), "kms.sock");
  const plugin = new FakeKmsPlugin(socket);
  await plugin.start();
  const kms = { kms: { apiVersion: "v2", name: "vault", endpoint: `unix://${socket}`, timeout: "1s" } };
  const file = configurationFile(kms);
  const made = await makeInstallation({ encryption: { configurationFile: file } });
  const scene = { ...made, settings: settings(file) };
  expect(await examine("encryption.key-services", scene)).toMatchObject([
    { outcome: "ok", subject: `vault at unix://${socket}` },
  ]);
  plugin.stop();
  expect(await examine("encryption.key-services", scene)).toMatchObject([
    { outcome: "error", finding: expect.stringContaining("is it running?") },
  ]);
});

const token = (more: object) => ({ name: "hsm", tokenLabel: "gatehouse", ...more });

test("a token's module and PIN must be there; nothing logs in", async () => {
  expect(await examine("keys.tokens")).toMatchObject([{ outcome: "skipped" }]);
  const pinFile = join(temporaryDirectory(), "pin");
  writeFileSync(pinFile, "1234\n", { mode: 0o600 });
  const about = (more: object, environment = {}) =>
    examine("keys.tokens", { settings: { tokens: [token(more)] }, system: { environment } });
  const sound = await about({ module: process.execPath, pinFile });
  expect(sound).toMatchObject([{ outcome: "ok", subject: "token hsm" }]);
  expect(JSON.stringify(sound)).not.toContain("1234");
  expect(lines(await about({ module: "/nowhere/module.so", pinFile: `${pinFile}-missing` }))).toEqual([
    "error /nowhere/module.so: the module of token hsm cannot be read",
    `error ${pinFile}-missing: the PIN of token hsm cannot be read`,
  ]);
  writeFileSync(pinFile, "\n");
  expect(await about({ module: "libsofthsm2.so", pinFile })).toMatchObject([{ outcome: "error", subject: pinFile }]);
  const byEnvironment = { module: "libsofthsm2.so", pinEnvironment: "HSM_PIN" };
  expect(await about(byEnvironment)).toMatchObject([{ outcome: "skipped", wayOut: "set HSM_PIN and run again" }]);
  expect(await about(byEnvironment, { HSM_PIN: "1234" })).toMatchObject([{ outcome: "ok" }]);
});

test("an issuer whose key is in a token is not missed among the sealed files", async () => {
  const { dataDirectory, issuerId } = await makeInstallation();
  rmSync(join(dataDirectory, "keys", `issuer-${issuerId}.sealed`));
  const settings = { tokens: [token({ module: "libsofthsm2.so", pinEnvironment: "PIN" })], issuer: { token: "hsm" } };
  expect(await examine("keys.sealed-files", { dataDirectory, settings })).toMatchObject([{ outcome: "ok" }]);
});
