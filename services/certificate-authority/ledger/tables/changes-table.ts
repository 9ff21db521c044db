import type { Change } from "../../domain/ports.ts";
import type { Connection } from "../connection.ts";
import { endOfPrefix } from "./objects-table.ts";

export type ChangeType = Change["type"];

export interface ChangeRow {
  readonly revision: number;
  readonly type: ChangeType;
  readonly name: string;
  readonly previousRevision: number | null;
  readonly object: string;
  /** The state that was replaced; it stays in the log for as long as this change does. */
  readonly previous: string | null;
}

const COLUMNS =
  "c.revision AS revision, c.type AS type, c.name AS name, c.previous_revision AS previousRevision, " +
  "c.object AS object, replaced.object AS previous";
const WITH_REPLACED = "LEFT JOIN changes AS replaced ON replaced.revision = c.previous_revision";

export const changesSql = {
  head: "SELECT max(revision) FROM changes",
  after:
    `SELECT ${COLUMNS} FROM changes AS c ${WITH_REPLACED} ` +
    "WHERE c.revision > ? AND instr(c.name, '/') = 0 ORDER BY c.revision LIMIT ?",
  ofPrefixAfter:
    `SELECT ${COLUMNS} FROM changes AS c INDEXED BY changes_by_name ${WITH_REPLACED} ` +
    "WHERE c.name >= ? AND c.name < ? AND c.revision > ? ORDER BY c.revision LIMIT ?",
  ofNameAfter:
    `SELECT ${COLUMNS} FROM changes AS c INDEXED BY changes_by_name ${WITH_REPLACED} ` +
    "WHERE c.name = ? AND c.revision > ? ORDER BY c.revision LIMIT ?",
  byRevision: `SELECT ${COLUMNS} FROM changes AS c ${WITH_REPLACED} WHERE c.revision = ?`,
  insert: "INSERT INTO changes (revision, type, name, at_ms, previous_revision, object) VALUES (?, ?, ?, ?, ?, ?)",
  insertDeletion:
    "INSERT INTO changes (revision, type, name, at_ms, previous_revision, object) " +
    "SELECT ?, 'DELETED', name, ?, revision, object FROM changes WHERE revision = ?",
  ages: "SELECT revision, at_ms AS atMilliseconds FROM changes WHERE revision > ? ORDER BY revision LIMIT ?",
  removeReplaced:
    "DELETE FROM changes WHERE revision IN " +
    "(SELECT previous_revision FROM changes WHERE revision > ? AND revision <= ? AND previous_revision IS NOT NULL)",
  removeDeletions: "DELETE FROM changes WHERE revision > ? AND revision <= ? AND type = 'DELETED'",
} as const;

/** Reads the change log. */
export function changesReader(connection: Connection) {
  const head = connection.prepare<[], number | null>(changesSql.head).pluck();
  const after = connection.prepare<[number, number], ChangeRow>(changesSql.after);
  const ofNameAfter = connection.prepare<[string, number, number], ChangeRow>(changesSql.ofNameAfter);
  const ofPrefixAfter = connection.prepare<[string, string, number, number], ChangeRow>(changesSql.ofPrefixAfter);
  const byRevision = connection.prepare<[number], ChangeRow>(changesSql.byRevision);
  return {
    /** The newest revision in the log, which compaction may have passed; undefined when the log is empty. */
    head: (): number | undefined => head.get() ?? undefined,
    /** Of requests: the names of other objects have a slash. */
    after: (revision: number, limit: number): readonly ChangeRow[] => after.all(revision, limit),
    ofPrefixAfter: (prefix: string, revision: number, limit: number): readonly ChangeRow[] =>
      ofPrefixAfter.all(prefix, endOfPrefix(prefix), revision, limit),
    ofNameAfter: (name: string, revision: number, limit: number): readonly ChangeRow[] =>
      ofNameAfter.all(name, revision, limit),
    byRevision: (revision: number): ChangeRow | undefined => byRevision.get(revision),
  };
}

export interface NewChange {
  readonly revision: number;
  readonly type: Exclude<ChangeType, "DELETED">;
  readonly name: string;
  readonly atMilliseconds: number;
  readonly previousRevision: number | null;
  readonly object: string;
}

/** Appends to the change log and drops what its oldest entries replaced. */
export function changesWriter(connection: Connection) {
  const insert = connection.prepare(changesSql.insert);
  const ages = connection.prepare<[number, number], { revision: number; atMilliseconds: number }>(changesSql.ages);
  const insertDeletion = connection.prepare<[number, number, number]>(changesSql.insertDeletion);
  const removeReplaced = connection.prepare<[number, number]>(changesSql.removeReplaced);
  const removeDeletions = connection.prepare<[number, number]>(changesSql.removeDeletions);
  return {
    append(change: NewChange): void {
      const { revision, type, name, atMilliseconds, previousRevision, object } = change;
      insert.run(revision, type, name, atMilliseconds, previousRevision, object);
    },
    /** The object of a deletion is its last state, that of `previousRevision`. */
    appendDeletion(revision: number, atMilliseconds: number, previousRevision: number): void {
      insertDeletion.run(revision, atMilliseconds, previousRevision);
    },
    /** The oldest entries after `revision`, at most `limit`, oldest first. */
    oldest: (revision: number, limit: number) => ages.all(revision, limit),
    /** Drops the states that the changes in this range replaced or ended; the states that they made stay. */
    compact(afterRevision: number, upToRevision: number): void {
      removeReplaced.run(afterRevision, upToRevision);
      removeDeletions.run(afterRevision, upToRevision);
    },
  };
}
