import { existsSync, readdirSync, statSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { openLedger } from "../../../services/certificate-authority/ledger/ledger.ts";
import { verifyLedgerFile } from "../../../services/certificate-authority/ledger/verify-ledger-file.ts";
import { systemClock } from "../../../services/shared/clock.ts";
import { createLogger } from "../../../services/shared/logging.ts";
import { openTestLedger, type TestLedger } from "../../builders/ledger.ts";
import { decisionRecord } from "../../builders/records.ts";
import { storedCsr } from "../../builders/stored-csr.ts";

let opened: TestLedger;
let directory = "";

beforeEach(async () => {
  opened = await openTestLedger();
  directory = dirname(opened.file);
});

afterEach(() => opened.close());

test("a backup holds what was acknowledged before it, can be verified and opened, and is its owner's", async () => {
  const { requests, maintenance } = opened.ledger;
  const created = await requests.create(storedCsr("a"));
  await requests.recordDecision(decisionRecord());
  const path = join(directory, "copy.db");
  const { bytes, revision } = await maintenance.backup(path);
  expect({ bytes, revision }).toEqual({ bytes: statSync(path).size, revision: 2 });
  expect(statSync(path).mode & 0o777).toBe(0o600);
  expect(await verifyLedgerFile(path)).toMatchObject({ revision: 2, auditEntries: 1, decisions: 1, problems: [] });
  const restored = await openLedger({ file: path, clock: systemClock, logger: createLogger({ level: "silent" }) });
  expect(await restored.requests.get("a")).toEqual(created);
  await restored.close();
});

test("backups made while others write are whole", async () => {
  const { requests, maintenance } = opened.ledger;
  let isBackedUp = false;
  let acknowledged = 1;
  const writing = (async () => {
    for (let index = 0; !isBackedUp; index += 1) {
      const csr = await requests.create(storedCsr(`csr-${index}`, { request: "A".repeat(3_000) }));
      await requests.recordDecision(decisionRecord({ requestName: csr.metadata.name }));
      acknowledged = Number(csr.metadata.resourceVersion);
    }
  })();
  for (const name of ["one.db", "two.db", "three.db"]) {
    const atLeast = acknowledged;
    const { revision } = await maintenance.backup(join(directory, name));
    expect(revision).toBeGreaterThanOrEqual(atLeast);
    expect(await verifyLedgerFile(join(directory, name))).toMatchObject({ revision, problems: [] });
  }
  isBackedUp = true;
  await writing;
});

test("what exists is never replaced, and a failed backup leaves nothing", async () => {
  const { maintenance } = opened.ledger;
  const path = join(directory, "precious");
  writeFileSync(path, "mine");
  const before = readdirSync(directory);
  await expect(maintenance.backup(path)).rejects.toMatchObject({
    reason: "AlreadyExists",
    message: `${path} exists already; name a new file`,
  });
  await expect(maintenance.backup(join(directory, "absent", "copy.db"))).rejects.toMatchObject({
    reason: "InternalError",
    message: expect.stringContaining("absent"),
  });
  expect(readdirSync(directory)).toEqual(before);
  expect(existsSync(join(directory, "absent"))).toBe(false);
});
