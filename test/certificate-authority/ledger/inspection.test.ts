import { existsSync, readdirSync, readFileSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import Database from "better-sqlite3";
import { findWriter, inspectLedger } from "../../../services/certificate-authority/ledger/inspect-ledger.ts";
import { verifyLedgerFile } from "../../../services/certificate-authority/ledger/verify-ledger-file.ts";
import { openTestLedger, type TestLedger } from "../../builders/ledger.ts";
import { certificateRecord, issuerRecord } from "../../builders/records.ts";
import { storedCsr } from "../../builders/stored-csr.ts";

const PAGE_BYTES = 4096;

let opened: TestLedger;
beforeEach(async () => {
  opened = await openTestLedger();
  const { issuers, requests, certificates } = opened.ledger;
  await issuers.record(issuerRecord());
  await requests.create(storedCsr("a"));
  for (const serial of ["01", "02", "03"]) await certificates.record(certificateRecord({ serial }));
});
afterEach(() => opened.close());

const signal = new AbortController().signal;
const copies = () => readdirSync(tmpdir()).filter((name) => name.startsWith("gatehouse-doctor-"));

/** Looks once and gives back what was taken. */
async function look<T>(
  work: (inspection: Awaited<ReturnType<typeof inspectLedger>>) => T | Promise<T>,
  maximumCopyBytes = Number.POSITIVE_INFINITY,
): Promise<T> {
  const inspection = await inspectLedger(opened.file, maximumCopyBytes);
  try {
    return await work(inspection);
  } finally {
    await inspection.close();
  }
}

test("a ledger in use is read where it lies, with what was committed a moment ago", async () => {
  await opened.ledger.requests.create(storedCsr("b"));
  const before = copies();
  const snapshot = await look((inspection) => {
    expect(copies()).toEqual(before);
    return inspection.snapshot();
  });
  expect(snapshot).toMatchObject({ storedRequests: 2, auditEntries: 4, schema: { applied: snapshot.schema.known } });
  expect(snapshot.issuers).toMatchObject([{ slot: "active" }]);
  expect(snapshot.newestEntryAt?.getTime()).toBeGreaterThan(Date.parse("2026-01-01"));
  expect(snapshot.bytes).toBeGreaterThan(10_000);
});

test("verifying a ledger at rest leaves it and its directory as they were, sound or not", async () => {
  await opened.ledger.close();
  const directory = dirname(opened.file);
  const [names, content] = [readdirSync(directory), readFileSync(opened.file)];
  expect(await verifyLedgerFile(opened.file)).toMatchObject({ auditEntries: 4, certificates: 3 });
  expect([readdirSync(directory), readFileSync(opened.file)]).toEqual([names, content]);
  writeFileSync(opened.file, content.subarray(0, PAGE_BYTES * 2));
  const outcome = await verifyLedgerFile(opened.file).catch((error: Error) => error);
  const said = outcome instanceof Error ? outcome.message : outcome.problems.join();
  expect(said).not.toContain("gatehouse-verify-");
  expect(readdirSync(directory)).toEqual(names);
});

test("a ledger at rest is left as it is, and so is the temporary directory", async () => {
  await opened.ledger.close();
  const directory = dirname(opened.file);
  const [names, content, before] = [readdirSync(directory), readFileSync(opened.file), copies()];
  const report = await look((inspection) => {
    expect(inspection.snapshot()).toMatchObject({ auditEntries: 4 });
    return inspection.spotCheck(100, signal);
  });
  expect(report).toMatchObject({ entries: 4, problems: [] });
  expect(readdirSync(directory)).toEqual(names);
  expect(readFileSync(opened.file).equals(content)).toBe(true);
  expect(copies()).toEqual(before);
  await opened.reopen();
});

test("a large ledger at rest is not copied, one in use need not be", async () => {
  expect(await look((inspection) => inspection.snapshot().auditEntries, 1)).toBe(4);
  await opened.ledger.close();
  await expect(look(() => undefined, 1)).rejects.toThrow(/is at rest and has \d+ bytes; .* --full/);
  await opened.reopen();
});

test("the newest entries are hashed again, from the entry before them on", async () => {
  const alter = new Database(opened.file);
  alter.prepare("UPDATE audit SET payload = replace(payload, '01', '09') WHERE sequence = 2").run();
  alter.close();
  expect(await look((inspection) => inspection.spotCheck(1, signal))).toMatchObject({ entries: 1, problems: [] });
  expect(await look((inspection) => inspection.spotCheck(100, signal))).toMatchObject({
    entries: 4,
    problems: [expect.stringContaining("audit: entry 2 or the one before it was altered")],
  });
});

test("an entry that was taken out is missed", async () => {
  const alter = new Database(opened.file);
  alter.pragma("foreign_keys = OFF");
  alter.prepare("DELETE FROM audit WHERE sequence = 3").run();
  alter.close();
  const { problems } = await look((inspection) => inspection.spotCheck(100, signal));
  expect(problems).toContain("audit: entry 3 is missing");
});

test("pages that were overwritten are found", async () => {
  await opened.ledger.close();
  const content = readFileSync(opened.file);
  content.fill(0xff, 5 * PAGE_BYTES, 8 * PAGE_BYTES);
  writeFileSync(opened.file, content);
  const { problems } = await look((inspection) => inspection.spotCheck(100, signal));
  expect(problems.length).toBeGreaterThan(0);
});

test("a file that is no ledger is refused in words", async () => {
  await opened.ledger.close();
  truncateSync(opened.file, 0);
  const refusal = { code: "notALedger", message: `${opened.file} is not a Gatehouse ledger; name another file` };
  await expect(look((inspection) => inspection.snapshot())).rejects.toMatchObject(refusal);
});

test("a spot check can be ended", async () => {
  const stop = new AbortController();
  await look(async (inspection) => {
    const running = inspection.spotCheck(100, stop.signal);
    stop.abort();
    await expect(running).rejects.toThrow("ended without an answer");
  });
});

const tellsLocks = existsSync("/proc/locks") ? test : test.skip;

tellsLocks("the writer is found without trying its lock", async () => {
  expect(findWriter(opened.file)).toMatchObject({ kind: "process", pid: process.pid });
  await opened.ledger.close();
  expect(findWriter(opened.file)).toEqual({ kind: "nobody" });
  expect(findWriter(`${opened.file}-other`)).toEqual({ kind: "nobody" });
  await opened.reopen();
});
