import type { Decision, TraceEntry } from "../domain/decision.ts";

/** The reason of a decision that waits because a hook could not evaluate. */
const HOOK_FAILED = "HookFailed";

/**
 * What the verdicts come to: any denial wins; an approval needs every required hook to approve, no hook to have failed,
 * and at least one approval in all; anything else leaves the request pending. Silence is never consent. Hooks that
 * skipped the request do not count.
 *
 * @param trace - the verdicts in the order the hooks were asked; the first denial, or the first approval, gives the
 *   decision its reason.
 */
export function arbitrate(trace: readonly TraceEntry[]): Decision {
  const denial = trace.find(({ kind }) => kind === "denied");
  if (denial) return settled("denied", denial, trace);
  const failures = trace.filter(({ kind }) => kind === "failed");
  if (failures.length > 0) {
    const message = `could not ask ${namesOf(failures)}; asked again soon`;
    return { outcome: "pending", hook: undefined, reason: HOOK_FAILED, message, trace };
  }
  const missing = trace.filter(({ required, kind }) => required && kind === "noOpinion");
  const approval = trace.find(({ kind }) => kind === "approved");
  if (approval && missing.length === 0) return settled("approved", approval, trace);
  const message =
    missing.length > 0
      ? `waits for approval by ${namesOf(missing)}`
      : "no hook approved the request; it waits for a person";
  return { outcome: "pending", hook: undefined, reason: "Pending", message, trace };
}

/** Whether the chain has to be asked again because a hook could not evaluate. */
export function isIncomplete({ outcome, reason }: Pick<Decision, "outcome" | "reason">): boolean {
  return outcome === "pending" && reason === HOOK_FAILED;
}

function namesOf(entries: readonly TraceEntry[]): string {
  return entries.map(({ hook }) => hook).join(", ");
}

function settled(outcome: "approved" | "denied", entry: TraceEntry, trace: readonly TraceEntry[]): Decision {
  return { outcome, hook: entry.hook, reason: entry.reason, message: entry.message, trace };
}
