import type { CertificateSigningRequest, UpdateTarget } from "./certificate-signing-request.ts";
import type { CsrDecoding } from "./csr-facts.ts";
import type { CsrDraft } from "./draft.ts";
import { type FieldError, invalidField } from "./field-error.ts";
import { validateMeta, validateNoNewFinalizers } from "./object-meta-rules.ts";
import { isPodRecord, placeOf } from "./pod-certificate.ts";
import type { CertificateInspector } from "./ports.ts";
import { NO_SPEC_TOLERANCE, specTolerance, validateSpec } from "./request-rules.ts";
import { validateStatus } from "./status-rules.ts";

/** Longer requests are named by their length in an error, not repeated. */
const MAX_SHOWN_REQUEST = 4096;

/**
 * Every rule a new object breaks. `draft.metadata.name` is the name it will have. What the draft says in `status` is
 * not judged: it is thrown away.
 */
export function validateCreate(draft: CsrDraft, decoding: CsrDecoding): FieldError[] {
  return [
    ...validateMeta(draft.metadata),
    ...validateDecoding(draft.spec.request, decoding),
    ...validateSpec(draft.spec, NO_SPEC_TOLERANCE),
  ];
}

/**
 * Every rule that the prepared object breaks and the stored one does not. `spec.request` is not decoded again: it cannot
 * have changed since it was judged.
 */
export function validateUpdate(
  target: UpdateTarget,
  stored: CertificateSigningRequest,
  next: CertificateSigningRequest,
  inspector: CertificateInspector,
): FieldError[] {
  const {
    name,
    generateName = "",
    labels = {},
    annotations = {},
    ownerReferences = [],
    finalizers = [],
  } = next.metadata;
  return [
    // The record of a pod's request has a name that we gave it.
    ...validateMeta({
      ...{ name: isPodRecord(name) ? placeOf(name).name : name, generateName },
      labels,
      annotations,
      ownerReferences,
      finalizers,
    }),
    ...validateSpec(next.spec, specTolerance(stored.spec)),
    ...validateStatus(target, stored.status, next.status, inspector),
    ...(stored.metadata.deletionTimestamp === undefined
      ? []
      : validateNoNewFinalizers(stored.metadata.finalizers ?? [], finalizers)),
  ];
}

function validateDecoding(request: string, decoding: CsrDecoding): FieldError[] {
  if (decoding.kind === "facts") return [];
  const shown = request.length > MAX_SHOWN_REQUEST ? `<${request.length} characters of base64>` : request;
  return [invalidField("spec.request", shown, decoding.message)];
}
