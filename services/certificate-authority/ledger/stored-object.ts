import { awaitsSignature, type CertificateSigningRequest, isUndecided } from "../domain/certificate-signing-request.ts";
import type { RequestState } from "./tables/requests-table.ts";

/** The stored form: JSON with an empty resourceVersion, so that the writer adds the revision without parsing. */
export function toStoredJson(csr: CertificateSigningRequest): string {
  return JSON.stringify(withRevision(csr, ""));
}

export function fromStoredJson(json: string, revision: number): CertificateSigningRequest {
  return withRevision(JSON.parse(json) as CertificateSigningRequest, String(revision));
}

export function withRevision(csr: CertificateSigningRequest, resourceVersion: string): CertificateSigningRequest {
  return { ...csr, metadata: { ...csr.metadata, resourceVersion } };
}

export function stateOf(csr: CertificateSigningRequest): RequestState {
  if (isUndecided(csr)) return "undecided";
  return awaitsSignature(csr) ? "awaitingSignature" : "settled";
}
