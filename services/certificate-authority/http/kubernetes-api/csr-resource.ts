import { humanDuration } from "../../../shared/kubernetes/human-duration.ts";
import type { JsonObject } from "../../../shared/kubernetes/json-object.ts";
import {
  type CertificateSigningRequest,
  CSR_API_VERSION,
  CSR_GROUP,
  CSR_KIND,
  CSR_RESOURCE,
  CSR_VERSION,
  conditionOf,
  QUORUM_PENDING,
  type UpdateTarget,
} from "../../domain/certificate-signing-request.ts";
import type { CsrDraft, DraftCondition, DraftMeta, DraftSpec, DraftStatus } from "../../domain/draft.ts";
import type { CertificateRequests } from "../../domain/ports.ts";
import type { Issuance } from "../../issuance/contract.ts";
import { decodeDraftValue } from "./draft.ts";
import { BLANK_META, type ResourceApi, type ResourceType, type ServingParts } from "./resource-api.ts";
import { ageOf } from "./table.ts";

const column = (name: string, format: string, description: string) =>
  ({ name, type: "string", format, description, priority: 0 }) as const;

/** Source of the columns: kubernetes pkg/printers/internalversion/printers.go. */
const CERTIFICATE_SIGNING_REQUESTS: ResourceType<CertificateSigningRequest, CsrDraft> = {
  names: { group: CSR_GROUP, kind: CSR_KIND, resource: CSR_RESOURCE },
  version: CSR_VERSION,
  fields: { "spec.signerName": ({ spec }) => spec.signerName },
  blank: {
    apiVersion: CSR_API_VERSION,
    kind: CSR_KIND,
    metadata: BLANK_META,
    spec: { request: "", signerName: "", usages: [] },
    status: {},
  },
  columns: [
    column("Name", "name", "Name of the request, unique in the cluster."),
    column("Age", "", "Time since the request was created."),
    column("SignerName", "", "The signer that is asked."),
    column("Requestor", "", "The user who created the request."),
    column("RequestedDuration", "", "How long the certificate is asked to be valid."),
    column("Condition", "", "Where the request stands."),
  ],
  cells: ({ metadata, spec, status }, now) => [
    metadata.name,
    ageOf(metadata, now),
    spec.signerName || "<none>",
    spec.username ?? "",
    spec.expirationSeconds === undefined ? "<none>" : humanDuration(spec.expirationSeconds),
    conditionText(status),
  ],
  toDraft: csrDraft,
};

/**
 * Reads a JSON value as a CertificateSigningRequest that a client wants to have.
 * @throws {StatusError} BadRequest when it is none.
 */
export function csrDraftOf(value: unknown): CsrDraft {
  return decodeDraftValue(CERTIFICATE_SIGNING_REQUESTS, value, []).draft;
}

const TARGETS: ReadonlyMap<string, UpdateTarget> = new Map([
  ["", "main"],
  ["approval", "approval"],
  ["status", "status"],
]);

export interface CsrApiDependencies extends ServingParts {
  readonly requests: CertificateRequests;
  readonly issuance: Pick<Issuance, "create" | "update" | "remove">;
}

/** CertificateSigningRequests as kube-apiserver serves them: every verb, the object and its two subresources. */
export function csrApi({
  requests,
  issuance,
  ...parts
}: CsrApiDependencies): ResourceApi<CertificateSigningRequest, CsrDraft, UpdateTarget> {
  return {
    ...parts,
    type: CERTIFICATE_SIGNING_REQUESTS,
    reader: requests,
    writes: {
      create: (requester, draft, options) => issuance.create(requester, draft, options),
      async update(requester, name, target, change, options) {
        let wanted: CsrDraft | undefined;
        const remembered = (current: CertificateSigningRequest | undefined) => {
          wanted = change(current);
          return wanted;
        };
        const object = await issuance.update(requester, name, target, remembered, options);
        return { object, isNew: false, warnings: quorumWarnings(wanted, object) };
      },
      remove: (requester, name, preconditions, options) => issuance.remove(requester, name, preconditions, options),
    },
    targets: TARGETS,
  };
}

/** Whoever approves a request that needs more approvals learns that theirs was counted. */
function quorumWarnings(wanted: CsrDraft | undefined, stored: CertificateSigningRequest): readonly string[] {
  const isApproval = wanted?.status.conditions.some(({ type }) => type === "Approved") ?? false;
  if (!isApproval || conditionOf(stored, "Approved") !== undefined) return [];
  const progress = conditionOf(stored, QUORUM_PENDING)?.message;
  return progress === undefined ? [] : [`not approved yet: ${progress}`];
}

function conditionText({ conditions = [], certificate }: CertificateSigningRequest["status"]): string {
  const types = new Set(conditions.map(({ type }) => type));
  const decision = types.has("Denied") ? "Denied" : types.has("Approved") ? "Approved" : "Pending";
  return `${decision}${types.has("Failed") ? ",Failed" : ""}${certificate ? ",Issued" : ""}`;
}

/** What decoding leaves: each field has its type or is missing. */
interface DecodedCsr {
  readonly spec?: Partial<DraftSpec>;
  readonly status?: { readonly conditions?: readonly Partial<DraftCondition>[]; readonly certificate?: string };
}

function csrDraft(metadata: DraftMeta, decoded: JsonObject): CsrDraft {
  const { spec, status } = decoded as JsonObject & DecodedCsr;
  return { metadata, spec: draftSpec(spec ?? {}), status: draftStatus(status) };
}

function draftSpec(spec: Partial<DraftSpec>): DraftSpec {
  const { request = "", signerName = "", expirationSeconds, usages = [] } = spec;
  return { request, signerName, usages, ...(expirationSeconds !== undefined && { expirationSeconds }) };
}

function draftStatus(status: DecodedCsr["status"]): DraftStatus {
  return { conditions: (status?.conditions ?? []).map(draftCondition), certificate: status?.certificate ?? "" };
}

function draftCondition(condition: Partial<DraftCondition>): DraftCondition {
  return { type: "", status: "", reason: "", message: "", ...condition };
}
