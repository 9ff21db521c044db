import type { CsrSpec } from "./certificate-signing-request.ts";
import type { CsrFacts } from "./csr-facts.ts";
import { profileViolation } from "./signer-profile.ts";

/** Source: kubernetes staging/src/k8s.io/api/certificates/v1/types.go. */
export const KUBELET_CLIENT_SIGNER = "kubernetes.io/kube-apiserver-client-kubelet";

/** The subresource of certificatesigningrequests a requester needs `create` on to be approved without a person. */
export type KubeletClientRule = "selfnodeclient" | "nodeclient";

/**
 * Which rules recognise the request, the narrower first: a node renewing its own client certificate, or anybody asking
 * for a node's. Empty when it is something else.
 *
 * Source: kubernetes pkg/controller/certificates/approver/sarapprove.go.
 */
export function recogniseKubeletClient(
  spec: Pick<CsrSpec, "signerName" | "usages" | "username">,
  facts: CsrFacts,
): readonly KubeletClientRule[] {
  if (spec.signerName !== KUBELET_CLIENT_SIGNER) return [];
  if (profileViolation(KUBELET_CLIENT_SIGNER, facts, spec.usages) !== undefined) return [];
  return spec.username === facts.subject.commonName ? ["selfnodeclient", "nodeclient"] : ["nodeclient"];
}
