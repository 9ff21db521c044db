import type { Connection } from "../connection.ts";

export interface ObjectRow {
  /** `plural.group/name`. */
  readonly key: string;
  readonly uid: string;
  /** Of the change that holds the object. */
  readonly revision: number;
}

export interface StoredObjectRow extends ObjectRow {
  /** JSON of the API object, with an empty resourceVersion. */
  readonly object: string;
  readonly auditSequence: number;
}

export const objectsSql = {
  byKey: "SELECT key, uid, revision FROM objects WHERE key = ?",
  withPrefix:
    "SELECT key, uid, objects.revision AS revision, audit_sequence AS auditSequence, object FROM objects " +
    "JOIN changes ON changes.revision = objects.revision WHERE key >= ? AND key < ? ORDER BY key",
  count: "SELECT count(*) FROM objects WHERE key > ''",
  insert: "INSERT INTO objects (key, uid, revision, audit_sequence) VALUES (?, ?, ?, ?)",
  update: "UPDATE objects SET revision = ?, audit_sequence = ? WHERE key = ?",
  remove: "DELETE FROM objects WHERE key = ?",
} as const;

/** The least text that is greater than every one that begins with a prefix ending in a slash. */
export function endOfPrefix(prefix: string): string {
  return `${prefix.slice(0, -1)}0`;
}

/** Reads the objects of one kind as they stand, in the order of their names. */
export function objectsReader(connection: Connection) {
  const withPrefix = connection.prepare<[string, string], StoredObjectRow>(objectsSql.withPrefix);
  return { withPrefix: (prefix: string) => withPrefix.all(prefix, endOfPrefix(prefix)) };
}

/** Writes which objects there are; preconditions are the caller's. */
export function objectsWriter(connection: Connection) {
  const byKey = connection.prepare<[string], ObjectRow>(objectsSql.byKey);
  const count = connection.prepare<[], number>(objectsSql.count).pluck();
  const insert = connection.prepare<[string, string, number, number]>(objectsSql.insert);
  const update = connection.prepare<[number, number, string]>(objectsSql.update);
  const remove = connection.prepare<[string]>(objectsSql.remove);
  return {
    byKey: (key: string): ObjectRow | undefined => byKey.get(key),
    count: (): number => count.get() ?? 0,
    insert: ({ key, uid, revision }: ObjectRow, sequence: number): void =>
      void insert.run(key, uid, revision, sequence),
    update: (key: string, revision: number, sequence: number): void => void update.run(revision, sequence, key),
    remove: (key: string): void => void remove.run(key),
  };
}
