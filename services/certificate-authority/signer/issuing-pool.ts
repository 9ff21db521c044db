import { Piscina } from "piscina";
import type { Logger } from "../../shared/logging.ts";
import { StatusError } from "../../shared/status-error.ts";
import type { SigningIssuer } from "./issuing-core.ts";
import type { IssuingJob, IssuingResult } from "./issuing-jobs.ts";

export interface IssuingPoolOptions {
  /** The worker's module: what `issuing-worker.ts` is. */
  readonly worker: URL;
  readonly workers: number;
  readonly issuer: SigningIssuer;
  readonly logger: Logger;
}

export interface IssuingPool {
  /**
   * Does a batch on one worker; answers in the order of the jobs.
   * @throws {StatusError} ServiceUnavailable when the worker died; another takes its place.
   */
  readonly run: (jobs: readonly IssuingJob[]) => Promise<readonly IssuingResult[]>;
  readonly close: () => Promise<void>;
}

/** The threads that issue. Each holds the issuer's key object, cloned: the key's bytes never pass through JavaScript. */
export function createIssuingPool({ worker, workers, issuer, logger }: IssuingPoolOptions): IssuingPool {
  const { certificateDer, privateKey } = issuer;
  const pool = new Piscina<readonly IssuingJob[], readonly IssuingResult[]>({
    filename: worker.href,
    minThreads: workers,
    maxThreads: workers,
    workerData: { certificateDer, privateKey } satisfies SigningIssuer,
  });
  // A worker that dies idle has nobody to tell; its successor is already starting.
  pool.on("error", (error: Error) => logger.error({ err: error }, "a signing worker failed"));
  return {
    async run(jobs) {
      try {
        return await pool.run(jobs);
      } catch (cause) {
        // Jobs themselves never throw in there, so this is the worker's end. Its work left no trace and may be repeated.
        const details = { retryAfterSeconds: 1 };
        throw new StatusError("ServiceUnavailable", "a signing worker failed; try again", { cause, details });
      }
    },
    close: () => pool.destroy(),
  };
}
