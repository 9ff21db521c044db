import type { Connection } from "../connection.ts";

export const metaSql = {
  get: "SELECT value FROM meta WHERE name = ?",
  set: "INSERT INTO meta (name, value) VALUES (?, ?) ON CONFLICT (name) DO UPDATE SET value = excluded.value",
} as const;

/**
 * `compacted_revision`: the oldest revision a watch may start after. `checked_ms`: when a write was last tried out.
 * `archive_pruned`: the audit sequence of the entry that says up to which one deleted requests are no longer in the archive.
 * `crl_number`: the number of the CRL that was signed last.
 */
export type MetaName = "crl_number" | "compacted_revision" | "checked_ms" | "archive_pruned";

/** A handful of numbers about the ledger itself. */
export function metaTable(connection: Connection) {
  const get = connection.prepare<[string], number>(metaSql.get).pluck();
  const set = connection.prepare<[string, number]>(metaSql.set);
  return {
    get: (name: MetaName): number | undefined => get.get(name),
    set: (name: MetaName, value: number): void => void set.run(name, value),
  };
}
