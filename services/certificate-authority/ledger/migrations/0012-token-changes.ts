import type { Migration } from "./migration.ts";

/**
 * Labels and annotations of a bootstrap token (a JSON object of both; NULL for none), and the revision of its last
 * change, in milliseconds since the epoch (NULL: that of its creation).
 */
export const tokenChangesMigration: Migration = {
  name: "0012-token-changes",
  sql: `
    ALTER TABLE bootstrap_tokens ADD COLUMN metadata TEXT;
    ALTER TABLE bootstrap_tokens ADD COLUMN revision INTEGER;
  `,
};
