import { afterEach, beforeEach, expect, test } from "@jest/globals";
import Database from "better-sqlite3";
import { createCleaner } from "../../../services/certificate-authority/issuance/cleaner.ts";
import {
  archivedRequestsSql,
  fromArchivedRequestRow,
  type StoredArchivedRequestRow,
  toArchivedRequestRow,
} from "../../../services/certificate-authority/ledger/tables/archived-requests-table.ts";
import { verifyLedgerFile } from "../../../services/certificate-authority/ledger/verify-ledger-file.ts";
import { openTestLedger, type TestLedger } from "../../builders/ledger.ts";
import { storedCsr } from "../../builders/stored-csr.ts";
import { recordingLogger } from "../../fakes/recording-logger.ts";
import { SettableClock } from "../../fakes/settable-clock.ts";

const NOON = new Date("2026-03-01T12:00:00Z");
const DAY = 86_400_000;

let opened: TestLedger;
const clock = new SettableClock(NOON);

beforeEach(async () => {
  clock.set(NOON);
  opened = await openTestLedger({ clock });
});

afterEach(() => opened.close());

function rows(): readonly StoredArchivedRequestRow[] {
  const connection = new Database(opened.file, { readonly: true });
  const found = connection.prepare<[number], StoredArchivedRequestRow>(archivedRequestsSql.all).all(0);
  connection.close();
  return found;
}

async function createAndRemove(name: string): Promise<void> {
  await opened.ledger.requests.create(storedCsr(name));
  await opened.ledger.requests.remove(name, {}, "alice");
}

test("what a request asked for survives its deletion and a restart, vouched for by the entry of the deletion", async () => {
  const notes = { labels: { zone: "a" }, annotations: { note: "b" } };
  const csr = storedCsr("a", { metadata: notes });
  await opened.ledger.requests.create({ ...csr, spec: { ...csr.spec, extra: { rack: ["7"] } } });
  expect(rows()).toEqual([]);
  await opened.ledger.requests.remove("a", {}, "alice");
  await opened.reopen();
  const [row, ...others] = rows();
  expect(others).toEqual([]);
  expect(row && fromArchivedRequestRow(row)).toEqual({
    metadata: { name: "a", uid: "uid-of-a", creationTimestamp: "2026-01-01T00:00:00Z", ...notes },
    spec: { ...csr.spec, extra: { rack: ["7"] } },
  });
  expect(row).toMatchObject({ uid: "uid-of-a", name: "a", deletedMilliseconds: NOON.getTime() });
  expect(await opened.ledger.maintenance.verify()).toMatchObject({ problems: [] });
});

test("creating and updating leave the archive alone", async () => {
  const created = await opened.ledger.requests.create(storedCsr("a"));
  await opened.ledger.requests.update({ ...created, status: { conditions: [] } });
  expect(rows()).toEqual([]);
});

test("nothing is archived when a removal is refused", async () => {
  await opened.ledger.requests.create(storedCsr("a"));
  await expect(opened.ledger.requests.remove("a", { uid: "another" })).rejects.toMatchObject({ reason: "Conflict" });
  expect(rows()).toEqual([]);
});

test("requests of one name are archived each by itself", async () => {
  for (const uid of ["first", "second"]) {
    await opened.ledger.requests.create(storedCsr("a", { metadata: { uid } }));
    await opened.ledger.requests.remove("a", {});
  }
  expect(rows().map(({ uid }) => uid)).toEqual(["first", "second"]);
});

test("labels and annotations that are too long are left out, and a request that is too large is not kept", () => {
  const long = { note: "x".repeat(9_000) };
  const row = toArchivedRequestRow(JSON.stringify(storedCsr("a", { metadata: { labels: long, annotations: {} } })), 1);
  expect(row && fromArchivedRequestRow(row).metadata).not.toHaveProperty("labels");
  const huge = Buffer.alloc(300_000, 1).toString("base64");
  expect(toArchivedRequestRow(JSON.stringify(storedCsr("a", { request: huge })), 1)).toBeUndefined();
});

