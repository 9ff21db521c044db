import type { Decision, TraceEntry } from "../domain/decision.ts";

/**
 * What the verdicts come to: any denial wins; an approval needs every required hook to approve and at least one
 * approval in all; anything else leaves the request pending. Silence is never consent.
 *
 * @param trace - the verdicts in the order the hooks were asked; the first denial, or the first approval, gives the
 *   decision its reason.
 */
export function arbitrate(trace: readonly TraceEntry[]): Decision {
  const denial = trace.find(({ kind }) => kind === "denied");
  if (denial) return settled("denied", denial, trace);
  const missing = trace.filter(({ required, kind }) => required && kind !== "approved");
  const approval = trace.find(({ kind }) => kind === "approved");
  if (approval && missing.length === 0) return settled("approved", approval, trace);
  const message =
    missing.length > 0
      ? `waits for approval by ${missing.map(({ hook }) => hook).join(", ")}`
      : "no hook approved the request; it waits for a person";
  return { outcome: "pending", hook: undefined, reason: "Pending", message, trace };
}

function settled(outcome: "approved" | "denied", entry: TraceEntry, trace: readonly TraceEntry[]): Decision {
  return { outcome, hook: entry.hook, reason: entry.reason, message: entry.message, trace };
}
