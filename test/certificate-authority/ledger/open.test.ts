import { spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "@jest/globals";
import Database from "better-sqlite3";
import { openForWriting } from "../../../services/certificate-authority/ledger/connection.ts";
import { openLedger } from "../../../services/certificate-authority/ledger/ledger.ts";
import { MIGRATIONS } from "../../../services/certificate-authority/ledger/migrations/all.ts";
import { migrate } from "../../../services/certificate-authority/ledger/migrations/migrate.ts";
import { systemClock } from "../../../services/shared/clock.ts";
import { createLogger } from "../../../services/shared/logging.ts";
import { storedCsr } from "../../builders/stored-csr.ts";

const logger = createLogger({ level: "silent" });
let directory = "";
let file = "";

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "gatehouse-open-"));
  file = join(directory, "gatehouse.db");
});

afterEach(() => rmSync(directory, { recursive: true, force: true }));

function open() {
  return openLedger({ file, clock: systemClock, logger });
}

async function makeLedger(): Promise<void> {
  await (await open()).close();
}

function alter(sql: string): void {
  const connection = new Database(file);
  connection.exec(sql);
  connection.close();
}

test("a write connection is durable: WAL, FULL, foreign keys, at every open", () => {
  for (let round = 0; round < 2; round += 1) {
    const connection = openForWriting(file);
    expect(connection.pragma("journal_mode", { simple: true })).toBe("wal");
    expect(connection.pragma("synchronous", { simple: true })).toBe(2);
    expect(connection.pragma("foreign_keys", { simple: true })).toBe(1);
    connection.close();
  }
});

test("every file of an open ledger belongs to its owner alone", async () => {
  const ledger = await open();
  const modes = readdirSync(directory).map((name) => [name, statSync(join(directory, name)).mode & 0o777]);
  await ledger.close();
  expect(Object.fromEntries(modes)).toEqual({
    "gatehouse.db": 0o600,
    "gatehouse.db-lock": 0o600,
    "gatehouse.db-shm": 0o600,
    "gatehouse.db-wal": 0o600,
  });
});

test("closing folds the log back into the file", async () => {
  await makeLedger();
  expect(readdirSync(directory).sort()).toEqual(["gatehouse.db", "gatehouse.db-lock"]);
});

test("what was stored is there after reopening, with the same revision", async () => {
  const first = await open();
  const stored = await first.requests.create(storedCsr("a"));
  await first.close();
  const second = await open();
  expect(await second.requests.get("a")).toEqual(stored);
  expect(second.requests.revision()).toBe(2);
  await second.close();
});

test("a second ledger on the file is refused in this process", async () => {
  const ledger = await open();
  await expect(open()).rejects.toMatchObject({ code: "locked", message: expect.stringContaining(file) });
  await ledger.close();
  await makeLedger();
});

test("a second ledger on the file is refused in another process", async () => {
  const ledger = await open();
  const script = new URL("./open-ledger.ts", import.meta.url).pathname;
  const { status, stdout } = spawnSync(process.execPath, [script, file], { encoding: "utf8" });
  await ledger.close();
  expect({ status, stdout: stdout.trim() }).toEqual({
    status: 1,
    stdout: `locked ${file} is in use by another Gatehouse process; stop that one first or name another file`,
  });
});

test.each([
  { name: "text", content: "this is no database, and is long enough to have a header of 100 octets".repeat(3) },
  { name: "another program's database", sql: "CREATE TABLE theirs (a INTEGER)" },
  { name: "another application's id", sql: "PRAGMA application_id = 7" },
])("a file that is no ledger is refused and left alone: $name", async ({ content, sql }) => {
  if (content !== undefined) writeFileSync(file, content);
  if (sql !== undefined) alter(sql);
  const sizeBefore = statSync(file).size;
  await expect(open()).rejects.toMatchObject({ code: "notALedger", message: expect.stringContaining(file) });
  expect(statSync(file).size).toBe(sizeBefore);
});

test("a directory that does not exist is an error that names it", async () => {
  file = join(directory, "absent", "gatehouse.db");
  await expect(open()).rejects.toMatchObject({ message: expect.stringContaining(file) });
});

test.each([
  {
    name: "a gap",
    sql: "DELETE FROM migrations WHERE position = 2",
    code: "migrationMissing",
    says: "migration 0002-audit is missing",
  },
  {
    name: "an unknown newer one",
    sql: `INSERT INTO migrations VALUES (${MIGRATIONS.length + 1}, 'from-the-future', 'x', 0)`,
    code: "migrationUnknown",
    says: "start the Gatehouse version that wrote the file",
  },
  {
    name: "changed order",
    sql: "UPDATE migrations SET name = '0002-audit!', checksum = 'x' WHERE position = 1",
    code: "migrationChanged",
    says: "applied as 0002-audit!, and this version has 0001-requests",
  },
  {
    name: "changed statements",
    sql: "UPDATE migrations SET checksum = 'x' WHERE position = 3",
    code: "migrationChanged",
    says: "0003-decisions there or other statements in it",
  },
  { name: "no record at all", sql: "DROP TABLE migrations", code: "migrationMissing", says: "no record" },
])("the start is refused on migrations with $name", async ({ sql, code, says }) => {
  await makeLedger();
  alter(sql);
  await expect(open()).rejects.toMatchObject({ code, message: expect.stringContaining(says) });
  await expect(open()).rejects.toMatchObject({ code });
});

test("migrations are applied in order, once, and later ones follow", () => {
  const connection = openForWriting(file);
  const now = new Date("2026-01-01T00:00:00Z");
  const names = MIGRATIONS.map(({ name }) => name);
  expect(migrate(connection, MIGRATIONS.slice(0, 2), file, now)).toEqual(names.slice(0, 2));
  expect(migrate(connection, MIGRATIONS, file, now)).toEqual(names.slice(2));
  expect(migrate(connection, MIGRATIONS, file, now)).toEqual([]);
  expect(names).toEqual(names.toSorted());
  connection.close();
});

test("a migration that fails leaves neither tables nor a record, and those before it stay", () => {
  const connection = openForWriting(file);
  const failing = { name: "9999-failing", sql: "CREATE TABLE half (a INTEGER); CREATE TABLE half (b INTEGER)" };
  expect(() => migrate(connection, [...MIGRATIONS.slice(0, 1), failing], file, new Date(0))).toThrow("half");
  const tables = connection.prepare("SELECT name FROM sqlite_schema WHERE name = 'half'").all();
  const recorded = connection.prepare("SELECT name FROM migrations").pluck().all();
  connection.close();
  expect({ tables, recorded }).toEqual({ tables: [], recorded: ["0001-requests"] });
});
