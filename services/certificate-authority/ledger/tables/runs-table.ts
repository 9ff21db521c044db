import type { JobLease, RunOutcome, RunRecord, RunTrigger } from "../../domain/job.ts";
import type { Connection } from "../connection.ts";

export interface RunRow {
  readonly id: number;
  readonly job: string;
  readonly trigger: RunTrigger;
  readonly requestedBy: string | null;
  readonly dryRun: number;
  readonly holder: string;
  readonly startedMilliseconds: number;
  readonly finishedMilliseconds: number | null;
  readonly durationMilliseconds: number | null;
  readonly outcome: RunOutcome;
  readonly summary: string;
  /** JSON. */
  readonly details: string;
}

export interface LeaseRow {
  readonly sinceMilliseconds: number;
  readonly holder: string | null;
  readonly runId: number | null;
  readonly beats: number;
}

const COLUMNS =
  "id, job, run_trigger AS trigger, requested_by AS requestedBy, dry_run AS dryRun, holder, " +
  "started_ms AS startedMilliseconds, finished_ms AS finishedMilliseconds, duration_ms AS durationMilliseconds, " +
  "outcome, summary, details";

export const runsSql = {
  latest: `SELECT ${COLUMNS} FROM runs WHERE job = @job AND id < @before ORDER BY id DESC LIMIT @limit`,
  byId: `SELECT ${COLUMNS} FROM runs WHERE id = ? AND job = ?`,
  lastGoodStart:
    "SELECT started_ms FROM runs WHERE job = ? AND dry_run = 0 AND outcome = 'succeeded' ORDER BY id DESC LIMIT 1",
  lease: "SELECT since_ms AS sinceMilliseconds, holder, run_id AS runId, beats FROM job_leases WHERE job = ?",
  insert:
    "INSERT INTO runs (job, run_trigger, requested_by, dry_run, holder, started_ms, outcome, summary, details) " +
    "VALUES (@job, @trigger, @requestedBy, @dryRun, @holder, @atMilliseconds, 'running', '', '{}')",
  end:
    "UPDATE runs SET finished_ms = @atMilliseconds, duration_ms = @durationMilliseconds, outcome = @outcome, " +
    "summary = @summary, details = @details WHERE id = @runId AND outcome = 'running'",
  removeUpTo: "DELETE FROM runs WHERE job = @job AND id <= @id",
  oldestToGo: "SELECT id FROM runs WHERE job = ? ORDER BY id DESC LIMIT 1 OFFSET ?",
  register: "INSERT INTO job_leases (job, since_ms) VALUES (?, ?) ON CONFLICT (job) DO NOTHING",
  take: "UPDATE job_leases SET holder = @holder, run_id = @runId, beats = 0 WHERE job = @job",
  beat: "UPDATE job_leases SET beats = beats + 1 WHERE job = @job AND run_id = @runId AND holder = @holder",
  release: "UPDATE job_leases SET holder = NULL, run_id = NULL, beats = 0 WHERE job = @job AND run_id = @runId",
} as const;

export function runsReader(connection: Connection) {
  const latest = connection.prepare<[{ job: string; before: number; limit: number }], RunRow>(runsSql.latest);
  const byId = connection.prepare<[number, string], RunRow>(runsSql.byId);
  const lastGoodStart = connection.prepare<[string], number>(runsSql.lastGoodStart).pluck();
  const lease = connection.prepare<[string], LeaseRow>(runsSql.lease);
  return {
    latest: (job: string, before: number, limit: number): readonly RunRow[] => latest.all({ job, before, limit }),
    byId: (job: string, id: number): RunRow | undefined => byId.get(id, job),
    lastGoodStart: (job: string): number | undefined => lastGoodStart.get(job),
    lease: (job: string): LeaseRow | undefined => lease.get(job),
  };
}

export function toRunRecord(row: RunRow): RunRecord {
  const { id, job, trigger, holder, outcome, summary } = row;
  return {
    ...{ id, job, trigger, holder, outcome, summary },
    requestedBy: row.requestedBy ?? undefined,
    dryRun: row.dryRun === 1,
    startedAt: new Date(row.startedMilliseconds),
    finishedAt: row.finishedMilliseconds === null ? undefined : new Date(row.finishedMilliseconds),
    durationMilliseconds: row.durationMilliseconds ?? undefined,
    details: JSON.parse(row.details) as RunRecord["details"],
  };
}

export function toJobLease({
  holder,
  runId,
  beats,
}: Pick<LeaseRow, "holder" | "runId" | "beats">): JobLease | undefined {
  return holder === null || runId === null ? undefined : { holder, runId, beats };
}
