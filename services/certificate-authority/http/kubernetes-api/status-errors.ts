import { StatusError } from "../../../shared/status-error.ts";
import { CSR_GROUP, CSR_RESOURCE } from "../../domain/certificate-signing-request.ts";

export function notFound(name: string): StatusError {
  const details = { name, group: CSR_GROUP, kind: CSR_RESOURCE };
  return new StatusError("NotFound", `${CSR_RESOURCE}.${CSR_GROUP} "${name}" not found`, { details });
}

/** Source: kubernetes staging/src/k8s.io/apiserver/pkg/storage/errors.go (NewTooLargeResourceVersionError). */
export function revisionTooLarge(wanted: number, current: number): StatusError {
  const causes = [{ reason: "ResourceVersionTooLarge", message: "Too large resource version" }];
  return new StatusError("Timeout", `Too large resource version: ${wanted}, current: ${current}`, {
    details: { retryAfterSeconds: 1, causes },
  });
}
