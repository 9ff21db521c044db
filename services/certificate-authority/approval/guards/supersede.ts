import type { ApprovalHook } from "../../domain/ports.ts";
import { showName } from "../../domain/shown-name.ts";
import type { KnownPendingRequests } from "./pending-requests.ts";
import { NOTHING_TO_GUARD } from "./skipped.ts";

/**
 * Denies a request that waits when the same requester has asked again for the same node and signer. A kubelet throws the
 * key of an attempt away after 15 minutes and makes another request, so that a certificate for the older one is of no use
 * to anybody, and whoever approves by hand would meet every attempt of every node.
 *
 * Source: kubernetes staging/src/k8s.io/client-go/util/certificate/certificate_manager.go (rotateCerts).
 */
export function supersedeGuard(pending: Pick<KnownPendingRequests, "newerThan">): ApprovalHook {
  return {
    name: "supersede",
    review({ csr }) {
      const newer = pending.newerThan(csr.metadata.uid);
      if (newer === undefined) return NOTHING_TO_GUARD;
      const message = `the requester asked again for the same node and signer: ${showName(newer)} takes its place`;
      return { kind: "denied", reason: "Superseded", message, evidence: { supersededBy: newer } };
    },
  };
}
