import type { Migration } from "./migration.ts";

/**
 * What requests asked for, kept after their deletion so that they can be judged again. `id` is the sequence of the audit
 * entry of the deletion, which vouches for the row; `object` is JSON of the metadata and the spec without `request`,
 * whose octets are beside it.
 */
export const archivedRequestsMigration: Migration = {
  name: "0011-archived-requests",
  sql: `
    CREATE TABLE archived_requests (
      id INTEGER PRIMARY KEY REFERENCES audit (sequence),
      uid TEXT NOT NULL,
      name TEXT NOT NULL,
      deleted_ms INTEGER NOT NULL,
      object TEXT NOT NULL,
      request BLOB NOT NULL
    ) STRICT;
    CREATE UNIQUE INDEX archived_requests_by_uid ON archived_requests (uid);
  `,
};
