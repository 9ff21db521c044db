import type { Migration } from "./migration.ts";

/**
 * An object is stored once for each of its states, in the change log: `requests` points to the newest state by its
 * revision and a change to the state it replaced. Compaction therefore drops the states that the compacted changes
 * replaced, not those they made. What older logs had dropped and other rows still held is put back first.
 */
export const objectsOnceMigration: Migration = {
  name: "0007-objects-once",
  sql: `
    INSERT OR IGNORE INTO changes (revision, type, name, at_ms, previous_revision, object)
      SELECT previous_revision, 'MODIFIED', name, at_ms, NULL, previous FROM changes
      WHERE previous_revision IS NOT NULL;
    INSERT OR IGNORE INTO changes (revision, type, name, at_ms, previous_revision, object)
      SELECT revision, 'MODIFIED', name, created_ms, NULL, object FROM requests;
    ALTER TABLE changes DROP COLUMN previous;
    ALTER TABLE requests DROP COLUMN object;
  `,
};
