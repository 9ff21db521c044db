import type { Verdict } from "../../domain/decision.ts";

/** The answer of a guard that nothing stands out to; no part of the trace. */
export const NOTHING_TO_GUARD: Verdict = {
  kind: "skipped",
  reason: "NothingToGuard",
  message: "nothing stands out",
  evidence: {},
};
