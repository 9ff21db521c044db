import { z } from "zod";
import {
  type CertificateSigningRequest,
  conditionOf,
  QUORUM_PENDING,
} from "../../domain/certificate-signing-request.ts";
import type { Issuance, PersonalVerdict } from "../../issuance/contract.ts";
import { type Call, type Handler, sendJson } from "../call.ts";
import { JSON_TYPE, negotiate } from "../negotiation.ts";
import { API_VERSION, type ApprovalOutcomeResource } from "./resources.ts";
import { pathParameter, readJsonBody, readQuery } from "./validation.ts";

/** The body of `POST /v1/requests/{name}/approve` and `/deny`. */
export const personalVerdict = z.strictObject({
  apiVersion: z.literal(API_VERSION, `must be ${API_VERSION} or left out`).optional(),
  kind: z.literal("PersonalVerdict", "must be PersonalVerdict or left out").optional(),
  reason: z
    .string("must be text")
    .regex(/^[A-Za-z][A-Za-z0-9_]{0,127}$/, "must be one word of letters, digits and _, at most 128 characters")
    .optional()
    .describe("One word for programs; ApprovedByPerson or DeniedByPerson when left out."),
  message: z
    .string("must be text")
    .max(1024, "must be at most 1024 characters")
    .default("")
    .describe("A sentence for people, kept with the request and the decision."),
});

/**
 * Approving and denying without the object. The caller needs the right to post to the path and, as for `/approval`, the
 * verb approve on the signer.
 */
export function approvalHandlers({ issuance }: { readonly issuance: Pick<Issuance, "decide"> }): {
  readonly approve: Handler;
  readonly deny: Handler;
} {
  const handler =
    (type: PersonalVerdict["type"]): Handler =>
    async (call: Call) => {
      negotiate(call.request.headers.accept, [JSON_TYPE]);
      readQuery(z.strictObject({}), call.query);
      const name = pathParameter(call, 1);
      const { reason = `${type}ByPerson`, message } = await readJsonBody(call, personalVerdict, "PersonalVerdict");
      const decided = await issuance.decide(call.user, name, { type, reason, message });
      sendJson(call.response, 200, describe(decided, type));
    };
  return { approve: handler("Approved"), deny: handler("Denied") };
}

function describe(csr: CertificateSigningRequest, type: PersonalVerdict["type"]): ApprovalOutcomeResource {
  const settled = conditionOf(csr, type);
  const { reason = "", message = "" } = settled ?? conditionOf(csr, QUORUM_PENDING) ?? {};
  const outcome = type === "Approved" ? "approved" : "denied";
  const { name, uid } = csr.metadata;
  return {
    apiVersion: API_VERSION,
    kind: "ApprovalOutcome",
    request: { name, uid },
    outcome: settled === undefined ? "pending" : outcome,
    reason,
    message,
  };
}
