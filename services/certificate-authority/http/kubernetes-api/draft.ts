import {
  type DecodedBody,
  decodeBody,
  decodeValue,
  type ExpectedType,
  type WireFormat,
} from "../../../shared/kubernetes/decode-body.ts";
import type { JsonObject } from "../../../shared/kubernetes/json-object.ts";
import type { OwnerReference } from "../../../shared/kubernetes/object-meta.ts";
import type { ApiObject } from "../../domain/api-object.ts";
import type { DraftMeta } from "../../domain/draft.ts";
import { isSameValue } from "../../domain/same-value.ts";
import { apiVersionOf, type MetaDraft, type ResourceType } from "./resource-api.ts";

export interface DecodedDraft<Draft> {
  readonly draft: Draft;
  readonly strictErrors: readonly string[];
  /** What the client is told whatever it wants to be told of fields. */
  readonly warnings: readonly string[];
}

/** A client that sends it claims to have seen nothing in particular. */
const ANY_REVISION = "0";

/**
 * Reads a request body as an object of this type.
 * @throws {StatusError} BadRequest when it is none.
 */
export function decodeDraft<T extends ApiObject, Draft extends MetaDraft>(
  type: ResourceType<T, Draft>,
  format: WireFormat,
  body: Buffer,
): DecodedDraft<Draft> {
  return toDraft(type, decodeBody(format, body, expectedOf(type)));
}

/**
 * Reads a JSON value, such as the outcome of a patch, as an object of this type.
 * @throws {StatusError} BadRequest when it is none.
 */
export function decodeDraftValue<T extends ApiObject, Draft extends MetaDraft>(
  type: ResourceType<T, Draft>,
  value: unknown,
  duplicates: readonly string[],
): DecodedDraft<Draft> {
  return toDraft(type, decodeValue(value, duplicates, expectedOf(type)));
}

const expectedTypes = new WeakMap<object, ExpectedType>();

function expectedOf<T extends ApiObject, Draft extends MetaDraft>(type: ResourceType<T, Draft>): ExpectedType {
  let expected = expectedTypes.get(type);
  if (expected === undefined) {
    expected = { apiVersion: apiVersionOf(type), kind: type.names.kind };
    expectedTypes.set(type, expected);
  }
  return expected;
}

function toDraft<T extends ApiObject, Draft extends MetaDraft>(
  type: ResourceType<T, Draft>,
  { object, strictErrors }: DecodedBody,
): DecodedDraft<Draft> {
  const { metadata = {} } = object as JsonObject & { metadata?: Partial<DraftMeta> };
  const { owners, warnings } = distinctOwners((metadata.ownerReferences ?? []).map(ownerReference));
  return { draft: type.toDraft(draftMeta(metadata, owners), object), strictErrors, warnings };
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
    namespace: metadata.namespace ?? "",
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
