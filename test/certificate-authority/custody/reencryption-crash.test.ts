import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { expect, test } from "@jest/globals";
import { openCustody } from "../../../services/certificate-authority/custody/custody.ts";
import { localProvider, writeEncryptionConfiguration } from "../../builders/encryption-configuration.ts";
import { temporaryDirectory } from "../../builders/temporary-directory.ts";
import { recordingLogger } from "../../fakes/recording-logger.ts";

const ROUNDS = 8;
const ISSUERS = 5;
const NOW = new Date("2026-01-01T00:00:00Z");
const REENCRYPTING = new URL("./endless-reencryption.ts", import.meta.url).pathname;

/** Lets files be rewritten at least once and then kills the process at a random moment of its work. */
async function reencryptUntilKilled(directory: string, configurationFile: string): Promise<void> {
  const child = spawn(
    process.execPath,
    ["--disable-warning=ExperimentalWarning", REENCRYPTING, directory, configurationFile],
    { stdio: ["ignore", "pipe", "inherit"] },
  );
  const ended = once(child, "close");
  await Promise.race([once(child.stdout, "data"), ended]);
  expect(child.exitCode).toBeNull();
  await pause(Math.random() * 60);
  child.kill("SIGKILL");
  await ended;
}

test("kill -9 in the middle of re-encryption loses nothing, and the next run goes on", async () => {
  const home = temporaryDirectory();
  const [directory, configurationFile] = [join(home, "keys"), join(home, "encryption.yaml")];
  const open = () => {
    writeEncryptionConfiguration(configurationFile, localProvider("secretbox", 1), localProvider("aescbc", 2));
    return openCustody({ directory, encryption: { configurationFile }, logger: recordingLogger().logger });
  };
  const custody = await open();
  const derived = custody.deriveKey("test");
  const issuers = await Promise.all(Array.from({ length: ISSUERS }, () => custody.createIssuer({ now: NOW })));
  let partly = 0;
  // As long as no kill fell into the middle, nothing has been shown.
  for (let round = 0; round < ROUNDS || partly === 0; round += 1) {
    await reencryptUntilKilled(directory, configurationFile);
    const found = await open();
    expect(found.deriveKey("test")).toEqual(derived);
    expect(await found.issuerIds()).toHaveLength(ISSUERS);
    for (const { description, privateKey } of issuers) {
      expect((await found.loadIssuer(description.id, NOW)).privateKey.equals(privateKey)).toBe(true);
    }
    const { sealedFiles, rewritten } = await found.reencrypt();
    expect(sealedFiles).toBe(ISSUERS + 1);
    if (rewritten > 0 && rewritten < sealedFiles) partly += 1;
  }
}, 120_000);
