import { BOUND_NODE_EXTRA } from "../../../shared/user-info.ts";
import { boundNodeViolation } from "../../domain/admission.ts";
import type { Verdict } from "../../domain/decision.ts";
import type { ApprovalHook, ReviewInput } from "../../domain/ports.ts";

const NOT_BOUND: Verdict = {
  kind: "noOpinion",
  reason: "NotBound",
  message: "the requester's credential is not bound to a node",
  evidence: {},
};

/** Denies what a bootstrap token that is bound to one node asks for another name or signer. It never approves. */
export function bootstrapTokenHook(): ApprovalHook {
  return { name: "bootstrap-token", review: judge };
}

function judge({ csr, facts }: ReviewInput): Verdict {
  const boundTo = csr.spec.extra?.[BOUND_NODE_EXTRA];
  if (boundTo === undefined) return NOT_BOUND;
  const evidence = { boundTo, commonName: facts.subject.commonName, signerName: csr.spec.signerName };
  const message = boundNodeViolation(csr.spec, facts);
  if (message !== undefined) {
    const hint = `ask for the client certificate of node ${boundTo.join(", ")}, or with a token that is not bound to it`;
    return { kind: "denied", reason: "BoundToAnotherNode", message, evidence: { ...evidence, hint } };
  }
  return { kind: "noOpinion", reason: "NodeMatches", message: "the bootstrap token is for this node", evidence };
}
