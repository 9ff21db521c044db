export interface BackOffOptions {
  /** The delay of the first retry, in milliseconds; each further one doubles it. */
  readonly baseMs: number;
  readonly maximumMs: number;
  /** How many retries a second all items together get, after `burst` at once. */
  readonly ratePerSecond: number;
  readonly burst: number;
}

/** How long to wait before an item is tried again. */
export interface BackOff {
  /** @param attempt - 0 for the first retry. @returns milliseconds, at most `maximumMs`. */
  delayMs(attempt: number, now: Date): number;
}

/**
 * Exponential per item, and a token bucket over all items that spreads a flood of retries out.
 *
 * Source: kubernetes staging/src/k8s.io/client-go/util/workqueue/default_rate_limiters.go.
 */
export function createBackOff({ baseMs, maximumMs, ratePerSecond, burst }: BackOffOptions): BackOff {
  let tokens = burst;
  let refilledAt = 0;

  function reserve(nowMs: number): number {
    const elapsedSeconds = Math.max(0, nowMs - refilledAt) / 1000;
    refilledAt = nowMs;
    // The debt is bounded, or a flood would delay what comes long after it.
    const lowest = -(maximumMs / 1000) * ratePerSecond;
    tokens = Math.max(lowest, Math.min(burst, tokens + elapsedSeconds * ratePerSecond) - 1);
    return tokens >= 0 ? 0 : (-tokens / ratePerSecond) * 1000;
  }

  return {
    delayMs(attempt, now) {
      const own = Math.min(maximumMs, baseMs * 2 ** Math.min(attempt, 40));
      return Math.min(maximumMs, Math.max(own, reserve(now.getTime())));
    },
  };
}
