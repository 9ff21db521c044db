import { setTimeout as pause } from "node:timers/promises";

/** How much may be sent ahead of its time after a rest. */
const BURST_SECONDS = 1;

/** Spreads requests out, so that nobody else waits for the API server because of us. */
export interface Pacer {
  /** Resolves when it is the caller's turn. @throws the signal's reason when the caller does not wait any more. */
  turn(signal?: AbortSignal): Promise<void>;
  /** Nobody has a turn before then, in milliseconds of `performance.now()`: the API server said so. */
  holdUntil(milliseconds: number): void;
}

/** @param perSecond - how many turns there are in a second, after a burst of as many. */
export function createPacer(perSecond: number): Pacer {
  const spacing = 1000 / perSecond;
  let next = 0;
  let heldUntil = 0;
  return {
    async turn(signal) {
      const now = performance.now();
      next = Math.max(next, now - BURST_SECONDS * 1000) + spacing;
      const waits = Math.max(next, heldUntil) - now;
      if (waits >= 1) await pause(waits, undefined, { ref: false, signal }).catch(() => signal?.throwIfAborted());
    },
    holdUntil(milliseconds) {
      heldUntil = Math.max(heldUntil, milliseconds);
    },
  };
}
