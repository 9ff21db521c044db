import type { Migration } from "./migration.ts";

/**
 * Issuers and what they signed. Hashes and serials of certificates are octets, which halves their indices;
 * `organizations` and `sans` are JSON.
 * `audit_sequence` points to the newest audit entry about the row, whose content hash is that of the row.
 */
export const certificatesMigration: Migration = {
  name: "0004-certificates",
  sql: `
    CREATE TABLE issuers (
      id TEXT PRIMARY KEY,
      common_name TEXT NOT NULL,
      key_algorithm TEXT NOT NULL,
      serial TEXT NOT NULL,
      not_before_ms INTEGER NOT NULL,
      not_after_ms INTEGER NOT NULL,
      slot TEXT NOT NULL CHECK (slot IN ('prepared', 'active', 'old')),
      origin TEXT NOT NULL CHECK (origin IN ('generated', 'imported')),
      created_ms INTEGER NOT NULL,
      certificate_pem TEXT NOT NULL,
      certificate_der BLOB NOT NULL,
      audit_sequence INTEGER NOT NULL REFERENCES audit (sequence)
    ) STRICT;

    CREATE TABLE certificates (
      id INTEGER PRIMARY KEY,
      serial BLOB NOT NULL,
      fingerprint BLOB NOT NULL,
      issuer_id BLOB NOT NULL,
      signer_name TEXT NOT NULL,
      node_name TEXT,
      common_name TEXT NOT NULL,
      organizations TEXT NOT NULL,
      sans TEXT NOT NULL,
      spki_sha256 BLOB NOT NULL,
      not_before_ms INTEGER NOT NULL,
      not_after_ms INTEGER NOT NULL,
      issued_ms INTEGER NOT NULL,
      state TEXT NOT NULL CHECK (state IN ('issued', 'revoked')),
      request_uid TEXT,
      request_name TEXT,
      requester TEXT,
      predecessor BLOB,
      der BLOB NOT NULL,
      audit_sequence INTEGER NOT NULL REFERENCES audit (sequence)
    ) STRICT;
    CREATE UNIQUE INDEX certificates_by_serial ON certificates (serial, issuer_id);
    CREATE UNIQUE INDEX certificates_by_fingerprint ON certificates (fingerprint);
    CREATE INDEX certificates_by_node ON certificates (node_name, signer_name, not_before_ms)
      WHERE node_name IS NOT NULL;
    CREATE INDEX certificates_by_signer ON certificates (signer_name);
    CREATE INDEX certificates_by_request ON certificates (request_name) WHERE request_name IS NOT NULL;
    CREATE INDEX certificates_by_expiry ON certificates (not_after_ms, id, state);
    CREATE INDEX certificates_revoked ON certificates (state) WHERE state = 'revoked';
  `,
};
