/** What started a run: its schedule, a time that was missed, a failure before, or a person. */
export type RunTrigger = "schedule" | "missed" | "retry" | "manual";

/** `running` until it has ended; `interrupted` when its process ended first, or lost the lease. */
export type RunOutcome = "running" | "succeeded" | "failed" | "interrupted";

/** One run of a job, as it stands in the history. */
export interface RunRecord {
  /** Greater for later runs. */
  readonly id: number;
  readonly job: string;
  readonly trigger: RunTrigger;
  /** User name of who asked for it; undefined when nobody did. */
  readonly requestedBy: string | undefined;
  /** Nothing was to be changed. */
  readonly dryRun: boolean;
  /** The process it runs, or ran, in. */
  readonly holder: string;
  readonly startedAt: Date;
  readonly finishedAt: Date | undefined;
  /** By a clock that does not jump; undefined while it runs, and of interrupted runs. */
  readonly durationMilliseconds: number | undefined;
  readonly outcome: RunOutcome;
  /** A sentence; of failed runs why. */
  readonly summary: string;
  readonly details: Readonly<Record<string, unknown>>;
}

/** Who runs a job now. A lease whose `beats` do not grow belongs to nobody any more. */
export interface JobLease {
  readonly runId: number;
  readonly holder: string;
  readonly beats: number;
}

/** What a schedule has to know of the past. */
export interface JobPast {
  /** When the job was first scheduled. */
  readonly since: Date | undefined;
  readonly lease: JobLease | undefined;
  /** The newest run that changed something and neither failed nor was interrupted. */
  readonly lastGoodStart: Date | undefined;
}

export interface RunClaim extends Pick<RunRecord, "job" | "holder" | "trigger" | "requestedBy" | "dryRun"> {
  readonly at: Date;
  /** A lease that is known to be dead; the run it stands for is recorded as interrupted. */
  readonly dead: JobLease | undefined;
}

export type ClaimAnswer =
  | { readonly kind: "claimed"; readonly run: RunRecord }
  | { readonly kind: "held"; readonly lease: JobLease };

export interface RunEnd extends Pick<RunRecord, "job" | "summary" | "details" | "durationMilliseconds"> {
  readonly runId: number;
  readonly at: Date;
  readonly outcome: Exclude<RunOutcome, "running">;
}

/** The history of jobs and who runs them now. What a method resolves with is durable. */
export interface JobRuns {
  /** Notes which jobs are scheduled from now on; those that are known stay as they are. */
  register(jobs: readonly string[], at: Date): Promise<void>;
  past(job: string): JobPast;
  /** Begins a run and takes the job's lease, in one step, unless another run has it. */
  claim(claim: RunClaim): Promise<ClaimAnswer>;
  /** Shows that a run goes on; false when its lease is somebody else's by now. */
  beat(run: { readonly job: string; readonly runId: number; readonly holder: string }): Promise<boolean>;
  /** Ends a run and gives its lease back; false when it was ended by somebody else. */
  finish(end: RunEnd): Promise<boolean>;
  /** The newest first; those of one job where one is named. @param before - only runs of lower ids. */
  find(query: {
    readonly job: string;
    readonly limit: number;
    readonly before: number | undefined;
  }): Promise<readonly RunRecord[]>;
  get(job: string, id: number): Promise<RunRecord | undefined>;
}

/** Runs of a job that are kept, the newest of them. */
export const RUNS_KEPT = 200;
/** UTF-16 units. */
export const SUMMARY_LIMIT = 1_000;
/** Of the details' JSON. */
export const DETAILS_LIMIT = 4_000;

/** A job as administrators see it. */
export interface JobStatus {
  readonly name: string;
  readonly description: string;
  readonly schedule: string;
  readonly jitterSeconds: number;
  readonly isEnabled: boolean;
  /** Whether one process runs it for all, or each for itself. */
  readonly scope: "authority" | "process";
  /** Undefined when it is disabled. */
  readonly nextAt: Date | undefined;
  /** Why the last attempt could not begin, or be recorded; undefined when it could. */
  readonly problem: string | undefined;
  readonly lastRun: RunRecord | undefined;
}

/** What administrators do with jobs. */
export interface JobAdministration {
  list(): Promise<readonly JobStatus[]>;
  /**
   * Begins a run now, whether the job is enabled or not.
   * @returns the run as it began; `ended` resolves with how it ended, and never rejects.
   * @throws {StatusError} NotFound; Conflict when it runs already.
   */
  runNow(
    job: string,
    wanted: { readonly dryRun: boolean; readonly requestedBy: string },
  ): Promise<{ readonly run: RunRecord; readonly ended: Promise<RunRecord> }>;
  /** @throws {StatusError} NotFound when there is no such job. */
  runs(
    job: string,
    page: { readonly limit: number; readonly before: number | undefined },
  ): Promise<readonly RunRecord[]>;
  /** @throws {StatusError} NotFound */
  run(job: string, id: number): Promise<RunRecord>;
}
