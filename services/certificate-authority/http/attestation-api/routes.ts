import type { z } from "zod";
import {
  type AttestationErrorCode,
  challengeRequestSchema,
  completeRequestSchema,
  MAXIMUM_BODY_BYTES,
  MAXIMUM_BODY_BYTES_WITH_EVENT_LOG,
} from "../../../shared/attestation/wire.ts";
import { StatusError, type StatusReason } from "../../../shared/status-error.ts";
import { addressKey } from "../../access/rate-limiter.ts";
import { AttestationRefusal } from "../../attestation/refusal.ts";
import type { AttestationClient, AttestationService } from "../../attestation/service.ts";
import { readJsonBody } from "../admin-api/validation.ts";
import { type Call, type Handler, type Route, sendJson } from "../call.ts";
import { JSON_TYPE, negotiate } from "../negotiation.ts";

/** What callers hear of a refusal: no more than what they can do about it. */
const ANSWERS: Readonly<Record<AttestationErrorCode, { readonly reason: StatusReason; readonly message: string }>> = {
  bad_request: { reason: "BadRequest", message: "the request is not one that can be answered" },
  denied: { reason: "Forbidden", message: "the attestation was denied; the authority's audit trail says why" },
  conflict: { reason: "Conflict", message: "the node's name belongs to another machine" },
  slow_down: { reason: "TooManyRequests", message: "too many attestations; try again later" },
};
const RETRY_AFTER_SECONDS = 5;

export interface AttestationApiDependencies {
  /** Undefined when nobody attests here. */
  readonly attestation: AttestationService | undefined;
}

/** The two calls of the attestation protocol. Anybody may make them: who calls has nothing to show yet. */
export function routes({ attestation }: AttestationApiDependencies): readonly Route[] {
  function service(): AttestationService {
    if (attestation !== undefined) return attestation;
    throw new StatusError("NotFound", "nobody attests here: attestation is not configured");
  }

  const handler =
    <Schema extends z.ZodObject>(
      schema: Schema,
      maximumBytes: number,
      answer: (body: z.output<Schema>, client: AttestationClient) => Promise<object>,
    ): Handler =>
    async (call) => {
      negotiate(call.request.headers.accept, [JSON_TYPE]);
      const address = call.request.socket.remoteAddress ?? "";
      const source = addressKey(address);
      call.response.setHeader("cache-control", "no-store");
      try {
        service().admit(source);
        const body = await readJsonBody(bounded(call, maximumBytes), schema, "attestation");
        sendJson(call.response, 200, await answer(body, { address, source }));
      } catch (error) {
        throw error instanceof AttestationRefusal ? told(error) : error;
      }
    };

  return [
    {
      method: "POST",
      path: "/v1/attest/challenge",
      handler: handler(challengeRequestSchema, MAXIMUM_BODY_BYTES, (body) => service().challenge(body)),
    },
    {
      method: "POST",
      path: "/v1/attest/complete",
      handler: handler(completeRequestSchema, MAXIMUM_BODY_BYTES_WITH_EVENT_LOG, (body, client) =>
        service().complete(body, client),
      ),
    },
  ];
}

function bounded({ request, readBody }: Call, maximumBytes: number): Pick<Call, "request" | "readBody"> {
  const tooLarge = () => new StatusError("RequestEntityTooLarge", `the body is larger than ${maximumBytes} bytes`);
  return {
    request,
    async readBody() {
      if (Number(request.headers["content-length"] ?? 0) > maximumBytes) throw tooLarge();
      const body = await readBody();
      if (body.length > maximumBytes) throw tooLarge();
      return body;
    },
  };
}

/** The code stands in `details.causes`; why it was refused is for the audit trail alone. */
function told({ code }: AttestationRefusal): StatusError {
  const { reason, message } = ANSWERS[code];
  const causes = [{ reason: code, message, field: "" }];
  const details = { causes, ...(code === "slow_down" && { retryAfterSeconds: RETRY_AFTER_SECONDS }) };
  return new StatusError(reason, message, { details });
}
