import type { Migration } from "./migration.ts";

/** Live bootstrap tokens with the keyed hash of their secret; the audit trail remembers the removed ones. */
export const bootstrapTokensMigration: Migration = {
  name: "0005-bootstrap-tokens",
  sql: `
    CREATE TABLE bootstrap_tokens (
      id TEXT PRIMARY KEY,
      description TEXT NOT NULL,
      extra_groups TEXT NOT NULL,
      node_name TEXT,
      created_ms INTEGER NOT NULL,
      expires_ms INTEGER,
      created_by TEXT NOT NULL,
      secret_hash BLOB NOT NULL,
      audit_sequence INTEGER NOT NULL REFERENCES audit (sequence)
    ) STRICT;
    CREATE INDEX bootstrap_tokens_by_expiry ON bootstrap_tokens (expires_ms) WHERE expires_ms IS NOT NULL;
  `,
};
