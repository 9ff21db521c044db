import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { type Configuration, loadConfiguration } from "../../services/certificate-authority/configuration.ts";
import { openCustody } from "../../services/certificate-authority/custody/custody.ts";
import { selectIssuers } from "../../services/certificate-authority/issuer-selection.ts";
import { createLogger } from "../../services/shared/logging.ts";
import { buildIssuer } from "../builders/issuer.ts";
import { openTestLedger } from "../builders/ledger.ts";
import { temporaryDirectory } from "../builders/temporary-directory.ts";
import { SettableClock } from "../fakes/settable-clock.ts";

type TestLedger = Awaited<ReturnType<typeof openTestLedger>>;

const logger = createLogger({ level: "silent" });
const clock = new SettableClock(new Date());
const defaults = loadConfiguration({}).issuer;
let directory: string;
let opened: TestLedger;

beforeEach(async () => {
  directory = temporaryDirectory();
  opened = await openTestLedger();
});
afterEach(() => opened.close());

async function select(settings: Partial<Configuration["issuer"]> = {}) {
  const custody = await openCustody({ directory: join(directory, "keys"), encryption: {}, logger });
  const issuer = { ...defaults, ...settings };
  const deps = { custody, issuers: opened.ledger.issuers, now: clock.now(), logger };
  const selection = (await selectIssuers({ issuer, issuers: [] }, deps)).get("default");
  if (selection?.kind !== "active") throw new Error("the default issuer is not active");
  return selection.chained.issuer;
}

function importable(commonName: string) {
  const { certificatePem, privateKey } = buildIssuer("ecdsa-p256", { commonName });
  const certificateFile = join(directory, `${commonName}.crt`);
  const keyFile = join(directory, `${commonName}.key`);
  writeFileSync(certificateFile, certificatePem);
  writeFileSync(keyFile, privateKey.export({ format: "pem", type: "pkcs8" }), { mode: 0o600 });
  return { certificateFile, keyFile };
}

test("the first start makes a CA as configured and records it, later starts use it", async () => {
  const first = await select({ keyAlgorithm: "ed25519", commonName: "first" });
  expect(first.description.keyAlgorithm).toBe("ed25519");
  expect(await opened.ledger.issuers.list()).toEqual([
    expect.objectContaining({ id: first.description.id, commonName: "first", slot: "active", origin: "generated" }),
  ]);
  const second = await select({ keyAlgorithm: "ecdsa-p256", commonName: "second" });
  expect(second.description.id).toBe(first.description.id);
});

test("a crash between making the key and recording it is continued, not repeated", async () => {
  const custody = await openCustody({ directory: join(directory, "keys"), encryption: {}, logger });
  const leftOver = await custody.createIssuer({ now: clock.now() });
  const { description } = await select();
  expect(description.id).toBe(leftOver.description.id);
});

test("several keys without a record stop the start", async () => {
  const custody = await openCustody({ directory: join(directory, "keys"), encryption: {}, logger });
  await custody.createIssuer({ now: clock.now() });
  await custody.createIssuer({ now: clock.now() });
  await expect(select()).rejects.toThrow("restore gatehouse.db");
});

test("a recorded CA whose key is gone stops the start instead of making another", async () => {
  await select();
  rmSync(join(directory, "keys"), { recursive: true });
  await expect(select()).rejects.toThrow("restore the keys directory from a backup");
  expect(await opened.ledger.issuers.list()).toHaveLength(1);
});

test("an existing CA is imported, and stays when the files are named again", async () => {
  const files = importable("cluster-ca");
  const { description } = await select({ import: files });
  expect(description.commonName).toBe("cluster-ca");
  expect((await select({ import: files })).description.id).toBe(description.id);
  expect((await select()).description.id).toBe(description.id);
  expect(await opened.ledger.issuers.list()).toEqual([expect.objectContaining({ origin: "imported" })]);
});

test("importing another CA over the recorded one stops the start and names both", async () => {
  const { description } = await select();
  const failure = await select({ import: importable("another") }).catch((error: unknown) => error);
  expect(failure).toMatchObject({ name: "ConfigurationError", message: expect.stringContaining(description.id) });
  expect((await select()).description.id).toBe(description.id);
});
