import type { CertificateRecord } from "./certificate.ts";
import type { CertificateFacts } from "./certificate-facts.ts";
import type { IssuerRecord } from "./issuer.ts";

/** Why a certificate is not put on record. Stable, for programs. */
export type ImportRefusalReason = "privateKey" | "malformed" | "authority" | "unknownIssuer" | "serialTaken";

/** A certificate as somebody hands it in. */
export type HandedIn =
  | { readonly kind: "certificate"; readonly der: Uint8Array; readonly facts: CertificateFacts }
  | { readonly kind: "refused"; readonly reason: ImportRefusalReason; readonly message: string };

/** Reads what is handed in, and finds who signed it. */
export interface ImportReader {
  /** @param pem - one block; a private key is refused, wherever it stands. */
  read(pem: string): HandedIn;
  /**
   * The id of the issuer whose key verifies the certificate's signature, and whose subject it names; undefined when none
   * does.
   */
  issuerOf(der: Uint8Array, issuers: readonly Pick<IssuerRecord, "id" | "certificateDer">[]): string | undefined;
}

/** What became of a certificate that was to be recorded. */
export type RecordedImport = "imported" | "known" | "serialTaken";

/** Records certificates that we did not issue now. */
export interface ImportedCertificates {
  /**
   * In one durable commit; what is on record already stays as it is.
   *
   * @param records - each with `importedAt`.
   * @returns what became of each, in the order given.
   */
  recordImported(records: readonly CertificateRecord[], by: string): Promise<readonly RecordedImport[]>;
}
