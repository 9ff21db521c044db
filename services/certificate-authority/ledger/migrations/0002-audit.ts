import type { Migration } from "./migration.ts";

/** The hash chain; `audit-chain.ts` says how a hash is made. Sequences start at 1 and have no gap. */
export const auditMigration: Migration = {
  name: "0002-audit",
  sql: `
    CREATE TABLE audit (
      sequence INTEGER PRIMARY KEY,
      payload TEXT NOT NULL,
      hash BLOB NOT NULL CHECK (length(hash) = 32)
    ) STRICT;
  `,
};
