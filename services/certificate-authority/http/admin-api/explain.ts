import { z } from "zod";
import type { UserInfo } from "../../../shared/user-info.ts";
import { type Impersonation, impersonate } from "../../access/impersonation.ts";
import type { ApprovalAdministration } from "../../domain/approval-status.ts";
import type { Authorizer } from "../../domain/authorization.ts";
import { CSR_API_VERSION, CSR_KIND } from "../../domain/certificate-signing-request.ts";
import type { CsrDraft } from "../../domain/draft.ts";
import type { Issuance } from "../../issuance/contract.ts";
import { type Call, type Handler, sendJson } from "../call.ts";
import { csrDraftOf } from "../kubernetes-api/csr-resource.ts";
import { JSON_TYPE, negotiate } from "../negotiation.ts";
import { describeDecision } from "./describe-decision.ts";
import { API_VERSION } from "./resources.ts";
import { readJsonBody, readQuery } from "./validation.ts";

const SERVING_SIGNER = "kubernetes.io/kubelet-serving";
const MAXIMUM_NAMES = 256;

const text = z.string("must be text");
const texts = z.array(text.min(1, "must not be empty")).max(MAXIMUM_NAMES, `must be at most ${MAXIMUM_NAMES}`);
const part = z.record(z.string(), z.unknown(), "must be an object");

/** The body of `POST /v1/explain`: a CertificateSigningRequest as it would be created, or a CSR and what it asks for. */
export const explainRequest = z
  .strictObject({
    apiVersion: z
      .enum([API_VERSION, CSR_API_VERSION], `must be ${API_VERSION}, ${CSR_API_VERSION} or left out`)
      .optional(),
    kind: z.enum(["ExplainRequest", CSR_KIND], `must be ExplainRequest, ${CSR_KIND} or left out`).optional(),
    metadata: part.optional().describe("Of a CertificateSigningRequest; its name may be taken or left out."),
    spec: part.optional().describe("Of a CertificateSigningRequest; needs request, signerName and usages."),
    status: part.optional().describe("Ignored."),
    requestPem: text.optional().describe("A PKCS#10 request in PEM, instead of metadata and spec."),
    signerName: text.optional().describe("With requestPem."),
    usages: texts.optional().describe("With requestPem; those that kubelets ask for when left out."),
    expirationSeconds: z.int("must be a whole number of seconds").optional().describe("With requestPem."),
    requester: z
      .strictObject({
        username: text.min(1, "must not be empty"),
        uid: text.optional(),
        groups: texts.optional(),
        extra: z.record(z.string(), texts).optional(),
      })
      .optional()
      .describe("Who is taken to ask, for callers who may impersonate them; the caller when left out."),
  })
  .superRefine(({ spec, requestPem, signerName, usages, expirationSeconds }, context) => {
    const problem = (path: string, message: string): void =>
      context.addIssue({ code: "custom", path: [path], message });
    if ((spec === undefined) === (requestPem === undefined)) problem("spec", "give either spec or requestPem");
    if (requestPem !== undefined && signerName === undefined) problem("signerName", "is needed with requestPem");
    if (spec !== undefined && (signerName ?? usages ?? expirationSeconds) !== undefined) {
      problem("signerName", "signerName, usages and expirationSeconds go with requestPem; spec has its own");
    }
  });

type ExplainRequest = z.output<typeof explainRequest>;

export interface ExplainDependencies {
  readonly issuance: Pick<Issuance, "rehearse" | "explain">;
  readonly approval: Pick<ApprovalAdministration, "status">;
  /** Asked whether the caller may impersonate the requester. */
  readonly authorizer: Authorizer;
}

/** Decides a request that is not made, by the chain as it is now, and says what would change the outcome. */
export function explainHandler(deps: ExplainDependencies): Handler {
  return async (call: Call) => {
    negotiate(call.request.headers.accept, [JSON_TYPE]);
    readQuery(z.strictObject({}), call.query);
    const body = await readJsonBody(call, explainRequest, "ExplainRequest");
    const draft = draftOf(body);
    const requester = await impersonate(call.user, impersonationOf(body), (user, attributes) =>
      deps.authorizer.authorize(user, attributes),
    );
    sendJson(call.response, 200, await rehearsed(deps, requester, draft));
  };
}

async function rehearsed({ issuance, approval }: ExplainDependencies, requester: UserInfo, draft: CsrDraft) {
  const { csr, decision, decidedAt } = await issuance.rehearse(requester, draft);
  const { metadata, spec } = csr;
  const identity = { requestName: metadata.name, requestUid: metadata.uid, signerName: spec.signerName };
  const record = { ...decision, ...identity, requester: requester.username, decidedBy: "gatehouse", decidedAt };
  return { ...describeDecision(record, issuance.explain(decision, approval.status().hooks)), rehearsal: true };
}

function impersonationOf({ requester }: ExplainRequest): Impersonation {
  const { username, uid, groups = [], extra = {} } = requester ?? {};
  const lowerCase = Object.entries(extra).map(([key, values]) => [key.toLowerCase(), values] as const);
  return { user: username, uid, groups, extra: Object.fromEntries(lowerCase) };
}

/** @throws {StatusError} BadRequest when it is no CertificateSigningRequest. */
function draftOf({ metadata = {}, spec, requestPem = "", signerName = "", usages, expirationSeconds }: ExplainRequest) {
  const asked = spec ?? {
    request: Buffer.from(requestPem).toString("base64"),
    signerName,
    usages: usages ?? ["digital signature", signerName === SERVING_SIGNER ? "server auth" : "client auth"],
    ...(expirationSeconds !== undefined && { expirationSeconds }),
  };
  return csrDraftOf({ apiVersion: CSR_API_VERSION, kind: CSR_KIND, metadata, spec: asked });
}
