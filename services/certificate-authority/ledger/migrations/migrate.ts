import { createHash } from "node:crypto";
import type { Connection } from "../connection.ts";
import { LedgerOpenError } from "../ledger-open-error.ts";
import type { Migration } from "./migration.ts";

interface AppliedMigration {
  readonly position: number;
  readonly name: string;
  readonly checksum: string;
}

export const migrationsSql = {
  countTables: "SELECT count(*) FROM sqlite_schema",
  create: `CREATE TABLE migrations (
      position INTEGER PRIMARY KEY,
      name TEXT NOT NULL UNIQUE,
      checksum TEXT NOT NULL,
      applied_ms INTEGER NOT NULL
    ) STRICT`,
  exists: "SELECT 1 FROM sqlite_schema WHERE type = 'table' AND name = 'migrations'",
  applied: "SELECT position, name, checksum FROM migrations WHERE position > 0 ORDER BY position",
  record: "INSERT INTO migrations (position, name, checksum, applied_ms) VALUES (?, ?, ?, ?)",
} as const;

/**
 * Brings the schema up to date, each migration in one transaction with its record.
 *
 * @returns the names of those that were applied now.
 * @throws {LedgerOpenError} when the file's migrations are not the beginning of `migrations`; nothing was changed.
 */
export function migrate(
  connection: Connection,
  migrations: readonly Migration[],
  file: string,
  now: Date,
): readonly string[] {
  const isNew = connection.prepare(migrationsSql.countTables).pluck().get() === 0;
  if (isNew) connection.exec(migrationsSql.create);
  const applied = requireKnownHistory(connection, migrations, file);
  const record = connection.prepare(migrationsSql.record);
  const pending = migrations.slice(applied);
  for (const [index, migration] of pending.entries()) {
    connection.transaction(() => {
      connection.exec(migration.sql);
      record.run(applied + index + 1, migration.name, checksumOf(migration), now.getTime());
    })();
  }
  return pending.map(({ name }) => name);
}

/**
 * Compares the recorded migrations with the known ones.
 *
 * @returns how many are applied.
 * @throws {LedgerOpenError} on a gap, on one that this version does not know, and on changed order or content.
 */
export function requireKnownHistory(connection: Connection, migrations: readonly Migration[], file: string): number {
  const isRecorded = connection.prepare(migrationsSql.exists).get() !== undefined;
  if (!isRecorded) {
    throw new LedgerOpenError("migrationMissing", `${file} has no record of its migrations; restore it from a backup`);
  }
  const applied = connection.prepare<[], AppliedMigration>(migrationsSql.applied).all();
  for (const [index, recorded] of applied.entries()) requireSame(recorded, index, migrations, file);
  return applied.length;
}

function requireSame(recorded: AppliedMigration, index: number, migrations: readonly Migration[], file: string): void {
  const known = migrations[index];
  if (recorded.position !== index + 1) {
    const missing = known?.name ?? `number ${index + 1}`;
    throw new LedgerOpenError(
      "migrationMissing",
      `${file}: the record of migration ${missing} is missing although later ones were applied; ` +
        "the file was altered: restore it from a backup",
    );
  }
  if (known === undefined) {
    throw new LedgerOpenError(
      "migrationUnknown",
      `${file}: migration ${recorded.name} is unknown to this version; start the Gatehouse version that wrote the ` +
        "file, or restore a backup made before it did",
    );
  }
  if (recorded.name !== known.name || recorded.checksum !== checksumOf(known)) {
    throw new LedgerOpenError(
      "migrationChanged",
      `${file}: migration ${recorded.position} was applied as ${recorded.name}, and this version has ${known.name} ` +
        "there or other statements in it; start the Gatehouse version that wrote the file, or restore a backup",
    );
  }
}

function checksumOf({ sql }: Migration): string {
  return createHash("sha256").update(sql).digest("hex");
}
