import type { Migration } from "./migration.ts";

/**
 * The DNS names (in lower case) and addresses of certificates, to find who holds one. `not_after_ms` is the certificate's,
 * so that what has expired is passed over without touching it. Names that DNS cannot have, since they are empty or too long, are left out.
 */
export const certificateNamesMigration: Migration = {
  name: "0013-certificate-names",
  sql: `
    CREATE TABLE certificate_names (
      name TEXT NOT NULL,
      not_after_ms INTEGER NOT NULL,
      certificate_id INTEGER NOT NULL REFERENCES certificates (id),
      PRIMARY KEY (name, not_after_ms, certificate_id)
    ) STRICT, WITHOUT ROWID;
    INSERT OR IGNORE INTO certificate_names (name, not_after_ms, certificate_id)
      SELECT lower(value), not_after_ms, certificates.id
      FROM certificates, json_each(certificates.sans, '$.dnsNames') WHERE length(value) BETWEEN 1 AND 253;
    INSERT OR IGNORE INTO certificate_names (name, not_after_ms, certificate_id)
      SELECT value, not_after_ms, certificates.id
      FROM certificates, json_each(certificates.sans, '$.ipAddresses');
  `,
};
