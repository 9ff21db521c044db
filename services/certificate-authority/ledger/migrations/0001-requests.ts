import type { Migration } from "./migration.ts";

/**
 * The CertificateSigningRequest objects as they stand, and the log of their changes. `object` is the JSON of the API
 * object with an empty resourceVersion; the revision column holds it. Instants are milliseconds since 1970.
 */
export const requestsMigration: Migration = {
  name: "0001-requests",
  sql: `
    CREATE TABLE meta (
      name TEXT PRIMARY KEY,
      value INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    INSERT INTO meta (name, value) VALUES ('compacted_revision', 1);

    CREATE TABLE requests (
      id INTEGER PRIMARY KEY,
      name TEXT NOT NULL UNIQUE,
      uid TEXT NOT NULL,
      state TEXT NOT NULL CHECK (state IN ('undecided', 'awaitingSignature', 'settled')),
      created_ms INTEGER NOT NULL,
      revision INTEGER NOT NULL,
      object TEXT NOT NULL
    ) STRICT;
    CREATE INDEX requests_unfinished ON requests (created_ms, id)
      WHERE state IN ('undecided', 'awaitingSignature');

    CREATE TABLE changes (
      revision INTEGER PRIMARY KEY,
      type TEXT NOT NULL CHECK (type IN ('ADDED', 'MODIFIED', 'DELETED')),
      name TEXT NOT NULL,
      at_ms INTEGER NOT NULL,
      previous_revision INTEGER,
      object TEXT NOT NULL,
      previous TEXT
    ) STRICT;
    CREATE INDEX changes_by_name ON changes (name, revision);
  `,
};
