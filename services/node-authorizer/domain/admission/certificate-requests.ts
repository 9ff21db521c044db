import { NODE_USER_PREFIX } from "../../../shared/node-identity.ts";
import type { AdmissionVerdict } from "../questions.ts";
import { textAt } from "../references/reading.ts";
import { commonNameOf } from "./csr-common-name.ts";
import type { NodeWrite } from "./node-write.ts";
import { ALLOWED, forbidden } from "./refusals.ts";

const NODE_SIGNERS: ReadonlySet<string> = new Set([
  "kubernetes.io/kubelet-serving",
  "kubernetes.io/kube-apiserver-client-kubelet",
]);

/** Nodes request node certificates for themselves only; what else is in the request is the signer's business. */
export function admitCertificateRequest({ nodeName, question, gates }: NodeWrite): AdmissionVerdict {
  if (gates.AllowInsecureKubeletCertificateSigningRequests || question.operation !== "CREATE") return ALLOWED;
  if (!NODE_SIGNERS.has(textAt(question.object, "spec", "signerName"))) return ALLOWED;
  const commonName = commonNameOf(textAt(question.object, "spec", "request"));
  const expected = `${NODE_USER_PREFIX}${nodeName}`;
  if (commonName === expected) return ALLOWED;
  const problem = commonName === undefined ? "spec.request cannot be read" : "the request has another subject";
  return forbidden(`${problem}: a node can only request certificates with CN=${expected}`);
}
