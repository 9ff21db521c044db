import { z } from "zod";
import { StatusError } from "../../../shared/status-error.ts";
import type { AuditTrail, AuditTrailPage, AuditTrailQuery, RecordedEntry } from "../../domain/ports.ts";
import { type Call, type Handler, sendJson } from "../call.ts";
import { JSON_TYPE, negotiate } from "../negotiation.ts";
import { API_VERSION, type AuditEntryResource } from "./resources.ts";
import { readQuery } from "./validation.ts";

const DEFAULT_LIMIT = 100;
const MAX_LIMIT = 1_000;
const TOKEN = /^([ab])(\d{1,15})$/;

const name = z.string().min(1, "must not be empty; leave the parameter out to ask for all");

/** What `GET /v1/audit` can be asked. */
export const auditListQuery = z.strictObject({
  since: z.iso
    .datetime({ offset: true, error: "must be a time such as 2026-01-31T12:00:00Z" })
    .optional()
    .describe("Only entries at or after this time."),
  user: name.optional().describe("Only what this user did; gatehouse is the server itself."),
  verb: name.optional().describe("Only entries of this verb, e.g. issued, recorded, created, removed, deleted."),
  resource: name
    .optional()
    .describe(
      "Only entries about this: archive, attestation, binding, certificate, clusterrole, clusterrolebinding, " +
        "credential, crl, decision, issuer, key, machine, node, request or token.",
    ),
  name: name.optional().describe("Only entries about the thing, or the request, of this name."),
  after: z
    .string()
    .regex(/^\d{1,15}$/, "must be the sequence of an entry, or 0")
    .optional()
    .meta({ type: "integer", minimum: 0 })
    .describe("Only entries after this sequence, the oldest first; without it the newest comes first."),
  limit: z
    .string()
    .refine(isLimit, `must be a whole number from 1 to ${MAX_LIMIT}; follow metadata.continue for more`)
    .optional()
    .meta({ type: "integer", minimum: 1, maximum: MAX_LIMIT, default: DEFAULT_LIMIT })
    .describe("How many to answer at most; there may be fewer although more follow."),
  continue: name.optional().describe("metadata.continue of the page before."),
});

/** Answers what was decided and signed, and who took what away: the entries of the ledger's hash chain. */
export function auditHandler(trail: Pick<AuditTrail, "find">): Handler {
  return async (call: Call) => {
    negotiate(call.request.headers.accept, [JSON_TYPE]);
    const query = toTrailQuery(readQuery(auditListQuery, call.query));
    sendJson(call.response, 200, describePage(query, await trail.find(query)));
  };
}

/** @throws {StatusError} BadRequest when the continue token is none of ours. */
function toTrailQuery(query: z.output<typeof auditListQuery>): AuditTrailQuery {
  const [, direction, sequence] = query.continue === undefined ? [] : (TOKEN.exec(query.continue) ?? []);
  if (query.continue !== undefined && sequence === undefined) {
    throw new StatusError("BadRequest", "continue token is not valid");
  }
  const after = direction === "a" ? sequence : query.after;
  return {
    limit: query.limit === undefined ? DEFAULT_LIMIT : Number(query.limit),
    ...(query.since !== undefined && { since: new Date(query.since) }),
    ...(query.user !== undefined && { actor: query.user }),
    ...(query.verb !== undefined && { verb: query.verb }),
    ...(query.resource !== undefined && { noun: query.resource }),
    ...(query.name !== undefined && { name: query.name }),
    ...(after !== undefined && { after: Number(after) }),
    ...(direction === "b" && { before: Number(sequence) }),
  };
}

function describePage({ after }: AuditTrailQuery, { items, examined, head, hasMore }: AuditTrailPage) {
  const isUpwards = after !== undefined;
  return {
    apiVersion: API_VERSION,
    kind: "AuditEntryList",
    metadata: {
      // Whoever waits for what comes next asks for what is after this.
      resourceVersion: String(isUpwards ? examined : head),
      ...(hasMore && { continue: `${isUpwards ? "a" : "b"}${examined}` }),
    },
    items: items.map(describeEntry),
  };
}

function describeEntry({ sequence, at, actor, kind, subject, details, hash }: RecordedEntry): AuditEntryResource {
  const [resource = "", verb = ""] = kind.split(".");
  return {
    apiVersion: API_VERSION,
    kind: "AuditEntry",
    ...{ sequence, at: at.toISOString(), user: actor, verb, resource, name: subject, details: { ...details }, hash },
  };
}

function isLimit(text: string): boolean {
  return /^[1-9]\d{0,3}$/.test(text) && Number(text) <= MAX_LIMIT;
}
