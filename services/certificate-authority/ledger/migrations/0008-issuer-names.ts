import type { Migration } from "./migration.ts";

/**
 * Several issuers beside each other, each under a name of its own, and the certificates above each of them as PEM. What is
 * on record so far was the only one.
 */
export const issuerNamesMigration: Migration = {
  name: "0008-issuer-names",
  sql: `
    ALTER TABLE issuers ADD COLUMN name TEXT NOT NULL DEFAULT 'default';
    ALTER TABLE issuers ADD COLUMN ancestors_pem TEXT NOT NULL DEFAULT '';
    CREATE UNIQUE INDEX issuers_active ON issuers (name) WHERE slot = 'active';
  `,
};
