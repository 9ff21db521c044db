import type { ApiObject } from "../domain/api-object.ts";
import { awaitsSignature, type CertificateSigningRequest, isUndecided } from "../domain/certificate-signing-request.ts";
import type { RequestState } from "./tables/requests-table.ts";

/** The stored form: JSON with an empty resourceVersion, so that the writer adds the revision without parsing. */
export function toStoredJson(object: ApiObject): string {
  return JSON.stringify(withRevision(object, ""));
}

export function fromStoredJson<T extends ApiObject>(json: string, revision: number): T {
  return withRevision(JSON.parse(json) as T, String(revision));
}

export function withRevision<T extends ApiObject>(object: T, resourceVersion: string): T {
  return { ...object, metadata: { ...object.metadata, resourceVersion } };
}

export function stateOf(csr: CertificateSigningRequest): RequestState {
  if (isUndecided(csr)) return "undecided";
  return awaitsSignature(csr) ? "awaitingSignature" : "settled";
}
