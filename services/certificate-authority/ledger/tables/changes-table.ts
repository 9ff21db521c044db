import type { Change } from "../../domain/ports.ts";
import type { Connection } from "../connection.ts";

export type ChangeType = Change["type"];

export interface ChangeRow {
  readonly revision: number;
  readonly type: ChangeType;
  readonly name: string;
  readonly previousRevision: number | null;
  readonly object: string;
  readonly previous: string | null;
}

const COLUMNS = "revision, type, name, previous_revision AS previousRevision, object, previous";

export const changesSql = {
  head: "SELECT max(revision) FROM changes",
  after: `SELECT ${COLUMNS} FROM changes WHERE revision > ? ORDER BY revision LIMIT ?`,
  ofNameAfter:
    `SELECT ${COLUMNS} FROM changes INDEXED BY changes_by_name ` +
    "WHERE name = ? AND revision > ? ORDER BY revision LIMIT ?",
  byRevision: `SELECT ${COLUMNS} FROM changes WHERE revision = ?`,
  insert:
    "INSERT INTO changes (revision, type, name, at_ms, previous_revision, object, previous) " +
    "VALUES (?, ?, ?, ?, ?, ?, ?)",
  ages: "SELECT revision, at_ms AS atMilliseconds FROM changes WHERE revision > ? ORDER BY revision LIMIT ?",
  removeUpTo: "DELETE FROM changes WHERE revision <= ?",
} as const;

/** Reads the change log. */
export function changesReader(connection: Connection) {
  const head = connection.prepare<[], number | null>(changesSql.head).pluck();
  const after = connection.prepare<[number, number], ChangeRow>(changesSql.after);
  const ofNameAfter = connection.prepare<[string, number, number], ChangeRow>(changesSql.ofNameAfter);
  const byRevision = connection.prepare<[number], ChangeRow>(changesSql.byRevision);
  return {
    /** The newest revision in the log; undefined when compaction has left it empty. */
    head: (): number | undefined => head.get() ?? undefined,
    after: (revision: number, limit: number): readonly ChangeRow[] => after.all(revision, limit),
    ofNameAfter: (name: string, revision: number, limit: number): readonly ChangeRow[] =>
      ofNameAfter.all(name, revision, limit),
    byRevision: (revision: number): ChangeRow | undefined => byRevision.get(revision),
  };
}

export interface NewChange {
  readonly revision: number;
  readonly type: ChangeType;
  readonly name: string;
  readonly atMilliseconds: number;
  readonly previousRevision: number | null;
  readonly object: string;
  readonly previous: string | null;
}

/** Appends to the change log and drops its oldest entries. */
export function changesWriter(connection: Connection) {
  const insert = connection.prepare(changesSql.insert);
  const ages = connection.prepare<[number, number], { revision: number; atMilliseconds: number }>(changesSql.ages);
  const removeUpTo = connection.prepare<[number]>(changesSql.removeUpTo);
  return {
    append(change: NewChange): void {
      const { revision, type, name, atMilliseconds, previousRevision, object, previous } = change;
      insert.run(revision, type, name, atMilliseconds, previousRevision, object, previous);
    },
    /** The oldest entries after `revision`, at most `limit`, oldest first. */
    oldest: (revision: number, limit: number) => ages.all(revision, limit),
    removeUpTo: (revision: number): void => void removeUpTo.run(revision),
  };
}
