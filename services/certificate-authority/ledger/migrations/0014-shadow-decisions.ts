import type { Migration } from "./migration.ts";

/**
 * What a shadow chain would have decided otherwise. Nothing follows from it, so that it is no part of the hash chain, and
 * the oldest are dropped. `trace` is JSON.
 */
export const shadowDecisionsMigration: Migration = {
  name: "0014-shadow-decisions",
  sql: `
    CREATE TABLE shadow_decisions (
      id INTEGER PRIMARY KEY,
      at_ms INTEGER NOT NULL,
      request_uid TEXT NOT NULL,
      request_name TEXT NOT NULL,
      signer_name TEXT NOT NULL,
      requester TEXT NOT NULL,
      live_outcome TEXT NOT NULL,
      live_hook TEXT,
      outcome TEXT NOT NULL,
      hook TEXT,
      reason TEXT NOT NULL,
      message TEXT NOT NULL,
      trace TEXT NOT NULL
    ) STRICT;
  `,
};
