import type { JobRuns } from "../../../../services/certificate-authority/domain/job.ts";
import type {
  RunContext,
  RunReport,
  ScheduledJob,
} from "../../../../services/certificate-authority/rotation/scheduler/job.ts";
import { createMemoryRuns } from "../../../../services/certificate-authority/rotation/scheduler/memory-runs.ts";
import { parseSchedule } from "../../../../services/certificate-authority/rotation/scheduler/schedule.ts";
import { createScheduler } from "../../../../services/certificate-authority/rotation/scheduler/scheduler.ts";
import { recordingLogger } from "../../../fakes/recording-logger.ts";
import { SettableClock } from "../../../fakes/settable-clock.ts";

/** A job of every ten minutes that does what `work` says at the moment. */
export function aJob(overrides: Partial<ScheduledJob> & { readonly schedule?: string } = {}) {
  const contexts: RunContext[] = [];
  const holder = { work: async (_context: RunContext): Promise<RunReport> => ({ summary: "done" }), contexts };
  const { schedule = "*/10 * * * *", jitterSeconds = 0 } = overrides;
  const job: ScheduledJob = {
    name: "job",
    description: "a job",
    scope: "authority",
    isEnabled: true,
    schedule,
    jitterSeconds,
    timing: { schedule: parseSchedule(schedule), jitterSeconds },
    run: (context) => {
      contexts.push(context);
      return holder.work(context);
    },
    ...overrides,
  };
  return { ...holder, job, set: (work: typeof holder.work) => Object.assign(holder, { work }), contexts };
}

/** Schedulers over the same runs, a wall clock that can jump, and one that only goes forward. */
export class Rig {
  readonly clock = new SettableClock("2026-01-02T03:04:05Z");
  readonly log = recordingLogger();
  readonly observed: string[] = [];
  readonly runs: JobRuns;
  #elapsed = 0;
  random = 0;

  constructor(runs: JobRuns = createMemoryRuns()) {
    this.runs = runs;
  }

  open(job: ScheduledJob, holder = "a") {
    return createScheduler({
      jobs: [job],
      runs: this.runs,
      clock: this.clock,
      elapsed: () => this.#elapsed,
      random: () => this.random,
      holder,
      observe: (name, outcome) => this.observed.push(`${name} ${outcome}`),
      logger: this.log.logger,
    });
  }

  /** Both clocks go on by so many seconds. */
  pass(seconds: number): void {
    this.clock.advance(seconds);
    this.#elapsed += seconds * 1000;
  }

  /** Seconds pass one by one, each with a look of every scheduler. */
  async live(seconds: number, ...schedulers: readonly { tick(): void }[]): Promise<void> {
    for (let second = 0; second < seconds; second += 1) {
      this.pass(1);
      for (const scheduler of schedulers) scheduler.tick();
      await settled();
    }
  }

  history(limit = 100) {
    return this.runs.find({ job: "job", limit, before: undefined });
  }
}

/** Everything that does not wait for time or disk has happened. */
export function settled(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}
