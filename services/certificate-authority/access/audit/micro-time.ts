import type { Clock } from "../../../shared/clock.ts";

/** The monotonic clock and the calendar may drift this far apart before they are put together again. */
const MAX_DRIFT_MILLISECONDS = 2;

/** Instants in microseconds, as Kubernetes' MicroTime writes them: `2026-01-02T03:04:05.123456Z`. */
export interface MicroClock {
  /** Microseconds since 1970. */
  now(): number;
  /** @param microseconds - since 1970. */
  format(microseconds: number): string;
}

/** @param monotonic - milliseconds with a fraction, never going back. */
export function createMicroClock(clock: Clock, monotonic: () => number = () => performance.now()): MicroClock {
  let offset = Number.NaN;
  let second = Number.NaN;
  let prefix = "";
  return {
    now() {
      const elapsed = monotonic();
      const calendar = clock.now().getTime();
      const drift = Math.abs(offset + elapsed - calendar);
      if (!(drift <= MAX_DRIFT_MILLISECONDS)) offset = calendar - elapsed;
      return Math.floor((offset + elapsed) * 1000);
    },
    format(microseconds) {
      const wholeSeconds = Math.floor(microseconds / 1e6);
      if (wholeSeconds !== second) {
        second = wholeSeconds;
        prefix = new Date(wholeSeconds * 1000).toISOString().slice(0, 20);
      }
      return `${prefix}${String(microseconds - wholeSeconds * 1e6).padStart(6, "0")}Z`;
    },
  };
}
