import type { Migration } from "./migration.ts";

/** Finds the nodes that a key was certified for without touching the table. */
export const certificatesByKeyMigration: Migration = {
  name: "0006-certificates-by-key",
  sql: `
    CREATE INDEX certificates_by_key ON certificates (spki_sha256, node_name) WHERE node_name IS NOT NULL;
  `,
};
