import { mediaTypeOf } from "../../../shared/kubernetes/decode-body.ts";
import { isJsonObject, type JsonObject } from "../../../shared/kubernetes/json-object.ts";
import { applyJsonPatch, readJsonPatch } from "../../../shared/kubernetes/json-patch.ts";
import { parseJsonText } from "../../../shared/kubernetes/json-text.ts";
import { applyMergePatch } from "../../../shared/kubernetes/merge-patch.ts";
import { applyStrategicMergePatch } from "../../../shared/kubernetes/strategic-merge-patch.ts";
import { isStatusError, StatusError } from "../../../shared/status-error.ts";
import type { CertificateSigningRequest } from "../../domain/certificate-signing-request.ts";
import { type DecodedDraft, decodeCsrValue } from "./csr-draft.ts";
import { jsonOf } from "./encoded-csr.ts";

const PATCH_TYPES = {
  "application/json-patch+json": "json",
  "application/merge-patch+json": "merge",
  "application/strategic-merge-patch+json": "strategic",
} as const;

export type PatchType = (typeof PATCH_TYPES)[keyof typeof PATCH_TYPES];

/** Applies one patch to whatever state the object has. */
export type Patch = (current: CertificateSigningRequest) => DecodedDraft;

/** @throws {StatusError} UnsupportedMediaType; server-side apply is among what is not supported. */
export function patchTypeOf(contentType: string | undefined): PatchType {
  const mediaType = mediaTypeOf(contentType);
  if (Object.hasOwn(PATCH_TYPES, mediaType)) return PATCH_TYPES[mediaType as keyof typeof PATCH_TYPES];
  const accepted = Object.keys(PATCH_TYPES).join(", ");
  throw new StatusError("UnsupportedMediaType", `the patch was in an unknown format; accepted are ${accepted}`);
}

/**
 * Reads a patch.
 *
 * @returns the patch, which throws Invalid when it does not fit the object, and what strict validation objects to.
 * @throws {StatusError} BadRequest when it is none; RequestEntityTooLarge when it has too many operations.
 */
export function readPatch(type: PatchType, body: Buffer): Patch {
  const { value, duplicates } = parseJsonText(body.toString("utf8"));
  const apply = patchFunction(type, value, body.length);
  return (current) => {
    const document = JSON.parse(jsonOf(current).toString("utf8")) as JsonObject;
    return withoutOwnRevision(decodePatched(apply(document), duplicates), current);
  };
}

function patchFunction(type: PatchType, value: unknown, bytes: number): (document: JsonObject) => unknown {
  if (type === "json") {
    const patch = readJsonPatch(value, bytes);
    return (document) => applyJsonPatch(document, patch);
  }
  if (type === "strategic") {
    const patch = value ?? {};
    if (!isJsonObject(patch)) throw new StatusError("BadRequest", "the patch is no object");
    return (document) => applyStrategicMergePatch(document, patch);
  }
  if (!isJsonObject(value)) throw new StatusError("BadRequest", "the patch is no object");
  return (document) => applyMergePatch(document, value);
}

/** A patched object that cannot be read is the patch's fault. */
function decodePatched(patched: unknown, duplicates: readonly string[]): DecodedDraft {
  try {
    return decodeCsrValue(patched, duplicates);
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
function withoutOwnRevision(decoded: DecodedDraft, current: CertificateSigningRequest): DecodedDraft {
  const { draft, strictErrors } = decoded;
  if (draft.metadata.resourceVersion !== current.metadata.resourceVersion) return decoded;
  return { draft: { ...draft, metadata: { ...draft.metadata, resourceVersion: "" } }, strictErrors };
}
