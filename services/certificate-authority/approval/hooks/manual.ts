import { conditionOf, QUORUM_PENDING } from "../../domain/certificate-signing-request.ts";
import type { Verdict } from "../../domain/decision.ts";
import type { ApprovalHook } from "../../domain/ports.ts";

/** The name under which people's decisions are recorded. */
export const MANUAL_HOOK = "manual";

/**
 * People decide through `/approval`, which settles a request without the chain; inside the chain this hook has no
 * opinion. Marked as required, it keeps every other hook from approving alone.
 *
 * @param quorum - how many people it takes.
 */
export function manualHook(quorum = 1): ApprovalHook {
  const waits: Verdict = {
    kind: "noOpinion",
    reason: quorum === 1 ? "WaitsForPerson" : "WaitsForPeople",
    message: `waits for ${quorum === 1 ? "a person" : `${quorum} people`} to approve it, or one to deny it`,
    evidence: quorum === 1 ? {} : { quorum },
  };
  return {
    name: MANUAL_HOOK,
    review({ csr }) {
      const progress = quorum === 1 ? undefined : conditionOf(csr, QUORUM_PENDING)?.message;
      return progress === undefined ? waits : { ...waits, message: progress };
    },
  };
}
