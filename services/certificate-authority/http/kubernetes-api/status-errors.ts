import { StatusError } from "../../../shared/status-error.ts";
/** Source: kubernetes staging/src/k8s.io/apiserver/pkg/storage/errors.go (NewTooLargeResourceVersionError). */
export function revisionTooLarge(wanted: number, current: number): StatusError {
  const causes = [{ reason: "ResourceVersionTooLarge", message: "Too large resource version" }];
  return new StatusError("Timeout", `Too large resource version: ${wanted}, current: ${current}`, {
    details: { retryAfterSeconds: 1, causes },
  });
}
