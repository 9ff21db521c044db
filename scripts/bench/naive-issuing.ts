import "reflect-metadata";
import { type KeyObject, randomUUID } from "node:crypto";
import * as x509 from "@peculiar/x509";

type Provider = typeof globalThis.crypto;

const SIGNATURE = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const YEAR_MILLISECONDS = 365 * 86_400_000;
const BACKDATE_MILLISECONDS = 300_000;

/**
 * Issuing as one writes it with the library alone: read the request, check its signature, make the certificate.
 *
 * @param provider - Node's own web cryptography, or a package that stands in for it.
 * @returns undefined for a request whose signature does not verify.
 */
export async function createNaiveIssuer(provider: Provider, caPem: string, caKey: KeyObject) {
  x509.cryptoProvider.set(provider);
  const ca = new x509.X509Certificate(caPem);
  const pkcs8 = caKey.export({ type: "pkcs8", format: "der" });
  const signingKey = await provider.subtle.importKey("pkcs8", pkcs8, SIGNATURE, false, ["sign"]);
  return async (csrPem: string): Promise<x509.X509Certificate | undefined> => {
    const csr = new x509.Pkcs10CertificateRequest(csrPem);
    if (!(await csr.verify(provider))) return undefined;
    const now = Date.now();
    const certificate = {
      serialNumber: randomUUID().replaceAll("-", ""),
      issuer: ca.subject,
      subject: csr.subject,
      notBefore: new Date(now - BACKDATE_MILLISECONDS),
      notAfter: new Date(now + YEAR_MILLISECONDS),
      publicKey: csr.publicKey,
      signingKey,
      signingAlgorithm: SIGNATURE,
      extensions: [
        new x509.BasicConstraintsExtension(false, undefined, true),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.clientAuth]),
        await x509.AuthorityKeyIdentifierExtension.create(ca, false, provider),
      ],
    };
    return x509.X509CertificateGenerator.create(certificate, provider);
  };
}
