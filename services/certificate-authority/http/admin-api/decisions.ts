import { z } from "zod";
import { toKubernetesTime } from "../../../shared/kubernetes/object-meta.ts";
import { StatusError } from "../../../shared/status-error.ts";
import type { DecisionRecord } from "../../domain/decision.ts";
import type { CertificateRequests, Decisions } from "../../domain/ports.ts";
import { type Call, type Handler, sendJson } from "../call.ts";
import { JSON_TYPE, negotiate } from "../negotiation.ts";
import { API_VERSION, type DecisionResource, listBody } from "./resources.ts";
import { pathParameter, readQuery } from "./validation.ts";

export interface DecisionDependencies {
  readonly decisions: Decisions;
  readonly requests: Pick<CertificateRequests, "get">;
}

/** Answers every decision on a request's name; a request that nobody has judged yet has an empty list, not a 404. */
export function decisionHandler({ decisions, requests }: DecisionDependencies): Handler {
  return async (call: Call) => {
    negotiate(call.request.headers.accept, [JSON_TYPE]);
    readQuery(z.strictObject({}), call.query);
    const name = pathParameter(call, 1);
    const records = await decisions.ofRequest(name);
    if (records.length === 0 && (await requests.get(name)) === undefined) throw noSuchRequest(name);
    sendJson(call.response, 200, listBody("DecisionList", records.map(describeDecision)));
  };
}

function noSuchRequest(name: string): StatusError {
  return new StatusError("NotFound", `no request "${name}" exists and no decision on one is on record`, {
    details: { kind: "requests", name },
  });
}

function describeDecision(record: DecisionRecord): DecisionResource {
  const { requestName, requestUid, signerName, requester } = record;
  return {
    apiVersion: API_VERSION,
    kind: "Decision",
    request: { name: requestName, uid: requestUid, signerName, requester },
    outcome: record.outcome,
    ...(record.hook !== undefined && { hook: record.hook }),
    reason: record.reason,
    message: record.message,
    decidedBy: record.decidedBy,
    decidedAt: toKubernetesTime(record.decidedAt),
    trace: record.trace.map(({ hook, required, kind, reason, message, evidence, durationMicroseconds }) => ({
      hook,
      required,
      kind,
      reason,
      message,
      evidence: { ...evidence },
      durationMicroseconds,
    })),
  };
}
