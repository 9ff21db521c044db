import { NODE_USER_PREFIX, nodeNameOf } from "../../shared/node-identity.ts";
import { BOUND_NODE_EXTRA, type UserInfo } from "../../shared/user-info.ts";
import { ATTESTED_USER_PREFIX } from "./attestation.ts";
import { type AccessAttributes, ADMINISTRATORS_GROUP } from "./authorization.ts";
import { CSR_GROUP, type CsrSpec } from "./certificate-signing-request.ts";
import type { CsrFacts } from "./csr-facts.ts";
import { KUBELET_CLIENT_SIGNER } from "./kubelet-client.ts";
import { permissionNamesOf } from "./signer-name.ts";

const CLIENT_SIGNER = "kubernetes.io/kube-apiserver-client";
const KUBELET_SIGNERS = [KUBELET_CLIENT_SIGNER, "kubernetes.io/kubelet-serving"];
/** Groups with every right, in a cluster and here: nobody gets a certificate for one by asking. */
const ALL_POWERFUL_GROUPS = ["system:masters", ADMINISTRATORS_GROUP];

/**
 * Why this requester may not create this request, or undefined when nothing speaks against it. Kubernetes refuses
 * `system:masters` alone; our own administrators, and the users that attestation makes, are refused for the same reason.
 *
 * Source: kubernetes plugin/pkg/admission/certificates/subjectrestriction/admission.go and
 * plugin/pkg/admission/noderestriction/admission.go.
 */
export function creationRefusal(requester: UserInfo, signerName: string, facts: CsrFacts): string | undefined {
  const powerful = ALL_POWERFUL_GROUPS.find((group) => facts.subject.organization.includes(group));
  if (signerName === CLIENT_SIGNER && powerful !== undefined) {
    return `signer ${CLIENT_SIGNER} issues no certificate for group ${powerful}`;
  }
  if (signerName === CLIENT_SIGNER && facts.subject.commonName.startsWith(ATTESTED_USER_PREFIX)) {
    return `signer ${CLIENT_SIGNER} issues no certificate for users that only attestation makes, ${ATTESTED_USER_PREFIX}…`;
  }
  const node = nodeNameOf(requester);
  if (node === undefined || !KUBELET_SIGNERS.includes(signerName)) return undefined;
  if (facts.subject.commonName === NODE_USER_PREFIX + node) return undefined;
  return `node ${JSON.stringify(node)} may ask for its own certificates only`;
}

/**
 * Why the bootstrap token this request came with does not cover it: a token bound to one node gives a kubelet client
 * certificate for exactly that node. Undefined when the token is free or there is none.
 */
export function boundNodeViolation(
  spec: Pick<CsrSpec, "signerName" | "extra">,
  facts: Pick<CsrFacts, "subject">,
): string | undefined {
  const bound = spec.extra?.[BOUND_NODE_EXTRA];
  if (bound === undefined) return undefined;
  const [node, ...others] = bound;
  if (!node || others.length > 0) return "the bootstrap token is bound to no single node";
  if (spec.signerName !== KUBELET_CLIENT_SIGNER) {
    return `the bootstrap token is for node ${JSON.stringify(node)} and signer ${KUBELET_CLIENT_SIGNER} only`;
  }
  if (facts.subject.commonName === NODE_USER_PREFIX + node) return undefined;
  return `the bootstrap token is for node ${JSON.stringify(node)}, the request is for another name`;
}

/**
 * What to ask the authorizer, in turn, before `verb` on a signer's requests: the signer itself, then its whole domain.
 *
 * Source: kubernetes pkg/certauthorization/certauthorization.go.
 */
export function signerAccess(verb: "approve" | "sign", signerName: string): readonly AccessAttributes[] {
  return permissionNamesOf(signerName).map((name) => ({
    kind: "resource",
    verb,
    group: CSR_GROUP,
    version: "*",
    resource: "signers",
    name,
  }));
}
