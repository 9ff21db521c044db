import type { Logger } from "../../../shared/logging.ts";
import type { JobRuns, RunEnd, RunRecord } from "../../domain/job.ts";
import type { RunContext, ScheduledJob } from "./job.ts";
import { LEASE_MILLISECONDS } from "./lease-watch.ts";

/** A run that takes longer is told to end. */
const RUN_LIMIT_MILLISECONDS = 3_600_000;
/** What does not end within this, having been told to, is given up. */
const END_GRACE_MILLISECONDS = 60_000;
const BEAT_MILLISECONDS = LEASE_MILLISECONDS / 3;
const LINES_KEPT = 30;
const LINE_LIMIT = 200;

export interface ActiveRunDependencies {
  readonly runs: Pick<JobRuns, "beat">;
  /** Milliseconds of a clock that only goes forward. */
  readonly elapsed: () => number;
  readonly logger: Logger;
}

export type Ending = Omit<RunEnd, "at">;

interface Stop {
  readonly reason: string;
  /** How the run counts when the work gives up for it. */
  readonly outcome: "failed" | "interrupted";
  readonly at: number;
}

/** A run in progress in this process: it shows the ledger that it goes on, and ends in bounded time. */
export class ActiveRun {
  readonly record: RunRecord;
  /** How it ended; never rejects. */
  readonly ending: Promise<Ending>;
  readonly #deps: ActiveRunDependencies;
  readonly #begunAt: number;
  readonly #controller = new AbortController();
  readonly #lines: string[] = [];
  #settle: (ending: Ending) => void = () => undefined;
  #lastBeat: number;
  #lastAnswer: number;
  #stop: Stop | undefined;

  constructor(job: ScheduledJob, record: RunRecord, deps: ActiveRunDependencies) {
    this.record = record;
    this.#deps = deps;
    this.#begunAt = deps.elapsed();
    this.#lastBeat = this.#begunAt;
    this.#lastAnswer = this.#begunAt;
    this.ending = new Promise((resolve) => {
      this.#settle = resolve;
    });
    void this.#work(job);
  }

  /** To be called every second or so. */
  tick(): void {
    const now = this.#deps.elapsed();
    if (now - this.#begunAt >= RUN_LIMIT_MILLISECONDS) {
      this.stop(`it took longer than ${RUN_LIMIT_MILLISECONDS / 1000} s`, "failed");
    }
    if (now - this.#lastAnswer >= LEASE_MILLISECONDS) {
      this.stop("the ledger took no sign of life, so that another process may run it", "interrupted");
    }
    if (this.#stop !== undefined && now - this.#stop.at >= END_GRACE_MILLISECONDS) this.giveUp();
    if (now - this.#lastBeat >= BEAT_MILLISECONDS) void this.#beat(now);
  }

  /** Tells the work to end. */
  stop(reason: string, outcome: Stop["outcome"]): void {
    if (this.#stop !== undefined) return;
    this.#stop = { reason, outcome, at: this.#deps.elapsed() };
    this.#controller.abort(new Error(reason));
  }

  /** Waits no longer for the work to end. */
  giveUp(): void {
    const { reason = "unknown", outcome = "interrupted" } = this.#stop ?? {};
    this.#end(outcome, `${reason}; it did not end when it was told to`);
  }

  async #work(job: ScheduledJob): Promise<void> {
    const context: RunContext = {
      dryRun: this.record.dryRun,
      signal: this.#controller.signal,
      report: (line) => {
        if (this.#lines.push(line.slice(0, LINE_LIMIT)) > LINES_KEPT) this.#lines.shift();
      },
    };
    try {
      const { summary, details = {} } = await job.run(context);
      this.#end("succeeded", summary, details);
    } catch (error) {
      const { dryRun, id } = this.record;
      if (this.#stop !== undefined) return this.#end(this.#stop.outcome, this.#stop.reason);
      this.#deps.logger.error({ job: job.name, run: id, dryRun, err: error }, "job failed; it is tried again");
      this.#end("failed", messageOf(error));
    }
  }

  async #beat(now: number): Promise<void> {
    this.#lastBeat = now;
    const { job, id, holder } = this.record;
    try {
      const isOurs = await this.#deps.runs.beat({ job, runId: id, holder });
      if (isOurs) this.#lastAnswer = this.#deps.elapsed();
      else this.stop("another process has taken it over", "interrupted");
    } catch (error) {
      this.#deps.logger.warn({ job, run: id, err: error }, "cannot show the ledger that a job goes on");
    }
  }

  #end(outcome: Ending["outcome"], summary: string, details: Ending["details"] = {}): void {
    const { id, job } = this.record;
    const durationMilliseconds = this.#deps.elapsed() - this.#begunAt;
    const told = this.#lines.length === 0 ? details : { ...details, lines: this.#lines };
    this.#settle({ job, runId: id, outcome, summary, details: told, durationMilliseconds });
  }
}

/** By shape, since errors of Node itself may be of another realm. */
export function messageOf(error: unknown): string {
  const message = (error as Partial<Error> | null | undefined)?.message;
  return typeof message === "string" && message !== "" ? message : String(error);
}
