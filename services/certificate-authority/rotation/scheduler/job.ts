import type { Timing } from "./plan.ts";
import { parseSchedule } from "./schedule.ts";
import { type JobName, type JobSettings, KNOWN_JOBS, type KnownJob } from "./settings.ts";

/** What a run is told, and whom it tells. */
export interface RunContext {
  /** Nothing is to be changed, only told what would be. */
  readonly dryRun: boolean;
  /** Says that the run is to end: the server stops, it took too long, or another process has taken over. */
  readonly signal: AbortSignal;
  /** Adds a line to what is kept of the run. */
  readonly report: (line: string) => void;
}

export interface RunReport {
  /** A sentence about what was done. */
  readonly summary: string;
  readonly details?: Readonly<Record<string, unknown>>;
}

/** The work of a known job. Another run goes on where one was interrupted, so that it may be ended at any instant. */
export interface JobWork {
  readonly name: JobName;
  run(context: RunContext): Promise<RunReport>;
}

/** A job with its timing. */
export interface ScheduledJob extends KnownJob, Omit<JobWork, "name"> {
  readonly name: string;
  readonly schedule: string;
  readonly isEnabled: boolean;
  readonly timing: Timing;
}

/**
 * Puts work and configuration together.
 *
 * @param elsewhere - what other settings say of jobs that have no schedule of their own in `KNOWN_JOBS`.
 * @throws {RangeError} when a job has no schedule at all.
 */
export function scheduledJobs(
  work: readonly JobWork[],
  settings: JobSettings,
  elsewhere: Readonly<Partial<Record<JobName, string>>>,
): readonly ScheduledJob[] {
  return work.map((job) => {
    const { schedule = elsewhere[job.name] ?? "", jitterSeconds, enabled } = settings[job.name];
    const timing = { schedule: parseSchedule(schedule), jitterSeconds };
    return { ...KNOWN_JOBS[job.name], ...job, schedule, jitterSeconds, timing, isEnabled: enabled };
  });
}
