import { auditHash, CHAIN_START } from "../audit-chain.ts";
import { type Connection, openForReading } from "../connection.ts";
import { sqliteCodeOf } from "../sqlite-error.ts";
import { type AuditRow, auditSql } from "../tables/audit-table.ts";
import { createProblems, type Problems } from "../verification/problems.ts";

/** What was looked at, and what is wrong with it. */
export interface SpotCheckReport {
  /** Tables whose pages and indices were walked. */
  readonly tables: number;
  /** Entries of the chain that were hashed again. */
  readonly entries: number;
  readonly problems: readonly string[];
}

const tablesSql = "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name";

/**
 * Walks every table's pages and hashes the end of the audit chain again. Synchronous and long in a large ledger: for a
 * thread of its own. Verifying the whole is `verifyFile`'s work.
 *
 * @param lastEntries - how many of the newest audit entries.
 * @throws {LedgerOpenError} when the file is no ledger or cannot be read at all.
 */
export function spotCheck(file: string, lastEntries: number): SpotCheckReport {
  const connection = openForReading(file);
  const problems = createProblems("problems");
  try {
    const tables = readingOn(() => checkPages(connection, problems), problems) ?? 0;
    const entries = readingOn(() => checkLastEntries(connection, lastEntries, problems), problems) ?? 0;
    return { tables, entries, problems: problems.list() };
  } finally {
    connection.close();
  }
}

/** Table by table, so that no single read keeps a running server from checkpointing for long. */
function checkPages(connection: Connection, problems: Problems): number {
  const tables = connection.prepare<[], string>(tablesSql).pluck().all();
  for (const table of tables) {
    const findings = connection.pragma(`quick_check("${table.replaceAll('"', '""')}")`) as readonly {
      readonly quick_check: string;
    }[];
    for (const { quick_check: finding } of findings) if (finding !== "ok") problems.add(`table ${table}: ${finding}`);
  }
  return tables.length;
}

function checkLastEntries(connection: Connection, lastEntries: number, problems: Problems): number {
  const head = connection.prepare<[], AuditRow>(auditSql.head).get();
  if (head === undefined) return 0;
  const before = Math.max(0, head.sequence - lastEntries);
  let previousHash =
    before === 0 ? CHAIN_START : connection.prepare<[number], AuditRow>(auditSql.bySequence).get(before)?.hash;
  let expected = before + 1;
  for (const row of connection.prepare<[number], AuditRow>(auditSql.after).iterate(before)) {
    if (row.sequence !== expected) problems.add(`audit: entry ${expected} is missing`);
    else if (previousHash !== undefined && !auditHash(previousHash, row.sequence, row.payload).equals(row.hash)) {
      problems.add(`audit: entry ${row.sequence} or the one before it was altered: its hash does not follow`);
    }
    expected = row.sequence + 1;
    previousHash = row.hash;
  }
  return head.sequence - before;
}

/** A page that cannot be read ends one part, not the whole. */
function readingOn<T>(check: () => T, problems: Problems): T | undefined {
  try {
    return check();
  } catch (error) {
    if (sqliteCodeOf(error) === undefined) throw error;
    problems.add(`a part of the file cannot be read: ${(error as Error).message}`);
    return undefined;
  }
}
