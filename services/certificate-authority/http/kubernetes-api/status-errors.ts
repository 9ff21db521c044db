import { type StatusCause, StatusError } from "../../../shared/status-error.ts";
import { CSR_GROUP, CSR_RESOURCE } from "../../domain/certificate-signing-request.ts";

export function notFound(name: string): StatusError {
  const details = { name, group: CSR_GROUP, kind: CSR_RESOURCE };
  return new StatusError("NotFound", `${CSR_RESOURCE}.${CSR_GROUP} "${name}" not found`, { details });
}

/** Options that contradict themselves or have values that are not known; `kind` is e.g. `ListOptions`. */
export function invalidOptions(kind: string, causes: readonly StatusCause[]): StatusError {
  const group = "meta.k8s.io";
  const listed = causes.map(({ field, message }) => `${field}: ${message}`).join(", ");
  return new StatusError("Invalid", `${kind}.${group} "" is invalid: ${listed}`, { details: { group, kind, causes } });
}

/** Source: kubernetes staging/src/k8s.io/apiserver/pkg/storage/errors.go (NewTooLargeResourceVersionError). */
export function revisionTooLarge(wanted: number, current: number): StatusError {
  const causes = [{ reason: "ResourceVersionTooLarge", message: "Too large resource version" }];
  return new StatusError("Timeout", `Too large resource version: ${wanted}, current: ${current}`, {
    details: { retryAfterSeconds: 1, causes },
  });
}
