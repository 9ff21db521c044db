import type { CertificateRecord } from "./certificate.ts";
import type { CsrSpec } from "./certificate-signing-request.ts";

/** A certificate on record, and what else the ledger knows of it. */
export interface StoredCertificate {
  readonly record: CertificateRecord;
  /** Undefined when its issuer is not on record. */
  readonly issuerDer: Uint8Array | undefined;
  /** The request that it answers, as long as that is kept; undefined for those that answer none. */
  readonly asked: AskedCertificate | undefined;
}

export type AskedCertificate = Pick<CsrSpec, "signerName" | "request" | "usages">;

/** In words that follow the certificate's name. */
export interface CertificateFindings {
  readonly problems: readonly string[];
  /** What is no fault of the ledger or of its signer. */
  readonly warnings: readonly string[];
}

/** Looks into the encoding of a certificate on record. */
export type CertificateJudge = (stored: StoredCertificate) => CertificateFindings;
