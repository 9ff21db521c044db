import type { Migration } from "./migration.ts";

/**
 * Runs of jobs, the newest of each, and who runs each job now: `holder`, `run_id` and `beats` are of the run that has
 * the lease. Nothing depends on them but the schedule, so that they are no part of the hash chain. `details` is JSON.
 */
export const runsMigration: Migration = {
  name: "0017-runs",
  sql: `
    CREATE TABLE runs (
      id INTEGER PRIMARY KEY AUTOINCREMENT,
      job TEXT NOT NULL,
      run_trigger TEXT NOT NULL,
      requested_by TEXT,
      dry_run INTEGER NOT NULL,
      holder TEXT NOT NULL,
      started_ms INTEGER NOT NULL,
      finished_ms INTEGER,
      duration_ms INTEGER,
      outcome TEXT NOT NULL CHECK (outcome IN ('running', 'succeeded', 'failed', 'interrupted')),
      summary TEXT NOT NULL,
      details TEXT NOT NULL
    ) STRICT;
    CREATE INDEX runs_by_job ON runs (job, id);
    CREATE TABLE job_leases (
      job TEXT PRIMARY KEY,
      since_ms INTEGER NOT NULL,
      holder TEXT,
      run_id INTEGER,
      beats INTEGER NOT NULL DEFAULT 0
    ) STRICT, WITHOUT ROWID;
  `,
};
