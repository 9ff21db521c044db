import { toKubernetesTime } from "../../../shared/kubernetes/object-meta.ts";
import type { ApprovalHook, Certificates } from "../../domain/ports.ts";
import { requestedNodeName } from "../../domain/requested-node.ts";
import { showName } from "../../domain/shown-name.ts";
import { NOTHING_TO_GUARD } from "./skipped.ts";

const HOUR_MILLISECONDS = 3_600_000;

/**
 * Holds a request back while its node was given too many certificates of that signer within an hour, by itself or by
 * others: each has its own count, so that nobody uses up what the node needs for itself. It is decided as usual when the
 * hour has passed; a person may approve it before.
 */
export function certificateRateGuard(certificates: Pick<Certificates, "ofNode">, perHour: number): ApprovalHook {
  return {
    name: "certificate-rate",
    review({ csr, facts, now }) {
      const node = requestedNodeName(facts);
      if (node === undefined) return NOTHING_TO_GUARD;
      const { signerName, username = "" } = csr.spec;
      const { commonName } = facts.subject;
      const isOwn = username === commonName;
      const since = now.getTime() - HOUR_MILLISECONDS;
      const recent = certificates
        .ofNode(node, signerName)
        .filter(({ issuedAt, requester }) => issuedAt.getTime() > since && (requester === commonName) === isOwn);
      const first = recent[perHour - 1];
      if (first === undefined) return NOTHING_TO_GUARD;
      const until = toKubernetesTime(new Date(first.issuedAt.getTime() + HOUR_MILLISECONDS));
      const message = `node ${showName(node)} was given ${perHour} certificates of this signer within an hour; waits until ${until}, or for a person`;
      return { kind: "noOpinion", reason: "TooManyCertificates", message, evidence: { perHour, until } };
    },
  };
}
