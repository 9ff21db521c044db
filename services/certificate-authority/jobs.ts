import { Cron } from "croner";
import type { Logger } from "../shared/logging.ts";

export interface Job {
  readonly name: string;
  readonly intervalSeconds: number;
  readonly run: () => Promise<void>;
}

export interface RunningJobs {
  /** No job starts after this; one that runs is not waited for. */
  stop(): void;
}

/** Runs each job at its interval, never twice at a time; a failure is logged and the job runs again at its next time. */
export function startJobs(jobs: readonly Job[], logger: Logger): RunningJobs {
  const timers = jobs.map(({ name, intervalSeconds, run }) => {
    const failed = (error: unknown): void =>
      logger.error({ job: name, err: error }, "job failed; it runs again at its next time");
    return new Cron("* * * * * *", { name, interval: intervalSeconds, protect: true, unref: true, catch: failed }, run);
  });
  return {
    stop: () => {
      for (const timer of timers) timer.stop();
    },
  };
}
