import type { CertificateRecord, SignedCertificate } from "../domain/certificate.ts";
import type { CertificateSigningRequest } from "../domain/certificate-signing-request.ts";
import type { CsrFacts } from "../domain/csr-facts.ts";
import { buildIntent } from "../domain/intent.ts";
import type { ActiveIssuer } from "../domain/issuer.ts";
import { isRenewedByKubelets } from "../domain/kubelet-renewal.ts";
import { isPodRecord } from "../domain/pod-certificate.ts";
import { requestedNodeName } from "../domain/requested-node.ts";
import type { IssuanceSettings, WorkDependencies } from "./contract.ts";
import { observed } from "./phases.ts";

export interface Certified {
  /** What `status.certificate` holds. */
  readonly certificateBase64: string;
  readonly record: CertificateRecord;
}

/**
 * Signs a certificate under an issuer for a request that was judged fit for it. Nothing is stored yet, and nothing may be released.
 *
 * @throws whatever keeps the issuer from signing: to be tried again, never recorded as Failed.
 */
export async function certify(
  deps: WorkDependencies,
  csr: CertificateSigningRequest,
  facts: CsrFacts,
  issuer: ActiveIssuer,
  now: Date,
): Promise<Certified> {
  const { signer, settings, observe } = deps;
  const lifetime = deps.configuredSigners.get(csr.spec.signerName)?.lifetime;
  const limits = {
    ...{ maximumSeconds: settings.maximumLifetimeSeconds, ...lifetime, issuerNotAfter: issuer.notAfter },
    ...{ spread: spreadFor(csr, settings), isForPod: isPodRecord(csr.metadata.name) },
  };
  const intent = buildIntent(csr.spec, facts, limits, now);
  const signed = await observed(observe, "sign", () => signer.sign(intent, issuer.description.id));
  const record = recordOf(csr, facts, signed, now);
  return { certificateBase64: Buffer.from(signed.pem + issuer.chainPem, "latin1").toString("base64"), record };
}

/** Kubelets alone: whoever else has a certificate renews it by hand, or counts on its whole lifetime. */
function spreadFor({ spec, metadata }: CertificateSigningRequest, { spread }: IssuanceSettings) {
  return spread !== undefined && isRenewedByKubelets(spec.signerName) ? { by: spread, key: metadata.uid } : undefined;
}

function recordOf(
  { metadata, spec }: CertificateSigningRequest,
  { subject, sans, spkiSha256 }: CsrFacts,
  { serial, fingerprint, issuerId, notBefore, notAfter, der }: SignedCertificate,
  issuedAt: Date,
): CertificateRecord {
  return {
    nodeName: requestedNodeName({ subject }),
    // The ledger knows the newest of the node when it stores this one, and nobody before that.
    predecessor: undefined,
    serial,
    fingerprint,
    issuerId,
    signerName: spec.signerName,
    commonName: subject.commonName,
    organizations: subject.organization,
    sans,
    spkiSha256,
    notBefore,
    notAfter,
    issuedAt,
    state: "issued",
    requestUid: metadata.uid,
    requestName: metadata.name,
    requester: spec.username,
    der,
  };
}
