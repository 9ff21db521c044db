import { z } from "zod";
import { toKubernetesTime } from "../../../shared/kubernetes/object-meta.ts";
import type { ApprovalAdministration } from "../../domain/approval-status.ts";
import type { ShadowDecisions, ShadowRecord } from "../../domain/shadow.ts";
import { type Handler, sendJson } from "../call.ts";
import { JSON_TYPE, negotiate } from "../negotiation.ts";
import { API_VERSION, type ShadowChainResource } from "./resources.ts";
import { readQuery } from "./validation.ts";

/** The query of `GET /v1/approval/shadow`. */
export const shadowQuery = z.strictObject({
  limit: z.coerce
    .number("must be a number")
    .int("must be a whole number")
    .min(1, "must be at least 1")
    .max(1000, "must be at most 1000")
    .default(20)
    .describe("How many examples."),
});

export interface ShadowHandlerDependencies {
  readonly approval: ApprovalAdministration;
  readonly shadow: Pick<ShadowDecisions, "latest">;
}

/** What a shadow chain would have decided otherwise. */
export function shadowHandler({ approval, shadow }: ShadowHandlerDependencies): Handler {
  return async (call) => {
    negotiate(call.request.headers.accept, [JSON_TYPE]);
    const { limit } = readQuery(shadowQuery, call.query);
    const status = approval.shadow();
    const examples = await shadow.latest(limit);
    const answer: ShadowChainResource = {
      apiVersion: API_VERSION,
      kind: "ShadowChain",
      ...(status && {
        counts: {
          since: toKubernetesTime(status.since),
          agreed: status.agreed,
          differed: status.differed.map((each) => ({ ...each })),
          failed: status.failed,
          dropped: status.dropped,
        },
      }),
      examples: examples.map(describe),
    };
    sendJson(call.response, 200, answer);
  };
}

function describe(record: ShadowRecord): ShadowChainResource["examples"][number] {
  const { at, requestName, requestUid, signerName, requester, live, shadow } = record;
  return {
    at: toKubernetesTime(at),
    request: { name: requestName, uid: requestUid, signerName, requester },
    live: { outcome: live.outcome, ...(live.hook !== undefined && { hook: live.hook }) },
    shadow: {
      outcome: shadow.outcome,
      ...(shadow.hook !== undefined && { hook: shadow.hook }),
      reason: shadow.reason,
      message: shadow.message,
      trace: shadow.trace.map(({ hook, required, kind, reason, message }) => ({
        hook,
        required,
        kind,
        reason,
        message,
      })),
    },
  };
}
