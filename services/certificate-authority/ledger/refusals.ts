import { StatusError } from "../../shared/status-error.ts";
import { CSR_GROUP, CSR_RESOURCE } from "../domain/certificate-signing-request.ts";
import type { Refusal } from "./operations.ts";
import { sqliteCodeOf } from "./sqlite-error.ts";

const RESOURCE = `${CSR_RESOURCE}.${CSR_GROUP}`;

/** Kubernetes names the plural resource as `kind` in 404 and 409 answers. */
function detailsOf(name: string, uid?: string) {
  return { name, group: CSR_GROUP, kind: CSR_RESOURCE, ...(uid !== undefined && { uid }) };
}

export function requestNotFound(name: string): StatusError {
  return new StatusError("NotFound", `${RESOURCE} "${name}" not found`, { details: detailsOf(name) });
}

export function requestExists(name: string): StatusError {
  return new StatusError("AlreadyExists", `${RESOURCE} "${name}" already exists`, { details: detailsOf(name) });
}

export function requestChanged(name: string, why: string): StatusError {
  return new StatusError("Conflict", `${RESOURCE} "${name}" cannot be written: ${why}`, { details: detailsOf(name) });
}

export function tooManyRequestsStored(maximum: number): StatusError {
  return new StatusError(
    "TooManyRequests",
    `the ledger holds ${maximum} CertificateSigningRequests and takes no more until some are removed`,
    { details: { retryAfterSeconds: 60 } },
  );
}

export function tooManyObjectsStored(maximum: number): StatusError {
  return new StatusError(
    "TooManyRequests",
    `the ledger holds ${maximum} objects and takes no more until some are removed`,
    {
      details: { retryAfterSeconds: 60 },
    },
  );
}

export function queueFull(): StatusError {
  return new StatusError("TooManyRequests", "too many writes are waiting; try again", {
    details: { retryAfterSeconds: 1 },
  });
}

export function ledgerClosed(): StatusError {
  return new StatusError("ServiceUnavailable", "the ledger is closed", { details: { retryAfterSeconds: 1 } });
}

export function revisionExpired(revision: number, compactedRevision: number): StatusError {
  return new StatusError(
    "Expired",
    `resourceVersion ${revision} is too old: changes are kept from ${compactedRevision} on; list again`,
  );
}

/** @see fromRefusal */
export function toRefusal(error: StatusError): Refusal {
  const { reason, message, details, cause } = error;
  return { reason, message, details, cause: cause === undefined ? undefined : describe(cause) };
}

/** The error that `toRefusal` took apart on the other thread. */
export function fromRefusal({ reason, message, details, cause }: Refusal): StatusError {
  return new StatusError(reason, message, { ...(details && { details }), ...(cause !== undefined && { cause }) });
}

function describe(cause: unknown): string {
  const text = cause instanceof Error ? (cause.stack ?? cause.message) : String(cause);
  const code = sqliteCodeOf(cause);
  return code === undefined ? text : `${code}: ${text}`;
}
