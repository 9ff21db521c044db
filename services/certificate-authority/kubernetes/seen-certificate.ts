import { type KeyObject, X509Certificate } from "node:crypto";
import type { CertificateRecord } from "../domain/certificate.ts";
import type { CertificateFacts } from "../domain/certificate-facts.ts";
import type { CertificateSigningRequest } from "../domain/certificate-signing-request.ts";
import type { IssuerRecord } from "../domain/issuer.ts";
import type { Certificates, Issuers } from "../domain/ports.ts";
import { requestedNodeName } from "../domain/requested-node.ts";

export interface SeenCertificateDependencies {
  readonly issuers: Pick<Issuers, "list">;
  readonly certificates: Pick<Certificates, "get">;
  /** @throws when the DER is no certificate. */
  readonly readCertificate: (der: Uint8Array) => CertificateFacts;
}

/**
 * Finds the certificate of a request that somebody else has signed with one of our issuers, another replica for example,
 * as it is to be put on record. Undefined for what is on record, what others' issuers have signed, and what is no
 * certificate.
 */
export function createSeenCertificates({ issuers, certificates, readCertificate }: SeenCertificateDependencies) {
  /** By id: reading a certificate and its key costs more than all the rest. */
  const read = new Map<string, { readonly certificate: X509Certificate; readonly key: KeyObject }>();

  function readIssuer({ id, certificatePem }: IssuerRecord) {
    const known = read.get(id);
    if (known !== undefined) return known;
    const certificate = new X509Certificate(certificatePem);
    const made = { certificate, key: certificate.publicKey };
    read.set(id, made);
    return made;
  }

  return async (csr: CertificateSigningRequest): Promise<CertificateRecord | undefined> => {
    const leaf = leafOf(csr.status.certificate);
    if (leaf === undefined) return undefined;
    const fingerprint = leaf.fingerprint256.replaceAll(":", "").toLowerCase();
    if ((await certificates.get(fingerprint)) !== undefined) return undefined;
    const issuer = (await issuers.list()).find((each) => {
      const { certificate, key } = readIssuer(each);
      return leaf.checkIssued(certificate) && leaf.verify(key);
    });
    return issuer && recordOf(csr, readCertificate(leaf.raw), leaf.raw, issuer.id);
  };
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
