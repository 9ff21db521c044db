import type { StatusCause } from "../../shared/status-error.ts";

/** The cause types of a 422. Source: kubernetes apimachinery pkg/apis/meta/v1/types.go (CauseType). */
export type CauseType =
  | "FieldValueRequired"
  | "FieldValueInvalid"
  | "FieldValueNotSupported"
  | "FieldValueDuplicate"
  | "FieldValueForbidden"
  | "FieldValueTooLong";

/** One broken rule: which, where (`spec.usages[1]`), and why for a person. */
export interface FieldError extends StatusCause {
  readonly reason: CauseType;
  readonly field: string;
}

function quote(value: string | number): string {
  return typeof value === "number" ? String(value) : JSON.stringify(value);
}

export function requiredField(field: string, detail = ""): FieldError {
  return { reason: "FieldValueRequired", field, message: detail ? `Required value: ${detail}` : "Required value" };
}

export function invalidField(field: string, value: string | number, detail: string): FieldError {
  return { reason: "FieldValueInvalid", field, message: `Invalid value: ${quote(value)}: ${detail}` };
}

export function unsupportedField(field: string, value: string, supported: readonly string[]): FieldError {
  const values = supported.map(quote).join(", ");
  return {
    reason: "FieldValueNotSupported",
    field,
    message: `Unsupported value: ${quote(value)}: supported values: ${values}`,
  };
}

export function duplicateField(field: string, value: string): FieldError {
  return { reason: "FieldValueDuplicate", field, message: `Duplicate value: ${quote(value)}` };
}

export function forbiddenField(field: string, detail: string): FieldError {
  return { reason: "FieldValueForbidden", field, message: `Forbidden: ${detail}` };
}

/** @param limit - in bytes. */
export function tooLongField(field: string, limit: number): FieldError {
  return { reason: "FieldValueTooLong", field, message: `Too long: may not be more than ${limit} bytes` };
}
