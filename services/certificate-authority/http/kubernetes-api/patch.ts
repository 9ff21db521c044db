import { mediaTypeOf } from "../../../shared/kubernetes/decode-body.ts";
import { isJsonObject, type JsonObject } from "../../../shared/kubernetes/json-object.ts";
import { applyJsonPatch, readJsonPatch } from "../../../shared/kubernetes/json-patch.ts";
import { parseJsonText } from "../../../shared/kubernetes/json-text.ts";
import { applyMergePatch } from "../../../shared/kubernetes/merge-patch.ts";
import { applyStrategicMergePatch } from "../../../shared/kubernetes/strategic-merge-patch.ts";
import { isStatusError, StatusError } from "../../../shared/status-error.ts";
import type { ApiObject } from "../../domain/api-object.ts";
import { invalidField } from "../../domain/field-error.ts";
import { resourceErrors } from "../../domain/resource-errors.ts";
import { type DecodedDraft, decodeDraftValue } from "./draft.ts";
import { jsonOf } from "./encoded-object.ts";
import type { MetaDraft, ResourceType } from "./resource-api.ts";

const PATCH_TYPES = {
  "application/json-patch+json": "json",
  "application/merge-patch+json": "merge",
  "application/strategic-merge-patch+json": "strategic",
} as const;

export type PatchType = (typeof PATCH_TYPES)[keyof typeof PATCH_TYPES];

/** Applies one patch to whatever state the object has. */
export type Patch<T extends ApiObject, Draft extends MetaDraft> = (current: T) => DecodedDraft<Draft>;

/** @throws {StatusError} UnsupportedMediaType; server-side apply is among what is not supported. */
export function patchTypeOf(contentType: string | undefined): PatchType {
  const mediaType = mediaTypeOf(contentType);
  if (Object.hasOwn(PATCH_TYPES, mediaType)) return PATCH_TYPES[mediaType as keyof typeof PATCH_TYPES];
  const accepted = Object.keys(PATCH_TYPES).join(", ");
  const problem = mediaType.startsWith("application/apply-patch")
    ? "server-side apply is not served here: leave --server-side out"
    : "the patch was in an unknown format";
  throw new StatusError("UnsupportedMediaType", `${problem}; accepted are ${accepted}`);
}

/**
 * Reads a patch.
 *
 * @returns the patch, which throws Invalid when it does not fit the object, and what strict validation objects to.
 * @throws {StatusError} BadRequest when it is none; RequestEntityTooLarge when it has too many operations.
 */
export function readPatch<T extends ApiObject, Draft extends MetaDraft>(
  resource: ResourceType<T, Draft>,
  type: PatchType,
  body: Buffer,
): Patch<T, Draft> {
  const { value, duplicates } = parseJsonText(body.toString("utf8"));
  if (type === "json") return jsonPatch(resource, value, body.length, duplicates);
  return mergePatch(resource, type, value, duplicates);
}

function jsonPatch<T extends ApiObject, Draft extends MetaDraft>(
  resource: ResourceType<T, Draft>,
  value: unknown,
  bytes: number,
  duplicates: readonly string[],
): Patch<T, Draft> {
  const patch = readJsonPatch(value, bytes);
  const objections = [
    ...patch.unknownMembers.map((path) => `json patch unknown field ${JSON.stringify(path)}`),
    ...duplicates.map((path) => `json patch duplicate field ${JSON.stringify(path)}`),
  ];
  return (current) => {
    const decoded = decodePatched(resource, applyJsonPatch(documentOf(current), patch), [], current);
    return { ...decoded, strictErrors: [...objections, ...decoded.strictErrors] };
  };
}

function mergePatch<T extends ApiObject, Draft extends MetaDraft>(
  resource: ResourceType<T, Draft>,
  type: "merge" | "strategic",
  value: unknown,
  duplicates: readonly string[],
): Patch<T, Draft> {
  const patch = type === "strategic" ? (value ?? {}) : value;
  if (!isJsonObject(patch)) throw new StatusError("BadRequest", "the patch is no object");
  if (type === "merge") {
    return (current) => decodePatched(resource, applyMergePatch(documentOf(current), patch), duplicates, current);
  }
  return (current) => {
    const document = documentOf(current);
    const { apiVersion, kind } = document;
    // Such a patch is of the object's type, whatever it says.
    const patched = { ...applyStrategicMergePatch(document, patch), apiVersion, kind };
    return decodePatched(resource, patched, duplicates, current);
  };
}

function documentOf(current: ApiObject): JsonObject {
  return JSON.parse(jsonOf(current, "one").toString("utf8")) as JsonObject;
}

/** A patched object that cannot be read is the patch's fault, and so is one that claims to be another. */
function decodePatched<T extends ApiObject, Draft extends MetaDraft>(
  resource: ResourceType<T, Draft>,
  patched: unknown,
  duplicates: readonly string[],
  current: T,
): DecodedDraft<Draft> {
  try {
    const decoded = decodeDraftValue(resource, patched, duplicates);
    const { name, uid } = current.metadata;
    const wanted = decoded.draft.metadata.uid;
    if (wanted === "" || wanted === uid) return withoutOwnRevision(decoded, current);
    throw resourceErrors(resource.names).invalid(name, [invalidField("metadata.uid", wanted, "may not be changed")]);
  } catch (cause) {
    if (!isStatusError(cause, "BadRequest")) throw cause;
    throw invalidPatch(cause.message, cause);
  }
}

/** @param message - what is wrong with the object that the patch makes. */
export function invalidPatch(message: string, cause?: unknown): StatusError {
  const causes = [{ reason: "FieldValueInvalid", field: "patch", message }];
  return new StatusError("Invalid", `the patch is invalid: ${message}`, { cause, details: { causes } });
}

/**
 * The resourceVersion of the object that was patched is no precondition of the caller's: without one, a patch that met
 * another write is simply applied again.
 */
function withoutOwnRevision<Draft extends MetaDraft>(
  decoded: DecodedDraft<Draft>,
  current: ApiObject,
): DecodedDraft<Draft> {
  const { draft } = decoded;
  if (draft.metadata.resourceVersion !== current.metadata.resourceVersion) return decoded;
  return { ...decoded, draft: { ...draft, metadata: { ...draft.metadata, resourceVersion: "" } } };
}
