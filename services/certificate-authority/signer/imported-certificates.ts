import { X509Certificate } from "node:crypto";
import type { HandedIn, ImportReader } from "../domain/certificate-import.ts";
import { readCertificate } from "./certificate-reader.ts";
import { decodePem } from "./pem.ts";

const PRIVATE_KEY = /-----BEGIN [A-Z0-9 ]*PRIVATE KEY-----/;

/** Reads certificates that others issued, and verifies their signatures. */
export function createImportReader(): ImportReader {
  const parsed = new Map<string, X509Certificate>();

  function parse(id: string, der: Uint8Array): X509Certificate {
    const known = parsed.get(id) ?? new X509Certificate(der);
    parsed.set(id, known);
    return known;
  }

  return {
    read,
    issuerOf(der, issuers) {
      const certificate = new X509Certificate(der);
      return issuers.find(({ id, certificateDer }) => isIssuedBy(certificate, parse(id, certificateDer)))?.id;
    },
  };
}

function read(pem: string): HandedIn {
  if (PRIVATE_KEY.test(pem)) {
    const message = "holds a private key, which nobody asked for: nothing of it was kept, but make a new one";
    return { kind: "refused", reason: "privateKey", message };
  }
  const [block, ...others] = [...decodePem(pem)];
  if (block?.label !== "CERTIFICATE" || others.length > 0) {
    return { kind: "refused", reason: "malformed", message: "is not exactly one PEM block CERTIFICATE" };
  }
  try {
    return { kind: "certificate", der: block.der, facts: readCertificate(block.der) };
  } catch (error) {
    return { kind: "refused", reason: "malformed", message: `is no certificate: ${(error as Error).message}` };
  }
}

/** Keys and algorithms that OpenSSL does not know verify nothing. */
function isIssuedBy(certificate: X509Certificate, authority: X509Certificate): boolean {
  try {
    return certificate.checkIssued(authority) && certificate.verify(authority.publicKey);
  } catch {
    return false;
  }
}
