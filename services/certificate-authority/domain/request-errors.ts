import { CSR_GROUP, CSR_KIND, CSR_RESOURCE } from "./certificate-signing-request.ts";
import { resourceErrors } from "./resource-errors.ts";

/** What is told of CertificateSigningRequests. */
export const REQUEST_ERRORS = resourceErrors({ group: CSR_GROUP, kind: CSR_KIND, resource: CSR_RESOURCE });

export const {
  notFound: requestNotFound,
  alreadyExists: requestAlreadyExists,
  conflict: requestConflict,
  forbidden: requestForbidden,
  stale: staleRequest,
  invalid: invalidRequest,
} = REQUEST_ERRORS;
