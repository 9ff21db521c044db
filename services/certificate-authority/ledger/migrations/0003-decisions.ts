import type { Migration } from "./migration.ts";

/** Decisions with their traces (JSON). `id` is the sequence of the audit entry that vouches for the row. */
export const decisionsMigration: Migration = {
  name: "0003-decisions",
  sql: `
    CREATE TABLE decisions (
      id INTEGER PRIMARY KEY REFERENCES audit (sequence),
      request_uid TEXT NOT NULL,
      request_name TEXT NOT NULL,
      signer_name TEXT NOT NULL,
      requester TEXT NOT NULL,
      outcome TEXT NOT NULL CHECK (outcome IN ('approved', 'denied', 'pending')),
      hook TEXT,
      reason TEXT NOT NULL,
      message TEXT NOT NULL,
      trace TEXT NOT NULL,
      decided_by TEXT NOT NULL,
      decided_ms INTEGER NOT NULL
    ) STRICT;
    CREATE INDEX decisions_by_request ON decisions (request_name);
  `,
};
