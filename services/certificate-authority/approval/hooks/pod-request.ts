import { type ConfiguredSigners, keyViolations } from "../../domain/configured-signer.ts";
import type { Verdict } from "../../domain/decision.ts";
import { isPodRecord, USER_ANNOTATIONS_EXTRA } from "../../domain/pod-certificate.ts";
import type { ApprovalHook, ReviewInput } from "../../domain/ports.ts";
import { NOTHING_TO_GUARD } from "../guards/skipped.ts";

const SERVED: Verdict = {
  kind: "noOpinion",
  reason: "PodRequestServed",
  message: "its signer serves such keys, and it has no annotations that would mean nothing",
  evidence: {},
};

/**
 * Denies what a PodCertificateRequest asks in vain, with the reasons that kubelets and pods' authors know. It never approves.
 *
 * Source: kubernetes staging/src/k8s.io/api/certificates/v1beta1/types.go (PodCertificateRequestSpec: signers deny key
 * types that they do not support, and annotations that they do not know).
 */
export function podRequestHook(configured: ConfiguredSigners): ApprovalHook {
  return { name: "pod-request", review: (input) => judge(input, configured) };
}

function judge({ csr, facts }: ReviewInput, configured: ConfiguredSigners): Verdict {
  if (!isPodRecord(csr.metadata.name)) return NOTHING_TO_GUARD;
  const annotations = csr.spec.extra?.[USER_ANNOTATIONS_EXTRA] ?? [];
  if (annotations.length > 0) {
    const message = `the signer knows no annotations; the pod gives ${annotations.join(", ")}`;
    return { kind: "denied", reason: "InvalidUnverifiedUserAnnotations", message, evidence: { annotations } };
  }
  const signer = configured.get(csr.spec.signerName);
  const [violation] = signer === undefined ? [] : keyViolations(signer.keys, facts.key);
  if (violation === undefined) return SERVED;
  return { kind: "denied", reason: "UnsupportedKeyType", message: violation, evidence: { key: facts.key.algorithm } };
}
