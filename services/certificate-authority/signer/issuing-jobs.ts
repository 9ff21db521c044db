import type { StatusReason } from "../../shared/status-error.ts";
import type { CertificateIntent, SignedCertificate } from "../domain/certificate.ts";
import type { CsrDecoding } from "../domain/csr-facts.ts";
import type { LocalIssuer, PreparedCertificate } from "./issuing-core.ts";
import type { KeyAcceptance } from "./public-key.ts";

/** What crosses into a worker. Everything here survives a structured clone. */
export type IssuingJob =
  | { readonly kind: "decode"; readonly requestBase64: string }
  | { readonly kind: "sign"; readonly intent: CertificateIntent; readonly issuerId: string }
  | { readonly kind: "prepare"; readonly intent: CertificateIntent; readonly issuerId: string }
  | {
      readonly kind: "finish";
      readonly prepared: PreparedCertificate;
      readonly signature: Uint8Array;
      readonly issuerId: string;
    };

/** A batch of jobs, to be answered; or the issuers that sign from then on, which is not answered. */
export type IssuingMessage = readonly IssuingJob[] | { readonly issuers: readonly LocalIssuer[] };

/** What a worker starts with. */
export interface IssuingWorkerData extends KeyAcceptance {
  readonly issuers: readonly LocalIssuer[];
}

/** What comes back. Errors lose their class on the way, so that they travel as data. */
export type IssuingResult =
  | { readonly kind: "decoded"; readonly decoding: CsrDecoding }
  | { readonly kind: "prepared"; readonly prepared: PreparedCertificate }
  | { readonly kind: "signed"; readonly certificate: SignedCertificate; readonly advice: readonly string[] }
  | { readonly kind: "failed"; readonly reason: StatusReason; readonly message: string; readonly cause: string };
