import type { Migration } from "./migration.ts";

/**
 * What a bootstrap token may be used for (JSON list of strings; NULL: authentication alone, as before), and its sealed
 * secret where it is kept at all.
 */
export const tokenUsagesMigration: Migration = {
  name: "0010-token-usages",
  sql: `
    ALTER TABLE bootstrap_tokens ADD COLUMN usages TEXT;
    ALTER TABLE bootstrap_tokens ADD COLUMN sealed_secret BLOB;
  `,
};
