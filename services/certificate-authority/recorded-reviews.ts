import { setImmediate as nextTurn } from "node:timers/promises";
import type { ConfiguredSigners } from "./domain/configured-signer.ts";
import type { CsrFacts } from "./domain/csr-facts.ts";
import type { DecisionRecord } from "./domain/decision.ts";
import { recordedFacts } from "./domain/pod-certificate.ts";
import type {
  RecordedRequest,
  RecordedRequests,
  RecordedReview,
  RecordedReviews,
  RequestAsCreated,
} from "./domain/recorded-request.ts";
import { requestedNodeName } from "./domain/requested-node.ts";
import { type ReviewDocument, reviewDocument } from "./domain/review-document.ts";
import { readFacts } from "./signer/stored-csr.ts";

/** Documents put together before other work gets its turn. */
const DOCUMENTS_A_TURN = 8;

/** Recorded requests with the documents that hooks saw of them, as far as the record still has them. */
export function recordedReviews(recorded: RecordedRequests, configured: ConfiguredSigners): RecordedReviews {
  function documentOf(request: RequestAsCreated, { decidedAt }: DecisionRecord, facts: CsrFacts): ReviewDocument {
    const { metadata, spec } = request;
    const nodeName = requestedNodeName(facts);
    const previous =
      nodeName === undefined ? [] : recorded.previousAt(nodeName, spec.signerName, decidedAt, metadata.uid);
    const csr = {
      apiVersion: "certificates.k8s.io/v1",
      kind: "CertificateSigningRequest",
      metadata: { ...metadata, resourceVersion: "" },
      spec,
      status: {},
    } as const;
    return reviewDocument({ csr, facts, now: decidedAt, isRehearsal: true }, previous);
  }

  function reviewOf({ request, newest, decision, settlement }: RecordedRequest): RecordedReview {
    const { requestName: name, requestUid: uid, signerName, requester } = newest;
    const read = request && readFacts(request.spec.request);
    const facts = request && read && recordedFacts(name, request.spec, read, configured);
    const document = request && facts && documentOf(request, decision ?? newest, facts);
    return { request: { name, uid, signerName, requester }, document, decision, settlement };
  }

  return {
    async page(query) {
      const { items, continueToken } = await recorded.page(query);
      const reviews: RecordedReview[] = [];
      for (const item of items) {
        if (reviews.length % DOCUMENTS_A_TURN === 0) await nextTurn();
        reviews.push(reviewOf(item));
      }
      return { items: reviews, continueToken };
    },
  };
}
