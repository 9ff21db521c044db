import { type DecodedBody, decodeBody, decodeValue, type WireFormat } from "../../../shared/kubernetes/decode-body.ts";
import type { JsonObject } from "../../../shared/kubernetes/json-object.ts";
import type { OwnerReference } from "../../../shared/kubernetes/object-meta.ts";
import { CSR_API_VERSION, CSR_KIND } from "../../domain/certificate-signing-request.ts";
import type { CsrDraft, DraftCondition, DraftMeta, DraftSpec, DraftStatus } from "../../domain/draft.ts";
import { isSameValue } from "../../domain/same-value.ts";

export interface DecodedDraft {
  readonly draft: CsrDraft;
  readonly strictErrors: readonly string[];
  /** What the client is told whatever it wants to be told of fields. */
  readonly warnings: readonly string[];
}

/** A client that sends it claims to have seen nothing in particular. */
const ANY_REVISION = "0";

const CSR_TYPE = { apiVersion: CSR_API_VERSION, kind: CSR_KIND };

/**
 * Reads a request body as a CertificateSigningRequest.
 * @throws {StatusError} BadRequest when it is none.
 */
export function decodeCsrBody(format: WireFormat, body: Buffer): DecodedDraft {
  return toDraft(decodeBody(format, body, CSR_TYPE));
}

/**
 * Reads a JSON value, such as the outcome of a patch, as a CertificateSigningRequest.
 * @throws {StatusError} BadRequest when it is none.
 */
export function decodeCsrValue(value: unknown, duplicates: readonly string[]): DecodedDraft {
  return toDraft(decodeValue(value, duplicates, CSR_TYPE));
}

/** What decoding leaves: each field has its type or is missing. */
interface DecodedCsr {
  readonly metadata?: Partial<DraftMeta>;
  readonly spec?: Partial<DraftSpec>;
  readonly status?: { readonly conditions?: readonly Partial<DraftCondition>[]; readonly certificate?: string };
}

function toDraft({ object, strictErrors }: DecodedBody): DecodedDraft {
  const { metadata = {}, spec, status } = object as JsonObject & DecodedCsr;
  const { owners, warnings } = distinctOwners((metadata.ownerReferences ?? []).map(ownerReference));
  return {
    draft: { metadata: draftMeta(metadata, owners), spec: draftSpec(spec ?? {}), status: draftStatus(status) },
    strictErrors,
    warnings,
  };
}

/** Source: kubernetes staging/src/k8s.io/apiserver/pkg/endpoints/handlers/rest.go (dedupOwnerReferences). */
function distinctOwners(references: readonly OwnerReference[]) {
  const owners = references.filter((one, at) => references.findIndex((other) => isSameValue(one, other)) === at);
  const repeated = new Set(references.filter((one) => !owners.includes(one)).map(({ uid }) => uid));
  const uids = [...repeated].join(", ");
  return { owners, warnings: uids === "" ? [] : [`metadata.ownerReferences repeats an owner, dropped: ${uids}`] };
}

function draftMeta(metadata: Partial<DraftMeta>, ownerReferences: readonly OwnerReference[]): DraftMeta {
  return {
    name: metadata.name ?? "",
    generateName: metadata.generateName ?? "",
    namespace: "",
    uid: metadata.uid ?? "",
    resourceVersion: metadata.resourceVersion === ANY_REVISION ? "" : (metadata.resourceVersion ?? ""),
    labels: metadata.labels ?? {},
    annotations: metadata.annotations ?? {},
    ...(metadata.generation !== undefined && { generation: metadata.generation }),
    ...(metadata.deletionTimestamp !== undefined && { deletionTimestamp: metadata.deletionTimestamp }),
    ...(metadata.deletionGracePeriodSeconds !== undefined && {
      deletionGracePeriodSeconds: metadata.deletionGracePeriodSeconds,
    }),
    ownerReferences,
    finalizers: metadata.finalizers ?? [],
  };
}

function ownerReference(reference: Partial<OwnerReference>): OwnerReference {
  return { apiVersion: "", kind: "", name: "", uid: "", ...reference };
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
