import { setTimeout as sleep } from "node:timers/promises";
import { busyShare, type CoreTimes, coreTimes } from "./process-accounts.ts";
import { drift } from "./statistics.ts";

const OBSERVATION_MILLISECONDS = 1_000;
/** Others may use this much of the machine's cores before numbers are not worth judging. */
const TOLERATED_BUSY_SHARE = 0.15;
/** F is the same work in every round; when its cost changes by more, the machine changed, not the program. */
const TOLERATED_FLOOR_DRIFT = 0.3;

/** How much of the machine others use while the benchmark does nothing, 0 to 1; undefined where nobody says. */
export async function shareUsedByOthers(): Promise<number | undefined> {
  const before = timesIfKnown();
  await sleep(OBSERVATION_MILLISECONDS);
  const after = timesIfKnown();
  return before && after && busyShare(before, after);
}

/** Why this machine cannot be judged on; undefined when it can. */
export function refusalToJudge(busy: number | undefined, floor: readonly number[]): string | undefined {
  if (busy !== undefined && busy > TOLERATED_BUSY_SHARE) {
    return `not judged: others used ${Math.round(busy * 100)} % of the machine at the start`;
  }
  const floorDrift = drift(floor);
  if (floorDrift <= TOLERATED_FLOOR_DRIFT) return undefined;
  return `not judged: F drifted by ${Math.round(floorDrift * 100)} % between rounds`;
}

function timesIfKnown(): CoreTimes | undefined {
  try {
    return coreTimes();
  } catch {
    return undefined;
  }
}
