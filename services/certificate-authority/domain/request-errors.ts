import { StatusError, type StatusReason } from "../../shared/status-error.ts";
import { CSR_GROUP, CSR_KIND, CSR_RESOURCE } from "./certificate-signing-request.ts";

const SUBJECT = `${CSR_RESOURCE}.${CSR_GROUP}`;

function failure(reason: StatusReason, name: string, message: string): StatusError {
  return new StatusError(reason, message, { details: { name, group: CSR_GROUP, kind: CSR_RESOURCE } });
}

/** There is no request of that name. */
export function requestNotFound(name: string): StatusError {
  return failure("NotFound", name, `${SUBJECT} ${JSON.stringify(name)} not found`);
}

/** The name is taken: 409 whose reason tells a kubelet that it may reuse what is there. */
export function requestAlreadyExists(name: string): StatusError {
  return failure("AlreadyExists", name, `${SUBJECT} ${JSON.stringify(name)} already exists`);
}

/** The object is no longer what the caller saw: 409 whose reason tells a client to read again. */
export function requestConflict(name: string, detail: string): StatusError {
  return failure("Conflict", name, `operation cannot be fulfilled on ${SUBJECT} ${JSON.stringify(name)}: ${detail}`);
}

/** The object is not the one that was to be deleted. Kubernetes names the Kind here, not the resource. */
export function preconditionFailed(name: string, detail: string): StatusError {
  const { message } = requestConflict(name, detail);
  return new StatusError("Conflict", message, { details: { name, group: CSR_GROUP, kind: CSR_KIND } });
}

/** Admission refuses the write. */
export function requestForbidden(name: string, detail: string): StatusError {
  return failure("Forbidden", name, `${SUBJECT} ${JSON.stringify(name)} is forbidden: ${detail}`);
}

/** The resourceVersion a writer saw is not the newest. */
export function staleRequest(name: string): StatusError {
  return requestConflict(name, "the object has been modified; apply your changes to the latest version and try again");
}
