import { X509Certificate } from "node:crypto";
import type { CertificateRecord } from "../domain/certificate.ts";
import type { CertificateFacts } from "../domain/certificate-facts.ts";
import type { CertificateSigningRequest } from "../domain/certificate-signing-request.ts";
import type { Certificates, Issuers } from "../domain/ports.ts";
import { requestedNodeName } from "../domain/requested-node.ts";

export interface SeenCertificateDependencies {
  readonly issuers: Pick<Issuers, "list">;
  readonly certificates: Pick<Certificates, "get">;
  /** @throws when the DER is no certificate. */
  readonly readCertificate: (der: Uint8Array) => CertificateFacts;
}

/**
 * The certificate of a request that somebody else has signed with one of our issuers, another replica for example, as it
 * is to be put on record. Undefined for what is on record, what others' issuers have signed, and what is no certificate.
 */
export async function seenCertificate(
  csr: CertificateSigningRequest,
  { issuers, certificates, readCertificate }: SeenCertificateDependencies,
): Promise<CertificateRecord | undefined> {
  const leaf = leafOf(csr.status.certificate);
  if (leaf === undefined) return undefined;
  const isIssuer = ({ certificatePem }: { readonly certificatePem: string }): boolean => {
    const issuer = new X509Certificate(certificatePem);
    return leaf.checkIssued(issuer) && leaf.verify(issuer.publicKey);
  };
  const issuer = (await issuers.list()).find(isIssuer);
  if (issuer === undefined) return undefined;
  const facts = readCertificate(leaf.raw);
  if ((await certificates.get(facts.fingerprint)) !== undefined) return undefined;
  return recordOf(csr, facts, leaf.raw, issuer.id);
}

function leafOf(certificateBase64 = ""): X509Certificate | undefined {
  try {
    return new X509Certificate(Buffer.from(certificateBase64, "base64"));
  } catch {
    return undefined;
  }
}

function recordOf(
  { metadata, spec }: CertificateSigningRequest,
  { subject, sans, spkiSha256, serial, fingerprint, notBefore, notAfter }: CertificateFacts,
  der: Uint8Array,
  issuerId: string,
): CertificateRecord {
  return {
    ...{ serial, fingerprint, issuerId, sans, spkiSha256, notBefore, notAfter, der, signerName: spec.signerName },
    nodeName: requestedNodeName({ subject }),
    predecessor: undefined,
    commonName: subject.commonName,
    organizations: subject.organization,
    // Nearer than that nobody knows: signers set it somewhat into the past.
    issuedAt: notBefore,
    state: "issued",
    requestUid: metadata.uid,
    requestName: metadata.name,
    requester: spec.username,
  };
}
