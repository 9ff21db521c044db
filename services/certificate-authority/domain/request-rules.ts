import type { DraftSpec } from "./draft.ts";
import { duplicateField, type FieldError, invalidField, requiredField, unsupportedField } from "./field-error.ts";
import { isKnownUsage, KNOWN_USAGES } from "./key-usages.ts";
import { LEGACY_UNKNOWN_SIGNER, validateSignerName } from "./signer-name.ts";

const MIN_EXPIRATION_SECONDS = 600;

/** Rules that a stored object may already break; an update of such an object has to keep working. */
export interface SpecTolerance {
  readonly unknownUsages: boolean;
  readonly duplicateUsages: boolean;
  readonly legacySigner: boolean;
}

export const NO_SPEC_TOLERANCE: SpecTolerance = { unknownUsages: false, duplicateUsages: false, legacySigner: false };

type JudgedSpec = Pick<DraftSpec, "signerName" | "expirationSeconds" | "usages">;

/** Which rules for `spec` the stored object breaks. */
export function specTolerance(stored: JudgedSpec): SpecTolerance {
  return {
    unknownUsages: !stored.usages.every(isKnownUsage),
    duplicateUsages: new Set(stored.usages).size < stored.usages.length,
    legacySigner: stored.signerName === LEGACY_UNKNOWN_SIGNER,
  };
}

/**
 * The rules for `spec` but the one for `spec.request`, which needs a decoder.
 *
 * Source: kubernetes pkg/apis/certificates/validation/validation.go.
 */
export function validateSpec(spec: JudgedSpec, tolerance: SpecTolerance): FieldError[] {
  return [...validateUsages(spec.usages, tolerance), ...validateSigner(spec, tolerance), ...validateExpiration(spec)];
}

function validateUsages(usages: readonly string[], tolerance: SpecTolerance): FieldError[] {
  if (usages.length === 0) return [requiredField("spec.usages")];
  const errors: FieldError[] = [];
  usages.forEach((usage, index) => {
    if (tolerance.unknownUsages || isKnownUsage(usage)) return;
    errors.push(unsupportedField(`spec.usages[${index}]`, usage, KNOWN_USAGES));
  });
  usages.forEach((usage, index) => {
    if (tolerance.duplicateUsages || usages.indexOf(usage) === index) return;
    errors.push(duplicateField(`spec.usages[${index}]`, usage));
  });
  return errors;
}

function validateSigner({ signerName }: JudgedSpec, tolerance: SpecTolerance): FieldError[] {
  if (signerName === LEGACY_UNKNOWN_SIGNER && !tolerance.legacySigner) {
    return [invalidField("spec.signerName", signerName, "this signer cannot be asked for in this API version")];
  }
  return validateSignerName("spec.signerName", signerName);
}

function validateExpiration({ expirationSeconds }: JudgedSpec): FieldError[] {
  if (expirationSeconds === undefined || expirationSeconds >= MIN_EXPIRATION_SECONDS) return [];
  return [
    invalidField("spec.expirationSeconds", expirationSeconds, `may not be less than ${MIN_EXPIRATION_SECONDS} seconds`),
  ];
}
