import { toKubernetesTime } from "../../../shared/kubernetes/object-meta.ts";
import type { DecisionRecord } from "../../domain/decision.ts";
import type { Explanation, Flip } from "../../domain/explanation.ts";
import { API_VERSION, type DecisionResource } from "./resources.ts";

/** @param explanation - what would make it another decision; told of the newest only. */
export function describeDecision(record: DecisionRecord, explanation?: Explanation): DecisionResource {
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
      ...{ hook, required, kind, reason, message, durationMicroseconds },
      evidence: { ...evidence },
    })),
    ...(explanation && { explanation: { flips: explanation.flips.map(describeFlip) } }),
  };
}

/**
 * What the requester may know: the outcome with its reason, and which hooks it came from. Not what they rest on, which
 * may name sources, people and other machines.
 */
export function describeOwnDecision(record: DecisionRecord, explanation?: Explanation): DecisionResource {
  const { decidedBy: _somebody, explanation: _hints, ...rest } = describeDecision(record);
  return {
    ...rest,
    redacted: true,
    trace: rest.trace.map(({ hook, required, kind, reason }) => ({
      ...{ hook, required, kind, reason },
      ...{ message: "", evidence: {}, durationMicroseconds: 0 },
    })),
    ...(explanation && { explanation: { flips: explanation.flips.map(withoutHints).map(describeFlip) } }),
  };
}

function withoutHints(flip: Flip): Flip {
  return { ...flip, changes: flip.changes.map((change) => ({ ...change, hint: undefined })) };
}

function describeFlip({ outcome, message, needsApproval, asksOn, asks, changes }: Flip) {
  return {
    ...{ outcome, message, needsApproval, asksOn, asks: [...asks] },
    changes: changes.map(({ hook, from, to, hint }) => ({
      hook,
      from,
      to: [...to],
      ...(hint !== undefined && { hint }),
    })),
  };
}
