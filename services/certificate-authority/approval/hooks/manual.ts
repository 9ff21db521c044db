import type { Verdict } from "../../domain/decision.ts";
import type { ApprovalHook } from "../../domain/ports.ts";

/** The name under which people's decisions are recorded. */
export const MANUAL_HOOK = "manual";

const WAITS: Verdict = {
  kind: "noOpinion",
  reason: "WaitsForPerson",
  message: "waits for a person to approve or deny it",
  evidence: {},
};

/**
 * People decide through `/approval`, which settles a request without the chain; inside the chain this hook has no
 * opinion. Marked as required, it keeps every other hook from approving alone.
 */
export function manualHook(): ApprovalHook {
  return { name: MANUAL_HOOK, review: () => WAITS };
}
