import type { Connection } from "../connection.ts";

/** What work is left on a request: somebody must decide, somebody must sign, or nothing. */
export type RequestState = "undecided" | "awaitingSignature" | "settled";

export interface RequestRow {
  readonly name: string;
  readonly uid: string;
  /** Of the change that holds the object. */
  readonly revision: number;
}

export interface StoredRequestRow extends RequestRow {
  /** JSON of the API object, with an empty resourceVersion. */
  readonly object: string;
}

export const requestsSql = {
  byName: "SELECT name, uid, revision FROM requests WHERE name = ?",
  objectByName:
    "SELECT requests.name AS name, uid, requests.revision AS revision, object FROM requests " +
    "JOIN changes ON changes.revision = requests.revision WHERE requests.name = ?",
  revisions: "SELECT name, revision FROM requests WHERE name > ? ORDER BY name",
  count: "SELECT count(*) FROM requests WHERE name > ''",
  unfinished:
    "SELECT name FROM requests INDEXED BY requests_unfinished " +
    "WHERE state IN ('undecided', 'awaitingSignature') AND created_ms >= ? ORDER BY created_ms, id",
  insert: "INSERT INTO requests (name, uid, state, created_ms, revision) VALUES (?, ?, ?, ?, ?)",
  update: "UPDATE requests SET state = ?, revision = ? WHERE name = ?",
  remove: "DELETE FROM requests WHERE name = ?",
} as const;

/** Instants before 1970 are stored as they are; nothing is older than this. */
const EARLIEST_MILLISECONDS = Number.MIN_SAFE_INTEGER;

/** Reads the objects as they stand. */
export function requestsReader(connection: Connection) {
  const objectByName = connection.prepare<[string], StoredRequestRow>(requestsSql.objectByName);
  const revisions = connection.prepare<[string], { name: string; revision: number }>(requestsSql.revisions);
  const unfinished = connection.prepare<[number], string>(requestsSql.unfinished).pluck();
  return {
    byName: (name: string): StoredRequestRow | undefined => objectByName.get(name),
    /** Name and revision of every object, in name order. */
    revisions: () => revisions.all(""),
    /** Names of those with work left, oldest first. */
    unfinished: (): readonly string[] => unfinished.all(EARLIEST_MILLISECONDS),
  };
}

export interface NewRequest {
  readonly name: string;
  readonly uid: string;
  readonly state: RequestState;
  readonly createdMilliseconds: number;
  readonly revision: number;
}

/** Writes which objects there are; preconditions are the caller's. */
export function requestsWriter(connection: Connection) {
  const byName = connection.prepare<[string], RequestRow>(requestsSql.byName);
  const count = connection.prepare<[], number>(requestsSql.count).pluck();
  const insert = connection.prepare(requestsSql.insert);
  const update = connection.prepare<[string, number, string]>(requestsSql.update);
  const remove = connection.prepare<[string]>(requestsSql.remove);
  return {
    byName: (name: string): RequestRow | undefined => byName.get(name),
    count: (): number => count.get() ?? 0,
    insert({ name, uid, state, createdMilliseconds, revision }: NewRequest): void {
      insert.run(name, uid, state, createdMilliseconds, revision);
    },
    update(name: string, state: RequestState, revision: number): void {
      update.run(state, revision, name);
    },
    remove: (name: string): void => void remove.run(name),
  };
}
