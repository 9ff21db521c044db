import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { beforeEach, expect, test } from "@jest/globals";
import { openCustody } from "../../../services/certificate-authority/custody/custody.ts";
import {
  type EncryptionSource,
  EncryptionSourceReader,
} from "../../../services/certificate-authority/custody/encryption/encryption-source.ts";
import type { Label } from "../../../services/certificate-authority/custody/encryption/envelope.ts";
import { RootSecret } from "../../../services/certificate-authority/custody/root-secret.ts";
import { SealedFiles } from "../../../services/certificate-authority/custody/sealed-files.ts";
import { localProvider, writeEncryptionConfiguration } from "../../builders/encryption-configuration.ts";
import { buildIssuer } from "../../builders/issuer.ts";
import { temporaryDirectory } from "../../builders/temporary-directory.ts";
import { version1DerivedKey, version1Envelope } from "../../builders/version-1-envelope.ts";
import { recordingLogger } from "../../fakes/recording-logger.ts";

const NOW = new Date("2026-01-01T00:00:00Z");
const KEY = Buffer.alloc(32, 1);
const PURPOSE = "bootstrap-token-hash";
const ROOT = "derivation-root.sealed";

let directory: string;
let configurationFile: string;
beforeEach(() => {
  const home = temporaryDirectory();
  directory = join(home, "keys");
  configurationFile = join(home, "encryption.yaml");
});

const environment = (key: Buffer): EncryptionSource => ({
  environmentKey: { variable: "GATEHOUSE_KEY", value: key.toString("base64") },
});
const open = (encryption: EncryptionSource = environment(KEY)) =>
  openCustody({ directory, encryption, logger: recordingLogger().logger });

/** A directory as Gatehouse left it before there was a root secret; its issuer's id. */
function leaveVersion1(): string {
  mkdirSync(directory, { mode: 0o700 });
  const { certificateDer, certificatePem, privateKey } = buildIssuer();
  const id = createHash("sha256").update(certificateDer).digest("hex");
  const pkcs8Der = privateKey.export({ format: "der", type: "pkcs8" });
  const sealed = version1Envelope(KEY, { purpose: "issuer", name: id }, pkcs8Der);
  writeFileSync(join(directory, `issuer-${id}.sealed`), sealed, { mode: 0o600 });
  writeFileSync(join(directory, `issuer-${id}.crt`), certificatePem);
  return id;
}

test("derived keys are random for a new directory, differ by purpose, and stay", async () => {
  const custody = await open();
  expect(custody.deriveKey(PURPOSE)).toHaveLength(32);
  expect(custody.deriveKey(PURPOSE)).not.toEqual(custody.deriveKey("another"));
  expect(custody.deriveKey(PURPOSE)).not.toEqual(version1DerivedKey(KEY, PURPOSE));
  expect((await open()).deriveKey(PURPOSE)).toEqual(custody.deriveKey(PURPOSE));
  rmSync(directory, { recursive: true });
  expect((await open()).deriveKey(PURPOSE)).not.toEqual(custody.deriveKey(PURPOSE));
});

test.each<{ name: string; source: () => EncryptionSource }>([
  { name: "its own key", source: () => environment(KEY) },
  {
    name: "a configuration that reads its key and writes another",
    source: () => {
      writeEncryptionConfiguration(configurationFile, localProvider("secretbox", 9), localProvider("aesgcm", 1));
      return { configurationFile };
    },
  },
])(
  "a directory of version 1, opened with $name, keeps what tokens are hashed with through a rotation",
  async ({ source }) => {
    const id = leaveVersion1();
    const before = readFileSync(join(directory, `issuer-${id}.sealed`));
    const custody = await open(source());
    expect(custody.deriveKey(PURPOSE)).toEqual(version1DerivedKey(KEY, PURPOSE));
    expect(custody.deriveKey("another")).not.toEqual(version1DerivedKey(KEY, "another"));
    expect(readFileSync(join(directory, `issuer-${id}.sealed`))).toEqual(before);

    writeEncryptionConfiguration(
      configurationFile,
      localProvider("aescbc", 2),
      localProvider("aesgcm", 1),
      localProvider("secretbox", 9),
    );
    const rotating = await open({ configurationFile });
    expect(await rotating.reencrypt()).toMatchObject({ sealedFiles: 2, rewritten: 2 });
    writeEncryptionConfiguration(configurationFile, localProvider("aescbc", 2));
    const rotated = await open({ configurationFile });
    expect(rotated.deriveKey(PURPOSE)).toEqual(version1DerivedKey(KEY, PURPOSE));
    expect(rotated.deriveKey("another")).toEqual(custody.deriveKey("another"));
    expect((await rotated.loadIssuer(id, new Date())).description.id).toBe(id);
  },
);

test("a root secret that got lost is not silently replaced", async () => {
  const custody = await open();
  await custody.createIssuer({ now: NOW });
  const kept = readFileSync(join(directory, ROOT));
  rmSync(join(directory, ROOT));
  await expect(open()).rejects.toMatchObject({
    code: "RootSecretMissing",
    message: expect.stringContaining(`${join(directory, ROOT)} is missing`),
  });
  expect(readdirSync(directory)).not.toContain(ROOT);
  writeFileSync(join(directory, ROOT), kept, { mode: 0o600 });
  expect((await open()).deriveKey(PURPOSE)).toEqual(custody.deriveKey(PURPOSE));
});

test("a root secret in the clear is nowhere on the disk", async () => {
  const derived = (await open()).deriveKey(PURPOSE);
  for (const name of readdirSync(directory)) {
    expect(readFileSync(join(directory, name)).includes(derived)).toBe(false);
  }
});

/** Looks for the first time right before another process is done. */
class BeforeTheirs extends SealedFiles {
  #hasLooked = false;

  override read(label: Label): Promise<Buffer | undefined> {
    if (this.#hasLooked) return super.read(label);
    this.#hasLooked = true;
    return Promise.resolve(undefined);
  }
}

test("a root secret that another process made in the same moment is the one that counts", async () => {
  const theirs = await open();
  await theirs.createIssuer({ commonName: "theirs", now: NOW });
  const { logger } = recordingLogger();
  const ring = await new EncryptionSourceReader(directory, environment(KEY), logger).read(
    await SealedFiles.names(directory),
  );
  const ours = await RootSecret.open(new BeforeTheirs(directory, ring), logger);
  expect(ours.derive(PURPOSE)).toEqual(theirs.deriveKey(PURPOSE));
  ring.close();
});
