export interface CircuitBreakerOptions {
  /** So many failures in a row open it. */
  readonly failures: number;
  readonly openSeconds: number;
  /** Milliseconds of a clock that never goes back. */
  readonly monotonicNow: () => number;
  readonly onChange?: (state: "open" | "closed") => void;
  /** Whether what the work threw counts; everything does when absent. */
  readonly isFailure?: (error: unknown) => boolean;
}

export interface CircuitBreaker {
  /**
   * Does the work, unless the breaker is open: then nothing is done until the time is over; after that one piece of work
   * is tried, and only when it succeeds are others let through again.
   *
   * @throws {Error} the same one while it is open, or what the work threw.
   */
  run<T>(work: () => Promise<T>): Promise<T>;
}

/** Keeps us from asking somebody again and again who does not answer. It never answers itself. */
export function createCircuitBreaker({
  failures,
  openSeconds,
  monotonicNow,
  onChange,
  isFailure = () => true,
}: CircuitBreakerOptions): CircuitBreaker {
  let failed = 0;
  let openUntil: number | undefined;
  let isTrying = false;

  function succeeded(): void {
    failed = 0;
    if (openUntil === undefined) return;
    openUntil = undefined;
    onChange?.("closed");
  }

  function didFail(): void {
    failed += 1;
    if (failed < failures) return;
    const isNew = openUntil === undefined;
    openUntil = monotonicNow() + openSeconds * 1000;
    if (isNew) onChange?.("open");
  }

  return {
    async run(work) {
      const isTrial = openUntil !== undefined;
      if (isTrial && (isTrying || monotonicNow() < (openUntil ?? 0)))
        throw new Error(`not asked for up to ${openSeconds} s, since it failed ${failures} times in a row`);
      isTrying = isTrial;
      try {
        const result = await work();
        succeeded();
        return result;
      } catch (error) {
        if (isFailure(error)) didFail();
        throw error;
      } finally {
        if (isTrial) isTrying = false;
      }
    },
  };
}
