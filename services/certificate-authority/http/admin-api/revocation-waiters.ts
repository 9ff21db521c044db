import type { ServerResponse } from "node:http";
import { StatusError } from "../../../shared/status-error.ts";
import type { Revocations } from "../../domain/revocation.ts";

/** How many callers may wait at a time: a few for each kube-apiserver. */
const MAXIMUM_WAITERS = 1_000;

/** Callers who wait for the next revocation. */
export interface RevocationWaiters {
  /**
   * Resolves when something came after `sequence`, after so many seconds, or when the caller has gone.
   * @throws {StatusError} TooManyRequests when too many wait.
   */
  wait(sequence: number, seconds: number, response: ServerResponse): Promise<void>;
  /** Lets everybody go, and nobody wait any more. */
  close(): void;
}

export function createRevocationWaiters(revocations: Pick<Revocations, "head" | "onChange">): RevocationWaiters {
  const waiting = new Set<() => void>();
  let isClosed = false;
  const releaseAll = (): void => {
    for (const release of [...waiting]) release();
  };
  const stopListening = revocations.onChange(releaseAll);
  return {
    async wait(sequence, seconds, response) {
      if (isClosed || revocations.head() > sequence) return;
      if (waiting.size >= MAXIMUM_WAITERS) {
        const details = { retryAfterSeconds: 1 };
        throw new StatusError("TooManyRequests", "too many callers wait for revocations; try again later", { details });
      }
      await new Promise<void>((resolve) => {
        const release = (): void => {
          clearTimeout(timer);
          waiting.delete(release);
          response.off("close", release);
          resolve();
        };
        const timer = setTimeout(release, seconds * 1000);
        waiting.add(release);
        response.on("close", release);
      });
    },
    close() {
      isClosed = true;
      stopListening();
      releaseAll();
    },
  };
}
