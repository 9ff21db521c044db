import { Worker } from "node:worker_threads";
import type { Logger } from "../../shared/logging.ts";
import { StatusError } from "../../shared/status-error.ts";
import type { LocalIssuer } from "./issuing-core.ts";
import type { IssuingJob, IssuingMessage, IssuingResult, IssuingWorkerData } from "./issuing-jobs.ts";

export interface IssuingPoolOptions {
  /** The worker's module: what `issuing-worker.ts` is. */
  readonly worker: URL;
  readonly workers: number;
  readonly issuers: readonly LocalIssuer[];
  /** Whether requests with ML-DSA keys are decoded; they are refused without it. */
  readonly acceptsMlDsa?: boolean | undefined;
  readonly logger: Logger;
}

export interface IssuingPool {
  /**
   * Does a batch on one worker; answers in the order of the jobs.
   * @throws {StatusError} ServiceUnavailable when the worker died; another takes its place.
   */
  readonly run: (jobs: readonly IssuingJob[]) => Promise<readonly IssuingResult[]>;
  /** Goes on with these issuers: batches that are handed to `run` from now on know them and no others. */
  readonly changeIssuers: (issuers: readonly LocalIssuer[]) => void;
  readonly close: () => Promise<void>;
}

const RESTART_MILLISECONDS = 100;

interface Batch {
  readonly jobs: readonly IssuingJob[];
  readonly resolve: (results: readonly IssuingResult[]) => void;
  readonly reject: (error: Error) => void;
}

/** One thread; does one batch at a time. */
interface Lane {
  worker: Worker;
  batch: Batch | undefined;
}

/**
 * The threads that issue. Each holds the issuers' key objects, cloned: the keys' bytes never pass through JavaScript.
 * A batch is one message there and one back.
 */
export function createIssuingPool(options: IssuingPoolOptions): IssuingPool {
  const { worker: file, workers, logger, acceptsMlDsa = false } = options;
  let workerData: IssuingWorkerData = { issuers: plainIssuers(options.issuers), acceptsMlDsa };
  const idle: Lane[] = [];
  const waiting: Batch[] = [];
  let isClosed = false;

  function startIn(lane: Lane): void {
    const { worker } = lane;
    worker.on("message", (results: readonly IssuingResult[]) => {
      lane.batch?.resolve(results);
      rest(lane);
    });
    // A worker that dies idle has nobody to tell; its successor is already starting.
    worker.on("error", (error) => logger.error({ err: error }, "a signing worker failed"));
    worker.once("exit", (code) => {
      if (isClosed) return;
      lane.batch?.reject(workerFailed(code));
      const place = idle.indexOf(lane);
      if (place >= 0) idle.splice(place, 1);
      // A pause, so that a module which cannot even start does not keep a core busy.
      setTimeout(() => restart(lane), RESTART_MILLISECONDS);
    });
  }

  function restart(lane: Lane): void {
    if (isClosed) return;
    lane.worker = new Worker(file, { workerData });
    startIn(lane);
    rest(lane);
  }

  function rest(lane: Lane): void {
    lane.batch = undefined;
    const next = waiting.shift();
    if (next === undefined) idle.push(lane);
    else give(lane, next);
  }

  function give(lane: Lane, batch: Batch): void {
    lane.batch = batch;
    lane.worker.postMessage(batch.jobs satisfies IssuingMessage);
  }

  const lanes = Array.from(
    { length: workers },
    (): Lane => ({ worker: new Worker(file, { workerData }), batch: undefined }),
  );
  for (const lane of lanes) {
    startIn(lane);
    idle.push(lane);
  }

  return {
    run: (jobs) =>
      new Promise((resolve, reject) => {
        const lane = idle.pop();
        if (lane === undefined) waiting.push({ jobs, resolve, reject });
        else give(lane, { jobs, resolve, reject });
      }),
    changeIssuers(next) {
      const issuers = plainIssuers(next);
      workerData = { issuers, acceptsMlDsa };
      for (const { worker } of lanes) worker.postMessage({ issuers } satisfies IssuingMessage);
    },
    async close() {
      isClosed = true;
      await Promise.all(lanes.map(({ worker }) => worker.terminate()));
    },
  };
}

/** Nothing but what a worker needs, whatever else the objects have. */
function plainIssuers(issuers: readonly LocalIssuer[]): readonly LocalIssuer[] {
  return issuers.map(({ certificateDer, privateKey, pointers }) => ({ certificateDer, privateKey, pointers }));
}

/** Jobs themselves never throw in there, so this is the worker's end. Its work left no trace and may be repeated. */
function workerFailed(code: number): StatusError {
  const details = { retryAfterSeconds: 1 };
  return new StatusError("ServiceUnavailable", "a signing worker failed; try again", {
    cause: new Error(`worker thread exited with code ${code}`),
    details,
  });
}
