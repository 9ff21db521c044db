import type { Migration } from "./migration.ts";

/**
 * Plain API objects that are no requests. `key` is `plural.group/name`, which is no name of a request, so that the
 * change log can hold both; `revision` is that of the change that holds the object.
 */
export const objectsMigration: Migration = {
  name: "0009-objects",
  sql: `
    CREATE TABLE objects (
      key TEXT PRIMARY KEY,
      uid TEXT NOT NULL,
      revision INTEGER NOT NULL,
      audit_sequence INTEGER NOT NULL REFERENCES audit (sequence)
    ) STRICT, WITHOUT ROWID;
  `,
};
