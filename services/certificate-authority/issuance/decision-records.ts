import { KEY_POLICY_HOOK, NAMES_HOOK, PROFILE_HOOK, REVOCATION_HOOK } from "../domain/after-chain.ts";
import type { CertificateSigningRequest } from "../domain/certificate-signing-request.ts";
import type { Decision, DecisionRecord, TraceEntry } from "../domain/decision.ts";
import type { KeyViolation } from "../domain/key-policy.ts";
import type { RevocationViolation } from "../domain/revocation.ts";

/** Who decides where no person does. */
export const OURSELVES = "gatehouse";

const NAMES_FAILURE = "NameConstraintViolation";

/** The reason of the Failed condition. Source: kubernetes pkg/controller/certificates/signer/signer.go. */
const PROFILE_FAILURE = "SignerValidationFailure";

/** A decision with what the ledger needs to find it again. */
export function recordOf(
  decision: Decision,
  { metadata, spec }: CertificateSigningRequest,
  decidedBy: string,
  decidedAt: Date,
): DecisionRecord {
  return {
    ...decision,
    requestUid: metadata.uid,
    requestName: metadata.name,
    signerName: spec.signerName,
    requester: spec.username ?? "",
    decidedBy,
    decidedAt,
  };
}

/** Why an approved request is not signed after all. */
export type Refusal = Pick<TraceEntry, "hook" | "reason" | "message" | "evidence">;

/** The refusal of what the signer's profile, or the token's node, does not allow. */
export function profileRefusal(message: string): Refusal {
  return { hook: PROFILE_HOOK, reason: PROFILE_FAILURE, message, evidence: {} };
}

/** The refusal of a key, found right before signing. */
export function keyRefusal(violation: KeyViolation): Refusal {
  return { hook: KEY_POLICY_HOOK, ...violation };
}

/** The refusal of what was taken back since the approval. */
export function revocationRefusal(violation: RevocationViolation): Refusal {
  return { hook: REVOCATION_HOOK, ...violation };
}

/** The refusal of a name that the issuer, or a CA above it, may not certify. */
export function nameRefusal(message: string): Refusal {
  return { hook: NAMES_HOOK, reason: NAMES_FAILURE, message, evidence: {} };
}

/** A refusal as a decision; its trace is that of the approval it overrules, and itself. */
export function decisionOf(refusal: Refusal, traceBefore: readonly TraceEntry[]): Decision {
  const { hook, reason, message } = refusal;
  const entry: TraceEntry = { ...refusal, required: true, kind: "denied", durationMicroseconds: 0 };
  return { outcome: "denied", hook, reason, message, trace: [...traceBefore, entry] };
}

/** Whether two decisions on one request say the same, whenever they were made and however long they took. */
export function isSameDecision(left: Decision, right: Decision): boolean {
  return fingerprintOf(left) === fingerprintOf(right);
}

/** What makes one decision differ from another, as text. */
export function fingerprintOf({ outcome, reason, message, trace }: Decision): string {
  const entries = trace.map((entry) => [entry.hook, entry.required, entry.kind, entry.reason, entry.message]);
  return JSON.stringify([outcome, reason, message, entries]);
}
