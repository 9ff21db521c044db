import type { CertificateSummary } from "./certificate.ts";
import type { CertificateSigningRequest } from "./certificate-signing-request.ts";
import type { DecisionRecord } from "./decision.ts";
import type { ReviewDocument } from "./review-document.ts";

/** What a request was when it was created: everything that can be judged, and nothing that followed. */
export interface RequestAsCreated extends Pick<CertificateSigningRequest, "spec"> {
  readonly metadata: Pick<
    CertificateSigningRequest["metadata"],
    "name" | "uid" | "creationTimestamp" | "labels" | "annotations"
  >;
}

/** What became of a request besides what the chain decided: people's decision, or the last look before the signature. */
export type Settlement = Pick<DecisionRecord, "outcome" | "reason" | "decidedBy" | "decidedAt">;

/** A request that was decided, once, by what was decided last. */
export interface RecordedRequest {
  /** Undefined when it was deleted and is not, or no longer, in the archive. */
  readonly request: RequestAsCreated | undefined;
  /** The last word on the request. */
  readonly newest: DecisionRecord;
  /** The chain's last decision; undefined when only people decided. */
  readonly decision: DecisionRecord | undefined;
  readonly settlement: Settlement | undefined;
}

/** A recorded request with the facts of its time: enough to decide it again. */
export interface RecordedReview {
  readonly request: {
    readonly name: string;
    readonly uid: string;
    readonly signerName: string;
    readonly requester: string;
  };
  /** As hooks saw it then, `now` being the time of the decision; undefined when what it asked for is lost. */
  readonly document: ReviewDocument | undefined;
  /** The chain's last decision; undefined when only people decided. */
  readonly decision: DecisionRecord | undefined;
  readonly settlement: Settlement | undefined;
}

export interface RecordedPageQuery {
  /** Only what was decided at or after this. */
  readonly since: Date;
  readonly limit: number;
  readonly continueToken?: string | undefined;
}

export interface RecordedPage<Item> {
  readonly items: readonly Item[];
  /** There may be more when the page is not full, or empty; undefined on the last page. */
  readonly continueToken: string | undefined;
}

/** The requests that were decided, in the order of their last decision; those decided after the first page are left out. */
export interface RecordedRequests {
  /** @throws {StatusError} BadRequest when the continue token is none of ours. */
  page(query: RecordedPageQuery): Promise<RecordedPage<RecordedRequest>>;
  /** Certificates that the node had of the signer at that time, the newest first, at most ten; not those of that request. */
  previousAt(nodeName: string, signerName: string, at: Date, requestUid: string): readonly CertificateSummary[];
}

/** The same, ready to be decided again. */
export interface RecordedReviews {
  page(query: RecordedPageQuery): Promise<RecordedPage<RecordedReview>>;
}
