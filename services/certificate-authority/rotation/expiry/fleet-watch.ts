import type { Clock } from "../../../shared/clock.ts";
import type { ExpiryRecords } from "../../domain/expiry-records.ts";
import type { FleetColumns } from "../../domain/fleet.ts";

const DAY_MILLISECONDS = 86_400_000;
/** Of a fleet whose scan takes long, what was seen may be so many scans old: they are to take a tenth of a disk's time. */
const SCANS_APART = 10;

export interface FleetWatchOptions {
  readonly records: Pick<ExpiryRecords, "scan">;
  readonly clock: Clock;
  /** Whoever's newest certificate ended longer ago is taken for gone. */
  readonly forgetAfterDays: number;
  /** Milliseconds of a clock that never goes back. */
  readonly monotonicNow?: () => number;
}

/** The fleet as it was seen last. */
export interface FleetWatch {
  /** Looks again. Whoever asks meanwhile gets the same answer. */
  refresh(): Promise<FleetColumns>;
  /** What was seen, looking again when that is too long ago: longer, where a look takes long. */
  seen(maximumAgeSeconds: number): Promise<FleetColumns>;
  /** What was seen last, however long ago; undefined before the first look. */
  latest(): FleetColumns | undefined;
}

/** Keeps what a scan of the ledger found, so that questions about the fleet cost no scan each. */
export function createFleetWatch({
  records,
  clock,
  forgetAfterDays,
  monotonicNow = () => performance.now(),
}: FleetWatchOptions): FleetWatch {
  let latest: FleetColumns | undefined;
  let seenAt = Number.NEGATIVE_INFINITY;
  let tookMilliseconds = 0;
  let looking: Promise<FleetColumns> | undefined;

  async function look(): Promise<FleetColumns> {
    const startedAt = monotonicNow();
    try {
      latest = await records.scan(new Date(clock.now().getTime() - forgetAfterDays * DAY_MILLISECONDS));
      seenAt = startedAt;
      tookMilliseconds = monotonicNow() - startedAt;
      return latest;
    } finally {
      looking = undefined;
    }
  }

  function refresh(): Promise<FleetColumns> {
    looking ??= look();
    return looking;
  }

  return {
    refresh,
    async seen(maximumAgeSeconds) {
      const maximumAge = Math.max(maximumAgeSeconds * 1000, SCANS_APART * tookMilliseconds);
      return latest !== undefined && monotonicNow() - seenAt <= maximumAge ? latest : refresh();
    },
    latest: () => latest,
  };
}
