import { type StatusCause, StatusError } from "../../shared/status-error.ts";

/** What is wrong with an object that has no name: a review, or the options of a request, `meta.k8s.io`. */
export function invalidObject(kind: string, group: string, causes: readonly StatusCause[]): StatusError {
  const listed = causes.map(({ field = "", message }) => `${field}: ${message}`).join(", ");
  return new StatusError("Invalid", `${kind}.${group} "" is invalid: ${listed}`, { details: { group, kind, causes } });
}

/** Options that contradict themselves or have values that are not known; `kind` is e.g. `ListOptions`. */
export function invalidOptions(kind: string, causes: readonly StatusCause[]): StatusError {
  return invalidObject(kind, "meta.k8s.io", causes);
}

/** @param type - a cause type without its prefix `FieldValue`. */
export function cause(
  type: "Forbidden" | "Invalid" | "NotSupported" | "Required" | "TooLong",
  field: string,
  message: string,
): StatusCause {
  return { reason: `FieldValue${type}`, field, message };
}

export function notSupported(field: string, value: string, supported: string): StatusCause {
  return cause(
    "NotSupported",
    field,
    `${JSON.stringify(value.slice(0, 100))} is not supported; supported: ${supported}`,
  );
}

export function forbidden(field: string, message: string): StatusCause {
  return cause("Forbidden", field, message);
}
