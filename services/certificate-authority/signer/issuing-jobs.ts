import type { StatusReason } from "../../shared/status-error.ts";
import type { CertificateIntent, SignedCertificate } from "../domain/certificate.ts";
import type { CsrDecoding } from "../domain/csr-facts.ts";

/** What crosses into a worker. Everything here survives a structured clone. */
export type IssuingJob =
  | { readonly kind: "decode"; readonly requestBase64: string }
  | { readonly kind: "sign"; readonly intent: CertificateIntent };

/** What comes back. Errors lose their class on the way, so that they travel as data. */
export type IssuingResult =
  | { readonly kind: "decoded"; readonly decoding: CsrDecoding }
  | { readonly kind: "signed"; readonly certificate: SignedCertificate; readonly advice: readonly string[] }
  | { readonly kind: "failed"; readonly reason: StatusReason; readonly message: string; readonly cause: string };
