import type { Goal } from "./goals.ts";
import { type Sample, sampleOf } from "./statistics.ts";

/** What a goal is judged on: its number in each round, or why there is none. */
export type Evidence =
  | { readonly kind: "measured"; readonly rounds: readonly number[]; readonly note?: string }
  | { readonly kind: "skipped"; readonly reason: string };

export interface Verdict {
  readonly goal: Goal;
  readonly verdict: "PASS" | "FAIL" | "SKIPPED";
  /** The goal's stretch value was reached too. */
  readonly isStretch: boolean;
  readonly sample: Sample | undefined;
  /** What it was held against: the required value, or the wide one. */
  readonly limit: number | undefined;
  /** Why it was skipped, or how to read the number. */
  readonly note: string;
}

export interface JudgingConditions {
  /** Hold goals to their wide margins: quick runs and shared CI machines. */
  readonly wide: boolean;
  /** Why this machine cannot be judged on right now; undefined when it can. */
  readonly refusal: string | undefined;
}

/**
 * Judges one goal by the median of its rounds. A machine that is busy or drifts can miss any goal without a regression,
 * so there the verdict is withheld, never turned into a failure.
 */
export function judge(goal: Goal, evidence: Evidence | undefined, conditions: JudgingConditions): Verdict {
  const withheld = { goal, verdict: "SKIPPED", isStretch: false, sample: undefined, limit: undefined } as const;
  if (evidence === undefined) return { ...withheld, note: "not asked for" };
  if (evidence.kind === "skipped") return { ...withheld, note: evidence.reason };
  const { rounds, note = "" } = evidence;
  if (rounds.length === 0 || rounds.some(Number.isNaN)) return { ...withheld, note: "no measurement" };
  const sample = sampleOf(rounds);
  const limit = conditions.wide ? goal.wide : goal.required;
  if (limit === undefined) return { ...withheld, sample, note: joined(note, "not judged with wide margins") };
  if (conditions.refusal !== undefined && goal.isRobust !== true) {
    return { ...withheld, sample, note: joined(note, conditions.refusal) };
  }
  const verdict = reaches(goal, sample.median, limit) ? "PASS" : "FAIL";
  return { goal, verdict, isStretch: reaches(goal, sample.median, goal.stretch), sample, limit, note };
}

function reaches({ direction }: Goal, value: number, limit: number): boolean {
  return direction === "atLeast" ? value >= limit : value <= limit;
}

function joined(...notes: readonly string[]): string {
  return notes.filter((note) => note !== "").join("; ");
}
