import type { Migration } from "./migration.ts";

/**
 * What was taken back, and nodes that were shut out and let in again; `sequence` is the place in the feed. A revoked
 * key without a certificate on record has `spki_sha256` alone. Certificates of nodes are found by key already.
 */
export const revocationsMigration: Migration = {
  name: "0015-revocations",
  sql: `
    CREATE TABLE revocations (
      sequence INTEGER PRIMARY KEY,
      type TEXT NOT NULL CHECK (type IN ('revoked', 'quarantined', 'readmitted')),
      fingerprint BLOB,
      serial BLOB,
      issuer_id BLOB,
      node_name TEXT,
      spki_sha256 BLOB,
      not_after_ms INTEGER,
      reason TEXT NOT NULL,
      message TEXT NOT NULL,
      at_ms INTEGER NOT NULL,
      actor TEXT NOT NULL,
      audit_sequence INTEGER NOT NULL REFERENCES audit (sequence)
    ) STRICT;
    CREATE UNIQUE INDEX revocations_by_fingerprint ON revocations (fingerprint) WHERE fingerprint IS NOT NULL;
    CREATE INDEX revocations_by_key ON revocations (spki_sha256) WHERE spki_sha256 IS NOT NULL;
    CREATE INDEX revocations_by_issuer ON revocations (issuer_id, sequence) WHERE issuer_id IS NOT NULL;
    CREATE INDEX revocations_of_nodes ON revocations (sequence, type, node_name) WHERE type <> 'revoked';
    CREATE INDEX certificates_by_key_alone ON certificates (spki_sha256) WHERE node_name IS NULL;
  `,
};
