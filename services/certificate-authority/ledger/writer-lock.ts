import { chmodSync, closeSync, openSync } from "node:fs";
import Database from "better-sqlite3";
import { LedgerOpenError } from "./ledger-open-error.ts";
import { sqliteCodeOf } from "./sqlite-error.ts";

export interface WriterLock {
  release(): void;
}

/**
 * Makes this process the only writer of `file`. The lock is SQLite's own exclusive lock on the empty file
 * `<file>-lock`, so that the system drops it with the process, however that ends; the empty file stays.
 *
 * @throws {LedgerOpenError} `locked` when another open ledger, here or in another process, holds it.
 */
export function acquireWriterLock(file: string): WriterLock {
  const lockFile = `${file}-lock`;
  closeSync(openSync(lockFile, "a", 0o600));
  chmodSync(lockFile, 0o600);
  const connection = new Database(lockFile, { timeout: 0 });
  try {
    connection.pragma("journal_mode = MEMORY");
    connection.exec("BEGIN EXCLUSIVE");
  } catch (error) {
    connection.close();
    if (sqliteCodeOf(error) !== "SQLITE_BUSY") throw error;
    throw new LedgerOpenError(
      "locked",
      `${file} is in use by another Gatehouse process; stop that one first or name another file`,
      { cause: error },
    );
  }
  return { release: () => void connection.close() };
}
