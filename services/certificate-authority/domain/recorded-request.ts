import type { CertificateSummary } from "./certificate.ts";
import type { CertificateSigningRequest } from "./certificate-signing-request.ts";
import type { DecisionRecord } from "./decision.ts";

/** What a request was when it was created: everything that can be judged, and nothing that followed. */
export interface RequestAsCreated extends Pick<CertificateSigningRequest, "spec"> {
  readonly metadata: Pick<
    CertificateSigningRequest["metadata"],
    "name" | "uid" | "creationTimestamp" | "labels" | "annotations"
  >;
}

/** What people, or the last look before the signature, made of what the chain had left. */
export interface Settlement extends Pick<DecisionRecord, "outcome" | "decidedBy" | "decidedAt" | "reason"> {}

/** A request with what was decided on it, and what was on record then: enough to decide again. */
export interface RecordedRequest {
  /** Undefined when it was deleted and is not, or no longer, in the archive. */
  readonly request: RequestAsCreated | undefined;
  /** The chain's last decision. */
  readonly decision: DecisionRecord;
  /** What a person decided after it. */
  readonly settlement: Settlement | undefined;
  /** Certificates that the node had of the same signer when it was decided; the newest first, at most ten. */
  readonly previous: readonly CertificateSummary[];
}
