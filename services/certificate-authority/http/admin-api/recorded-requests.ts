import { z } from "zod";
import { toKubernetesTime } from "../../../shared/kubernetes/object-meta.ts";
import type { RecordedReview, RecordedReviews, Settlement } from "../../domain/recorded-request.ts";
import { type Call, type Handler, sendJson } from "../call.ts";
import { JSON_TYPE, negotiate } from "../negotiation.ts";
import { describeDecision } from "./describe-decision.ts";
import { API_VERSION, listBody, type RecordedRequestResource } from "./resources.ts";
import { readQuery } from "./validation.ts";

const DEFAULT_LIMIT = 100;
/** A page is kept in memory whole, and each item has a few kilobytes. */
const MAX_LIMIT = 500;
const EARLIEST = new Date(0);

/** What `GET /v1/recorded-requests` can be asked. */
export const recordedRequestsQuery = z.strictObject({
  since: z.iso
    .datetime({ offset: true, error: "must be a time such as 2026-01-31T12:00:00Z" })
    .optional()
    .describe("Only requests that were last decided at or after this time."),
  limit: z
    .string()
    .refine(isLimit, `must be a whole number from 1 to ${MAX_LIMIT}; follow metadata.continue for more`)
    .optional()
    .meta({ type: "integer", minimum: 1, maximum: MAX_LIMIT, default: DEFAULT_LIMIT })
    .describe("How many to answer at most; there may be fewer although more follow."),
  continue: z.string().min(1, "must not be empty").optional().describe("metadata.continue of the page before."),
});

/** Answers what was decided with the facts of its time, page by page: what `policy replay` decides again. */
export function recordedRequestsHandler(recorded: RecordedReviews): Handler {
  return async (call: Call) => {
    negotiate(call.request.headers.accept, [JSON_TYPE]);
    const { since, limit, continue: continueToken } = readQuery(recordedRequestsQuery, call.query);
    const page = await recorded.page({
      since: since === undefined ? EARLIEST : new Date(since),
      limit: limit === undefined ? DEFAULT_LIMIT : Number(limit),
      continueToken,
    });
    sendJson(call.response, 200, listBody("RecordedRequestList", page.items.map(describe), page.continueToken));
  };
}

function describe({ request, document, decision, settlement }: RecordedReview): RecordedRequestResource {
  return {
    apiVersion: API_VERSION,
    kind: "RecordedRequest",
    request: { ...request },
    ...(document && { document: { ...document } }),
    ...(decision && { decision: describeDecision(decision) }),
    ...(settlement && { settlement: describeSettlement(settlement) }),
  };
}

function describeSettlement({ outcome, reason, decidedBy, decidedAt }: Settlement) {
  return { outcome, reason, decidedBy, decidedAt: toKubernetesTime(decidedAt) };
}

function isLimit(text: string): boolean {
  return /^[1-9]\d{0,2}$/.test(text) && Number(text) <= MAX_LIMIT;
}
