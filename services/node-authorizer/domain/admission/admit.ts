import { nodeNameOf } from "../../../shared/node-identity.ts";
import type { FeatureGates } from "../feature-gates.ts";
import type { AdmissionQuestion, AdmissionVerdict } from "../questions.ts";
import { textAt } from "../references/reading.ts";
import type { ClusterState } from "../state/cluster-state.ts";
import { admitCertificateRequest } from "./certificate-requests.ts";
import { admitClaim } from "./claims.ts";
import { admitCsiNode, admitLease, admitResourceSlice } from "./named-objects.ts";
import type { NodeWrite } from "./node-write.ts";
import { admitNode } from "./nodes.ts";
import { admitPodCertificateRequest } from "./pod-certificate-requests.ts";
import { admitPod } from "./pods.ts";
import { ALLOWED, forbidden } from "./refusals.ts";
import { admitServiceAccount } from "./service-accounts.ts";

type Rule = (write: NodeWrite) => AdmissionVerdict;

const RULES: ReadonlyMap<string, { readonly group: string; readonly admit: Rule }> = new Map([
  ["pods", { group: "", admit: admitPod }],
  ["nodes", { group: "", admit: admitNode }],
  ["persistentvolumeclaims", { group: "", admit: admitClaim }],
  ["serviceaccounts", { group: "", admit: admitServiceAccount }],
  ["leases", { group: "coordination.k8s.io", admit: admitLease }],
  ["csinodes", { group: "storage.k8s.io", admit: admitCsiNode }],
  ["resourceslices", { group: "resource.k8s.io", admit: admitResourceSlice }],
  ["certificatesigningrequests", { group: "certificates.k8s.io", admit: admitCertificateRequest }],
  ["podcertificaterequests", { group: "certificates.k8s.io", admit: admitPodCertificateRequest }],
]);

/**
 * Restricts what nodes write: authorization cannot see what is in an object, nor how a new one is called.
 *
 * Source: kubernetes plugin/pkg/admission/noderestriction/admission.go (Admit).
 */
export function createAdmit(
  state: ClusterState,
  gates: FeatureGates,
): (question: AdmissionQuestion) => AdmissionVerdict {
  return (question) => {
    const { user, operation, group, resource } = question;
    const nodeName = user && nodeNameOf(user);
    if (nodeName === undefined || operation === "CONNECT") return ALLOWED;
    if (nodeName === "") return forbidden("the user names no node, so nodes' writes cannot be told apart");
    const rule = RULES.get(resource);
    if (rule === undefined || rule.group !== group) return ALLOWED;
    return rule.admit({ nodeName, question, name: nameOf(question), state, gates });
  };
}

function nameOf({ name, operation, oldObject }: AdmissionQuestion): string {
  return name === "" && operation === "DELETE" ? textAt(oldObject, "metadata", "name") : name;
}
