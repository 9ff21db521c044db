import type { JobPast, RunTrigger } from "../../domain/job.ts";
import type { Schedule } from "./schedule.ts";

/** The next run of a job, in milliseconds of the wall clock. */
export interface Plan {
  /** When the schedule says; jitter comes on top. */
  readonly slot: number;
  readonly dueAt: number;
  /** What the clock showed when this was planned: if it shows less, somebody has put it back. */
  readonly plannedAt: number;
  readonly trigger: Exclude<RunTrigger, "manual">;
}

export interface Timing {
  readonly schedule: Schedule;
  readonly jitterSeconds: number;
}

const FIRST_RETRY_MILLISECONDS = 30_000;
const LONGEST_RETRY_MILLISECONDS = 3_600_000;

/**
 * The run after the one of `from`, or of now when `from` lies ahead, as it does once the clock was put back. What is
 * behind comes once, not as often as it was missed.
 *
 * @param share - what part of the jitter to wait, from 0 to 1.
 */
export function planAfter(timing: Timing, from: Date, now: Date, share: number): Plan {
  const base = from > now ? now : from;
  const slot = timing.schedule.next(base).getTime();
  return { slot, dueAt: slot + jitter(timing, share), plannedAt: now.getTime(), trigger: "schedule" };
}

/** The first run of a process. What was missed while there was none is due now, once; so is what was interrupted. */
export function planAtStart(timing: Timing, { since, lastGoodStart, lease }: JobPast, now: Date, share: number): Plan {
  const plan = planAfter(timing, lastGoodStart ?? since ?? now, now, share);
  const isBehind = plan.slot <= now.getTime() || lease !== undefined;
  return isBehind ? { ...plan, dueAt: now.getTime() + jitter(timing, share), trigger: "missed" } : plan;
}

/** What becomes of a plan when the clock was put back: nothing is put off by that, and nothing is due twice. */
export function planByClock(plan: Plan, timing: Timing, now: Date, share: number): Plan {
  if (now.getTime() >= plan.plannedAt) return plan;
  const anew = planAfter(timing, now, now, share);
  return anew.dueAt < plan.dueAt ? anew : { ...plan, plannedAt: now.getTime() };
}

/** After `failures` failures in a row: sooner than the schedule says, if that is far away, and ever later. */
export function planRetry(plan: Plan, failures: number, now: Date): Plan {
  const pause = Math.min(FIRST_RETRY_MILLISECONDS * 2 ** (failures - 1), LONGEST_RETRY_MILLISECONDS);
  const retryAt = now.getTime() + pause;
  return retryAt < plan.dueAt ? { ...plan, dueAt: retryAt, trigger: "retry" } : plan;
}

function jitter({ jitterSeconds }: Timing, share: number): number {
  return Math.floor(jitterSeconds * 1000 * share);
}
