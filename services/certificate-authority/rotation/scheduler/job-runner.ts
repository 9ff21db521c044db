import type { Clock } from "../../../shared/clock.ts";
import type { Logger } from "../../../shared/logging.ts";
import { StatusError } from "../../../shared/status-error.ts";
import type { JobLease, JobRuns, JobStatus, RunClaim, RunEnd, RunRecord } from "../../domain/job.ts";
import { ActiveRun, type Ending, messageOf } from "./active-run.ts";
import type { ScheduledJob } from "./job.ts";
import { LEASE_MILLISECONDS, watchLease } from "./lease-watch.ts";
import { type Plan, planAfter, planAtStart, planByClock, planRetry } from "./plan.ts";

export interface JobRunnerDependencies {
  readonly runs: JobRuns;
  /** Names this process among those that share the runs. */
  readonly holder: string;
  readonly clock: Clock;
  /** Milliseconds of a clock that only goes forward. */
  readonly elapsed: () => number;
  /** From 0 to 1. */
  readonly random: () => number;
  readonly observe: (job: string, outcome: RunEnd["outcome"], seconds: number) => void;
  readonly logger: Logger;
}

type Wanted = Pick<RunClaim, "trigger" | "requestedBy" | "dryRun">;

/** Attempts that could not begin, for the run that does. */
interface Late {
  readonly since: Date;
  readonly attempts: number;
  readonly because: string;
}

/** One job in one process: when it is due, who may run it, and what became of it. */
export class JobRunner {
  readonly job: ScheduledJob;
  readonly #deps: JobRunnerDependencies;
  readonly #lease: ReturnType<typeof watchLease>;
  #plan: Plan | undefined;
  #active: ActiveRun | undefined;
  #ended: Promise<unknown> = Promise.resolve();
  #isBeginning = false;
  #failures = 0;
  #late: Late | undefined;
  /** An end that the ledger has not taken yet. */
  #unrecorded: RunEnd | undefined;

  constructor(job: ScheduledJob, deps: JobRunnerDependencies) {
    this.job = job;
    this.#deps = deps;
    this.#lease = watchLease(deps.elapsed);
  }

  start(): void {
    const { runs, clock, random } = this.#deps;
    if (this.job.isEnabled) this.#plan = planAtStart(this.job.timing, runs.past(this.job.name), clock.now(), random());
  }

