import { chmodSync, closeSync, openSync } from "node:fs";
import Database from "better-sqlite3";
import { LedgerOpenError } from "./ledger-open-error.ts";
import { sqliteCodeOf } from "./sqlite-error.ts";

export type Connection = Database.Database;

/** "Gate" in ASCII: tells a ledger from any other SQLite file. */
const APPLICATION_ID = 0x47617465;

const OWNER_ONLY = 0o600;
const BUSY_TIMEOUT_MILLISECONDS = 5_000;
const SYNCHRONOUS_FULL = 2;
/** SQLite's own 1,000 copies pages that change often again and again; this costs 40 MiB of log beside the file. */
const PAGES_PER_CHECKPOINT = 10_000;
/** What a log that had to grow under a long read is cut back to. */
const LOG_SIZE_LIMIT_BYTES = 64 * 1024 * 1024;
/** Of each connection. SQLite walks the whole cache at many a commit, so that a larger one costs more than it saves. */
const CACHE_KIBIBYTES = 16 * 1024;

/**
 * Opens the ledger for writing; makes the file (mode 0600) when there is none. The caller must hold the writer lock.
 *
 * @throws {LedgerOpenError} when the file is no ledger, cannot be read, or does not take the durability settings.
 */
export function openForWriting(file: string): Connection {
  makeOwnerOnly(file);
  return opened(file, { readonly: false }, (connection) => {
    // A reopened WAL file otherwise runs at NORMAL, which may lose acknowledged commits when the power fails.
    connection.pragma("journal_mode = WAL");
    connection.pragma("synchronous = FULL");
    connection.pragma("foreign_keys = ON");
    connection.pragma(`wal_autocheckpoint = ${PAGES_PER_CHECKPOINT}`);
    connection.pragma(`journal_size_limit = ${LOG_SIZE_LIMIT_BYTES}`);
    requireSetting(connection, file, "journal_mode", "wal");
    requireSetting(connection, file, "synchronous", SYNCHRONOUS_FULL);
    requireSetting(connection, file, "foreign_keys", 1);
  });
}

/**
 * Opens a ledger that exists for reading. In WAL mode a reader sees a commit only after its flush to disk, so whatever
 * is read here is durable.
 *
 * @throws {LedgerOpenError} when the file is missing, no ledger or unreadable.
 */
export function openForReading(file: string): Connection {
  return opened(file, { readonly: true, fileMustExist: true }, () => undefined);
}

function opened(file: string, options: Database.Options, configure: (connection: Connection) => void): Connection {
  let connection: Connection | undefined;
  try {
    connection = new Database(file, { ...options, timeout: BUSY_TIMEOUT_MILLISECONDS });
    requireOurs(connection, file, options.readonly === true);
    connection.pragma(`cache_size = -${CACHE_KIBIBYTES}`);
    configure(connection);
    return connection;
  } catch (error) {
    connection?.close();
    throw asOpenError(error, file);
  }
}

function requireOurs(connection: Connection, file: string, readonly: boolean): void {
  const applicationId = connection.pragma("application_id", { simple: true });
  if (applicationId === APPLICATION_ID) return;
  const isEmpty = connection.prepare("SELECT count(*) FROM sqlite_schema").pluck().get() === 0;
  if (applicationId !== 0 || !isEmpty || readonly) {
    throw new LedgerOpenError("notALedger", `${file} is not a Gatehouse ledger; name another file`);
  }
  connection.pragma(`application_id = ${APPLICATION_ID}`);
}

function requireSetting(connection: Connection, file: string, name: string, expected: unknown): void {
  const actual = connection.pragma(name, { simple: true });
  if (actual === expected) return;
  throw new LedgerOpenError(
    "durabilityRefused",
    `${file}: SQLite answers ${name} = ${String(actual)} where ${String(expected)} is needed to keep what was ` +
      "acknowledged; put the ledger on a local file system that supports shared memory and locks",
  );
}

function asOpenError(error: unknown, file: string): unknown {
  const code = sqliteCodeOf(error);
  if (code === undefined) return error;
  if (code === "SQLITE_NOTADB") {
    return new LedgerOpenError("notALedger", `${file} is not a Gatehouse ledger; name another file`, { cause: error });
  }
  return new LedgerOpenError(
    "unreadable",
    `${file} cannot be opened (${code}); check that it and its directory exist, are readable and not damaged`,
    { cause: error },
  );
}

/** SQLite gives the log and its index the mode of the main file, so that is made before SQLite sees it. */
function makeOwnerOnly(file: string): void {
  closeSync(openSync(file, "a", OWNER_ONLY));
  chmodSync(file, OWNER_ONLY);
}
