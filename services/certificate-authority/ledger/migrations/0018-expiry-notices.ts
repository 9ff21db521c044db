import type { Migration } from "./migration.ts";

/**
 * Whom nobody renews is looked up by when it ends. `expiry_told` has what was last said about a holder of certificates
 * and which of them was meant, so that nothing is said twice; `expiry_outbox` what a target of notifications is still to
 * be told: one entry a holder, the newest. A holder is a signer and a name; `names_hash` tells apart those of one common
 * name with other names, 0 for nodes. Identifiers in the outbox are never used again.
 */
export const expiryNoticesMigration: Migration = {
  name: "0018-expiry-notices",
  sql: `
    CREATE INDEX certificates_of_no_node ON certificates (not_after_ms, id) WHERE node_name IS NULL;
    CREATE TABLE expiry_told (
      signer_name TEXT NOT NULL,
      name TEXT NOT NULL,
      names_hash INTEGER NOT NULL,
      certificate_id INTEGER NOT NULL,
      state TEXT NOT NULL CHECK (state IN ('due', 'overdue', 'lost')),
      not_after_ms INTEGER NOT NULL,
      PRIMARY KEY (signer_name, name, names_hash)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX expiry_told_by_end ON expiry_told (not_after_ms);
    CREATE TABLE expiry_outbox (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      target TEXT NOT NULL,
      signer_name TEXT NOT NULL,
      name TEXT NOT NULL,
      names_hash INTEGER NOT NULL,
      notice TEXT NOT NULL,
      UNIQUE (target, signer_name, name, names_hash)
    ) STRICT;
    CREATE INDEX expiry_outbox_by_target ON expiry_outbox (target, id);
  `,
};
