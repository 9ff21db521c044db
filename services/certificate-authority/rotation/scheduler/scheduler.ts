import { randomBytes } from "node:crypto";
import { hostname } from "node:os";
import { setTimeout } from "node:timers/promises";
import { StatusError } from "../../../shared/status-error.ts";
import type { JobAdministration, JobRuns } from "../../domain/job.ts";
import type { ScheduledJob } from "./job.ts";
import { JobRunner, type JobRunnerDependencies } from "./job-runner.ts";
import { createMemoryRuns } from "./memory-runs.ts";

const TICK_MILLISECONDS = 1_000;
const STOP_MILLISECONDS = 5_000;

export interface SchedulerDependencies extends Pick<JobRunnerDependencies, "clock" | "observe" | "logger"> {
  readonly jobs: readonly ScheduledJob[];
  /** Of jobs that one process runs for all. */
  readonly runs: JobRuns;
  readonly elapsed?: () => number;
  readonly random?: () => number;
  readonly holder?: string;
}

export interface Scheduler {
  readonly administration: JobAdministration;
  /** Plans every job, and begins to run them as they come due. */
  start(): Promise<void>;
  /** Looks what is due; `start` has it called every second. */
  tick(): void;
  /** No job begins after this; those that run are told to end and given a few seconds. */
  stop(): Promise<void>;
}

/**
 * Runs jobs by the wall clock. It looks at the clock every second instead of sleeping until the next time, so that a
 * clock that jumps makes a job run once, neither again and again nor never.
 */
export function createScheduler(deps: SchedulerDependencies): Scheduler {
  const { jobs, runs, clock, logger, observe } = deps;
  const { elapsed = () => performance.now(), random = Math.random, holder = newHolder() } = deps;
  const own = createMemoryRuns();
  const shared = { holder, clock, elapsed, random, observe, logger };
  const runners = new Map(
    jobs.map((job) => [job.name, new JobRunner(job, { ...shared, runs: job.scope === "process" ? own : runs })]),
  );
  const runsOf = ({ job }: JobRunner): JobRuns => (job.scope === "process" ? own : runs);
  let timer: NodeJS.Timeout | undefined;

  async function register(): Promise<void> {
    const names = (scope: ScheduledJob["scope"]) => jobs.filter((job) => job.scope === scope).map(({ name }) => name);
    await own.register(names("process"), clock.now());
    try {
      await runs.register(names("authority"), clock.now());
    } catch (error) {
      // A full disk is no reason not to start; the first run registers its job.
      logger.error({ err: error }, "jobs could not be registered in the ledger");
    }
  }

  function tick(): void {
    for (const runner of runners.values()) runner.tick();
  }

  function runnerOf(name: string): JobRunner {
    const found = runners.get(name);
    if (found !== undefined) return found;
    const details = { kind: "jobs", name };
    throw new StatusError("NotFound", `there is no job ${name}; /v1/jobs lists them`, { details });
  }

  return {
    administration: {
      list: () => Promise.all([...runners.values()].map((runner) => runner.status())),
      runNow: async (name, wanted) => runnerOf(name).runNow(wanted),
      runs: async (name, page) => runsOf(runnerOf(name)).find({ job: name, ...page }),
      async run(name, id) {
        const found = await runsOf(runnerOf(name)).get(name, id);
        if (found !== undefined) return found;
        throw new StatusError("NotFound", `the job ${name} has no run ${id}, or it is too long ago`);
      },
    },
    async start() {
      await register();
      for (const runner of runners.values()) runner.start();
      timer = setInterval(tick, TICK_MILLISECONDS).unref();
    },
    tick,
    async stop() {
      clearInterval(timer);
      const impatience = new AbortController();
      const patience = setTimeout(STOP_MILLISECONDS, undefined, { signal: impatience.signal }).catch(() => undefined);
      await Promise.all([...runners.values()].map((runner) => runner.stop(patience)));
      impatience.abort();
    },
  };
}

/** Of this process, also among those that had its number before. */
function newHolder(): string {
  return `${hostname()}/${process.pid}/${randomBytes(4).toString("hex")}`;
}
