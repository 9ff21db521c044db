import { createCollector } from "../../shared/collector.ts";
import { StatusError } from "../../shared/status-error.ts";

export interface BatchQueueOptions<Job, Result> {
  /** How many batches may be in flight at once: one for each worker. */
  readonly lanes: number;
  /** More jobs than this wait for another batch, so that no lane works long while others idle. */
  readonly maxBatch: number;
  /** Jobs that may wait; one more is refused. */
  readonly maxWaiting: number;
  /** Does the jobs and answers them in order. A rejection fails the whole batch. */
  readonly run: (jobs: readonly Job[]) => Promise<readonly Result[]>;
}

export interface BatchQueue<Job, Result> {
  /** @throws {StatusError} TooManyRequests when the queue is full; whatever `run` rejects with. */
  submit(job: Job): Promise<Result>;
  /** Resolves when everything submitted so far was answered. */
  drain(): Promise<void>;
}

interface Waiting<Job, Result> {
  readonly job: Job;
  readonly resolve: (result: Result) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Batches that clock themselves: the jobs of a few turns of the event loop go to an idle lane together; while all are
 * busy jobs collect, and the next free lane takes its share of them.
 */
export function createBatchQueue<Job, Result>(options: BatchQueueOptions<Job, Result>): BatchQueue<Job, Result> {
  const waiting: Waiting<Job, Result>[] = [];
  const drained: (() => void)[] = [];
  let inFlight = 0;
  const collector = createCollector(() => waiting.length >= options.maxBatch, dispatch);

  function submit(job: Job): Promise<Result> {
    if (waiting.length >= options.maxWaiting) {
      const details = { retryAfterSeconds: 1 };
      return Promise.reject(new StatusError("TooManyRequests", "too many certificates are being signed", { details }));
    }
    return new Promise((resolve, reject) => {
      waiting.push({ job, resolve, reject });
      schedule();
    });
  }

  function schedule(): void {
    if (inFlight < options.lanes) collector.start();
  }

  function dispatch(): number {
    const before = waiting.length;
    while (waiting.length > 0 && inFlight < options.lanes) void send();
    return before - waiting.length;
  }

  async function send(): Promise<void> {
    const share = Math.ceil(waiting.length / (options.lanes - inFlight));
    const batch = waiting.splice(0, Math.min(share, options.maxBatch));
    inFlight += 1;
    try {
      const results = await options.run(batch.map(({ job }) => job));
      batch.forEach(({ resolve, reject }, index) => {
        const result = results[index];
        if (result === undefined) reject(new StatusError("InternalError", "a job was not answered"));
        else resolve(result);
      });
    } catch (error) {
      for (const { reject } of batch) reject(error);
    } finally {
      inFlight -= 1;
      if (waiting.length > 0) schedule();
      else if (inFlight === 0) for (const resolve of drained.splice(0)) resolve();
    }
  }

  function drain(): Promise<void> {
    if (inFlight === 0 && waiting.length === 0) return Promise.resolve();
    return new Promise((resolve) => void drained.push(resolve));
  }

  return { submit, drain };
}
