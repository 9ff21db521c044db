import type { Migration } from "./migration.ts";

/**
 * Machines and the names they are bound to; what they got for their evidence; and which challenges were answered, until
 * they expire. `pins`, `fields`, `dns_names` and `ip_addresses` are JSON. Challenges and credentials are no part of the hash
 * chain: they live for minutes, and what was made of them is on it.
 */
export const attestationMigration: Migration = {
  name: "0020-attestation",
  sql: `
    CREATE TABLE machines (
      attestor TEXT NOT NULL,
      machine_id TEXT NOT NULL,
      state TEXT NOT NULL CHECK (state IN ('active', 'banned')),
      is_enrolled INTEGER NOT NULL,
      node_name TEXT,
      dns_names TEXT NOT NULL,
      ip_addresses TEXT NOT NULL,
      pins TEXT NOT NULL,
      attested_ms INTEGER,
      launched_ms INTEGER,
      created_ms INTEGER NOT NULL,
      audit_sequence INTEGER NOT NULL REFERENCES audit (sequence),
      PRIMARY KEY (attestor, machine_id)
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX machines_by_name ON machines (node_name) WHERE node_name IS NOT NULL;
    CREATE TABLE bindings (
      id TEXT PRIMARY KEY,
      node_name TEXT NOT NULL,
      attestor TEXT NOT NULL,
      machine_id TEXT NOT NULL,
      profile TEXT NOT NULL,
      fields TEXT NOT NULL,
      evidence_sha256 TEXT NOT NULL,
      dns_names TEXT NOT NULL,
      ip_addresses TEXT NOT NULL,
      state TEXT NOT NULL CHECK (state IN ('active', 'replaced', 'released')),
      created_ms INTEGER NOT NULL,
      attested_ms INTEGER NOT NULL,
      audit_sequence INTEGER NOT NULL REFERENCES audit (sequence)
    ) STRICT;
    CREATE UNIQUE INDEX bindings_by_name ON bindings (node_name) WHERE state = 'active';
    CREATE UNIQUE INDEX bindings_by_machine ON bindings (attestor, machine_id) WHERE state = 'active';
    CREATE INDEX bindings_of_machine ON bindings (attestor, machine_id, created_ms);
    CREATE INDEX bindings_of_name ON bindings (node_name, created_ms);
    CREATE TABLE credentials (
      id TEXT PRIMARY KEY,
      binding_id TEXT NOT NULL REFERENCES bindings (id),
      node_name TEXT NOT NULL,
      kind TEXT NOT NULL CHECK (kind IN ('clientCert', 'token')),
      spki_sha256 TEXT NOT NULL,
      expires_ms INTEGER NOT NULL,
      state TEXT NOT NULL CHECK (state IN ('issued', 'used', 'revoked')),
      request_uid TEXT
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX credentials_of_binding ON credentials (binding_id);
    CREATE INDEX credentials_by_expiry ON credentials (expires_ms);
    CREATE TABLE used_challenges (
      id TEXT PRIMARY KEY,
      expires_ms INTEGER NOT NULL
    ) STRICT, WITHOUT ROWID;
    CREATE INDEX used_challenges_by_expiry ON used_challenges (expires_ms);
  `,
};
