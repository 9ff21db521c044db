import type { Verdict } from "../../domain/decision.ts";
import type { ApprovalHook } from "../../domain/ports.ts";
import { requestedNodeName } from "../../domain/requested-node.ts";
import { showName } from "../../domain/shown-name.ts";
import type { KnownPendingRequests } from "./pending-requests.ts";
import type { GuardSettings } from "./settings.ts";
import { NOTHING_TO_GUARD } from "./skipped.ts";

/**
 * Denies a new request that nobody decided at once when too many of its requester, or for its node, wait already. What
 * waits stays, what hooks decide is not touched, and what nodes ask for themselves is not held against what others ask
 * in their names.
 */
export function pendingLimits(
  pending: Pick<KnownPendingRequests, "has" | "countOfRequester" | "countOfNode">,
  { pendingPerRequester, pendingPerNode }: Pick<GuardSettings, "pendingPerRequester" | "pendingPerNode">,
): ApprovalHook {
  return {
    name: "pending-limits",
    review({ csr, facts }) {
      if (pending.has(csr.metadata.uid)) return NOTHING_TO_GUARD;
      const { username = "" } = csr.spec;
      const ofRequester = pending.countOfRequester(username);
      if (ofRequester >= pendingPerRequester)
        return tooMany(`of ${showName(username)}`, "pendingPerRequester", ofRequester);
      const node = requestedNodeName(facts);
      if (node === undefined || username === facts.subject.commonName) return NOTHING_TO_GUARD;
      const ofNode = pending.countOfNode(node);
      return ofNode >= pendingPerNode
        ? tooMany(`for node ${showName(node)}`, "pendingPerNode", ofNode)
        : NOTHING_TO_GUARD;
    },
  };
}

function tooMany(whose: string, limit: string, waiting: number): Verdict {
  const message = `too many requests ${whose} wait already (approval.guards.${limit}); decide or delete them first`;
  return { kind: "denied", reason: "TooManyPending", message, evidence: { limit, waiting } };
}
