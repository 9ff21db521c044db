import type { Migration } from "./migration.ts";

/**
 * Issuers that have left their slot (retired when old, abandoned when prepared), what bridges to an issuer from the one
 * before it, and what its key is called in a token. Which of its certificates are alive is asked by issuer. `trust_bundles`
 * has what each bundle that a consumer reported to hold consisted of: a JSON array of SHA-256 of the CAs' DER, lower-case hex.
 */
export const issuerRotationMigration: Migration = {
  name: "0016-issuer-rotation",
  sql: `
    ALTER TABLE issuers ADD COLUMN ended_ms INTEGER;
    ALTER TABLE issuers ADD COLUMN bridge_pem TEXT NOT NULL DEFAULT '';
    ALTER TABLE issuers ADD COLUMN key_label TEXT NOT NULL DEFAULT '';
    CREATE UNIQUE INDEX issuers_prepared ON issuers (name) WHERE slot = 'prepared' AND ended_ms IS NULL;
    CREATE INDEX certificates_by_issuer ON certificates (issuer_id, not_after_ms, id, state);
    CREATE TABLE trust_bundles (
      etag TEXT PRIMARY KEY,
      anchors TEXT NOT NULL,
      first_ms INTEGER NOT NULL
    ) STRICT;
    CREATE TABLE trust_reports (
      consumer TEXT PRIMARY KEY,
      etag TEXT NOT NULL REFERENCES trust_bundles (etag),
      reported_ms INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
  `,
};