  /** To be called every second or so; begins the run when it is due. */
  tick(): void {
    this.#active?.tick();
    if (this.#plan === undefined || this.#active !== undefined || this.#isBeginning) return;
    const now = this.#deps.clock.now();
    this.#plan = planByClock(this.#plan, this.job.timing, now, this.#deps.random());
    if (this.#plan.dueAt > now.getTime()) return;
    const { lastGoodStart } = this.#deps.runs.past(this.job.name);
    const isDone = lastGoodStart !== undefined && lastGoodStart.getTime() >= this.#plan.slot && lastGoodStart <= now;
    // Another process was quicker.
    if (isDone) this.#plan = planAfter(this.job.timing, lastGoodStart, now, this.#deps.random());
    else void this.#runScheduled(this.#plan);
  }

  /** @throws {StatusError} Conflict when it runs already; whatever keeps the ledger from taking it. */
  async runNow(wanted: Pick<Wanted, "requestedBy" | "dryRun">) {
    if (this.#active !== undefined || this.#isBeginning) throw this.#conflict(this.#active?.record);
    const begun = await this.#begin({ trigger: "manual", ...wanted });
    if ("lease" in begun) throw this.#conflict(begun.lease);
    return { run: begun.active.record, ended: begun.ended };
  }

  /** Ends what runs, and waits for that as long as `patience` does not resolve. */
  async stop(patience: Promise<unknown>): Promise<void> {
    this.#plan = undefined;
    const active = this.#active;
    if (active === undefined) return;
    active.stop("the server stopped", "interrupted");
    await Promise.race([this.#ended, patience]);
    active.giveUp();
    await this.#ended;
  }

  async status(): Promise<JobStatus> {
    const { name, description, schedule, jitterSeconds, isEnabled, scope } = this.job;
    const [lastRun] = await this.#deps.runs.find({ job: name, limit: 1, before: undefined });
    return {
      ...{ name, description, schedule, jitterSeconds, isEnabled, scope, lastRun },
      nextAt: this.#plan && new Date(this.#plan.dueAt),
      problem: this.#late?.because ?? (this.#unrecorded && "the last run could not be recorded yet"),
    };
  }

  async #runScheduled(plan: Plan): Promise<void> {
    try {
      await this.#begin({ trigger: plan.trigger, requestedBy: undefined, dryRun: false });
    } catch (error) {
      const now = this.#deps.clock.now();
      this.#failures += 1;
      this.#late = { since: now, ...this.#late, attempts: (this.#late?.attempts ?? 0) + 1, because: messageOf(error) };
      this.#plan = planRetry(planAfter(this.job.timing, now, now, this.#deps.random()), this.#failures, now);
      this.#deps.logger.error({ job: this.job.name, err: error }, "job could not begin; it is tried again");
    }
  }

  /** @returns the lease that stands in the way, or the run. */
  async #begin(wanted: Wanted) {
    const { runs, holder, clock } = this.#deps;
    this.#isBeginning = true;
    try {
      await this.#record();
      const { lease } = runs.past(this.job.name);
      const dead = lease !== undefined && this.#lease.isDead(lease) ? lease : undefined;
      if (lease !== undefined && dead === undefined) return { lease };
      const answer = await runs.claim({ ...wanted, job: this.job.name, holder, at: clock.now(), dead });
      if (answer.kind === "held") return { lease: answer.lease };
      if (dead !== undefined)
        this.#deps.logger.warn({ job: this.job.name, dead }, "a job was interrupted; it runs again");
      const active = new ActiveRun(this.job, answer.run, this.#deps);
      this.#active = active;
      const ended = active.ending.then((ending) => this.#finish(active, ending));
      this.#ended = ended;
      return { active, ended };
    } finally {
      this.#isBeginning = false;
    }
  }

  async #finish({ record }: ActiveRun, ending: Ending): Promise<RunRecord> {
    const at = this.#deps.clock.now();
    const details = this.#late === undefined ? ending.details : { ...ending.details, late: this.#late };
    const end: RunEnd = { ...ending, details, at };
    this.#late = undefined;
    this.#unrecorded = end;
    const { outcome, summary, durationMilliseconds = 0 } = end;
    this.#deps.observe(this.job.name, outcome, durationMilliseconds / 1000);
    this.#planAfterEnd(record, outcome, at);
    await this.#settle();
    const level = record.trigger === "manual" ? "info" : "debug";
    this.#deps.logger[level]({ job: this.job.name, run: record.id, outcome, summary }, "job ended");
    return { ...record, outcome, summary, details, durationMilliseconds, finishedAt: at };
  }

  /** Tries to record the end; what the ledger does not take now is kept for the next attempt. */
  async #settle(): Promise<void> {
    try {
      await this.#record();
    } catch (error) {
      this.#deps.logger.error({ job: this.job.name, err: error }, "the end of a job could not be recorded yet");
    }
    this.#active = undefined;
  }

  async #record(): Promise<void> {
    const end = this.#unrecorded;
    if (end === undefined) return;
    const wasOurs = await this.#deps.runs.finish(end);
    if (this.#unrecorded !== end) return;
    this.#unrecorded = undefined;
    if (!wasOurs)
      this.#deps.logger.warn({ job: this.job.name, run: end.runId }, "another process had taken a job over");
  }

  #planAfterEnd(record: RunRecord, outcome: RunEnd["outcome"], now: Date): void {
    if (this.#plan === undefined || record.dryRun) return;
    const isBad = outcome === "failed";
    this.#failures = isBad ? this.#failures + 1 : 0;
    const next = planAfter(this.job.timing, record.startedAt, now, this.#deps.random());
    this.#plan = isBad ? planRetry(next, this.#failures, now) : next;
  }

  #conflict(by: RunRecord | JobLease | undefined): StatusError {
    const name = this.job.name;
    const who = by === undefined ? "" : `, in ${by.holder}`;
    const wayOut = `if that process is gone, it is over in ${LEASE_MILLISECONDS / 1000} s`;
    return new StatusError("Conflict", `the job ${name} runs already${who}; try again when it has ended: ${wayOut}`);
  }
}
