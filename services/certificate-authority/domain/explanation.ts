import type { Outcome, TraceEntry, Verdict } from "./decision.ts";

/** One hook's verdict that would have to be another. */
export interface VerdictChange {
  readonly hook: string;
  readonly from: TraceEntry["kind"];
  /** Any of these would do. */
  readonly to: readonly Verdict["kind"][];
  /** How to get there, as the hook says it; never secrets. */
  readonly hint: string | undefined;
}

/** Verdicts that would, changed together, bring another outcome; fewer would not. */
export interface Flip {
  readonly outcome: Outcome;
  readonly changes: readonly VerdictChange[];
  /** At least one of the changed verdicts, or one of the hooks that are asked then, has to approve. */
  readonly needsApproval: boolean;
  /** A denial kept the hooks behind it from being asked: they are asked then, and decide with it. */
  readonly asksOn: boolean;
  /** The names of those, as far as the chain of now is known and has the hook that denied. */
  readonly asks: readonly string[];
  /** All of it in a sentence, without the hints. */
  readonly message: string;
}

/** A hook of the chain that decides now. */
export interface ChainMember {
  readonly name: string;
  readonly required: boolean;
}

/** What it would take for a decision to be another. */
export interface Explanation {
  readonly outcome: Outcome;
  /** The most useful first: what gets a request approved, then what gets it refused. */
  readonly flips: readonly Flip[];
}