test.each([
  { name: "by age", before: NOON.getTime() + DAY, maximum: 100, kept: ["b", "c"] },
  { name: "a deletion at the very limit stays", before: NOON.getTime(), maximum: 100, kept: ["a", "b", "c"] },
  { name: "by number", before: 0, maximum: 1, kept: ["c"] },
  { name: "all", before: 0, maximum: 0, kept: [] },
])("the archive is pruned $name, and stays sound", async ({ before, maximum, kept }) => {
  for (const name of ["a", "b", "c"]) {
    await createAndRemove(name);
    clock.advance(DAY / 1000);
  }
  const { maintenance } = opened.ledger;
  expect(await maintenance.countPrunable(new Date(before), maximum)).toBe(3 - kept.length);
  expect(rows()).toHaveLength(3);
  await maintenance.pruneArchive(new Date(before), maximum);
  expect(rows().map(({ name }) => name)).toEqual(kept);
  expect(await verifyLedgerFile(opened.file)).toMatchObject({ problems: [] });
});

test("many are pruned step by step", async () => {
  await Promise.all(Array.from({ length: 1_203 }, (_, index) => createAndRemove(`r-${index}`)));
  expect(await opened.ledger.maintenance.countPrunable(new Date(Date.now() * 2), 5_000)).toBe(1_203);
  await opened.ledger.maintenance.pruneArchive(new Date(0), 2);
  expect(rows()).toHaveLength(2);
});

test.each([
  { name: "a changed requester", sql: "UPDATE archived_requests SET object = replace(object, 'abcdef', 'ffffff')" },
  { name: "another request", sql: "UPDATE archived_requests SET request = x'00'" },
])("verification notices $name in the archive", async ({ sql }) => {
  await createAndRemove("a");
  const connection = new Database(opened.file);
  connection.exec(sql);
  connection.close();
  const { problems } = await opened.ledger.maintenance.verify();
  expect(problems).toEqual(["archived request a: no audit entry records it as it is stored"]);
});

test("verification notices an archived request that was taken out", async () => {
  await createAndRemove("a");
  const connection = new Database(opened.file);
  connection.exec("DELETE FROM archived_requests");
  connection.close();
  const { problems } = await opened.ledger.maintenance.verify();
  expect(problems).toEqual(["audit: entry 1 records request.deleted of a, which is not stored"]);
});

test("what the cleaner deletes is archived too", async () => {
  const { requests } = opened.ledger;
  await requests.create(storedCsr("a", { metadata: { creationTimestamp: "2026-03-01T11:00:00Z" } }));
  clock.advance(25 * 3600);
  const inspector = { inspectPem: () => ({ kind: "ok", certificates: [] }) as const };
  const { logger } = recordingLogger();
  const result = await createCleaner({ requests, inspector, clock, logger }).run();
  expect(result).toMatchObject({ deleted: 1, reasons: { pendingTooLong: 1 } });
  expect(rows()).toMatchObject([{ name: "a" }]);
});

test("verification notices requests that were taken out and called pruned", async () => {
  await createAndRemove("a");
  await opened.ledger.maintenance.pruneArchive(new Date(0), 0);
  await createAndRemove("b");
  const connection = new Database(opened.file);
  const claim = connection.prepare("UPDATE meta SET value = ? WHERE name = 'archive_pruned'");
  connection.exec("DELETE FROM archived_requests");
  const findings: unknown[] = [];
  for (const sequence of [2, 3, 99]) {
    claim.run(sequence);
    findings.push((await opened.ledger.maintenance.verify()).problems);
  }
  connection.close();
  const missing = (sequence: number, name: string) =>
    `audit: entry ${sequence} records request.deleted of ${name}, which is not stored`;
  expect(findings).toEqual([[missing(3, "b")], [missing(1, "a"), missing(3, "b")], [missing(1, "a"), missing(3, "b")]]);
});

test("what was pruned is on the audit trail", async () => {
  for (const name of ["a", "b", "c"]) await createAndRemove(name);
  await opened.ledger.maintenance.pruneArchive(new Date(0), 1);
  const { items } = await opened.ledger.audit.find({ noun: "archive", limit: 10 });
  expect(items).toMatchObject([
    { kind: "archive.pruned", subject: "2", actor: "gatehouse", at: NOON, details: { requests: 2 } },
  ]);
});
