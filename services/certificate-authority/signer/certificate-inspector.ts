import { DerError, DerReader } from "../../shared/der/der-reader.ts";
import type { CertificateFacts } from "../domain/certificate-facts.ts";
import type { CertificateInspection } from "../domain/ports.ts";
import { readNextCertificate } from "./certificate-reader.ts";
import { decodePem } from "./pem.ts";

const LABEL = "CERTIFICATE";

/**
 * Reads `status.certificate`: every decodable block must be labelled CERTIFICATE, have no headers and hold at least one
 * certificate; there must be a block.
 *
 * @param certificateBase64 - base64 of PEM, as JSON carries it.
 * Source: kubernetes pkg/apis/certificates/validation/validation.go (validateCertificate).
 */
export function inspectPem(
  certificateBase64: string,
):
  | Exclude<CertificateInspection, { kind: "ok" }>
  | { readonly kind: "ok"; readonly certificates: readonly CertificateFacts[] } {
  const certificates: CertificateFacts[] = [];
  try {
    for (const { label, hasHeaders, der } of decodePem(Buffer.from(certificateBase64, "base64").toString("latin1"))) {
      if (label !== LABEL) return invalid(`only ${LABEL} PEM blocks are allowed`);
      if (hasHeaders) return invalid("PEM block headers are not allowed");
      if (der.length === 0) return invalid("a PEM block holds no certificate");
      const reader = DerReader.over(der);
      while (!reader.isAtEnd()) certificates.push(readNextCertificate(reader, der));
    }
  } catch (error) {
    if (error instanceof DerError) return invalid(error.message);
    throw error;
  }
  if (certificates.length === 0) return invalid(`must contain at least one ${LABEL} PEM block`);
  return { kind: "ok", certificates };
}

function invalid(message: string): CertificateInspection & { kind: "invalid" } {
  return { kind: "invalid", message };
}
