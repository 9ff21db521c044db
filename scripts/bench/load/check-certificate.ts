import { createPublicKey, X509Certificate } from "node:crypto";
import type { PreparedRequest } from "./request-pool.ts";

/** A certificate that is not what was asked for: a fast wrong answer is no answer. */
export class WrongCertificateError extends Error {
  override readonly name = "WrongCertificateError";
}

/** Checks certificates against their requests: who signed them, for which key, for whom, and when. */
export function certificateChecker(caPem: string): (pem: string, request: PreparedRequest) => void {
  const ca = new X509Certificate(caPem);
  return (pem, { commonName, spkiDer }) => {
    const certificate = new X509Certificate(pem);
    const key = createPublicKey({ key: spkiDer, type: "spki", format: "der" });
    const now = Date.now();
    if (!certificate.checkIssued(ca) || !certificate.verify(ca.publicKey))
      throw wrong(commonName, "another CA signed it");
    if (!certificate.publicKey.equals(key)) throw wrong(commonName, "it is for another key");
    if (certificate.subject !== `O=system:nodes\nCN=${commonName}`)
      throw wrong(commonName, "it is for another subject");
    if (certificate.subjectAltName !== undefined) throw wrong(commonName, "it has names nobody asked for");
    if (certificate.validFromDate.getTime() > now || certificate.validToDate.getTime() < now) {
      throw wrong(commonName, "it is not valid now");
    }
  };
}

function wrong(commonName: string, what: string): WrongCertificateError {
  return new WrongCertificateError(`the certificate for ${commonName} is wrong: ${what}`);
}
