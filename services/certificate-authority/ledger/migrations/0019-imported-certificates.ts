import type { Migration } from "./migration.ts";

/** When a certificate that was issued before us, or without us, was put on record; NULL for those that we issued. */
export const importedCertificatesMigration: Migration = {
  name: "0019-imported-certificates",
  sql: `
    ALTER TABLE certificates ADD COLUMN imported_ms INTEGER;
    CREATE INDEX certificates_imported ON certificates (id) WHERE imported_ms IS NOT NULL;
  `,
};
