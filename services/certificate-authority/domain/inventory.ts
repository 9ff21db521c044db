import type { CertificateSummary, ExtendedKeyUsage } from "./certificate.ts";
import { EXPIRY_STATES, type ExpiryState, expectationOf } from "./expiry.ts";
import { isRenewedByKubelets, type RenewalWindow, renewalWindow } from "./kubelet-renewal.ts";

/** What a certificate says beyond what the ledger indexes. */
export interface CertificateDetails {
  /** Such as `RSA 2048`, `ECDSA P-256` or `Ed25519`. */
  readonly keyAlgorithm: string;
  /** The key is one that can be computed from its public half, or nearly so. */
  readonly isKeyWeak: boolean;
  /** OpenSSL's name, such as `ecdsa-with-SHA256`; the dotted identifier of one we do not know. */
  readonly signatureAlgorithm: string;
  readonly isSignatureWeak: boolean;
  readonly extendedKeyUsages: readonly ExtendedKeyUsage[];
  readonly isAuthority: boolean;
}

/** What a node has of one signer. */
export interface Holding {
  readonly signerName: string;
  /** The one that began last. */
  readonly newest: CertificateSummary;
  /** A revoked one is lost, however long it has to live. */
  readonly state: ExpiryState;
  /** When the next one is asked for: by the kubelet, or by whoever else should. */
  readonly renewal: RenewalWindow;
  readonly renewsItself: boolean;
}

/** What a node has of the signer of its newest certificate. */
export function holdingOf(newest: CertificateSummary, now: Date): Holding {
  const { signerName } = newest;
  const { state, renewalBegins, renewalEnds, renewsItself } = expectationOf(newest, now);
  return {
    ...{ signerName, newest, renewsItself },
    state: newest.state === "revoked" ? "lost" : state,
    renewal: { begins: renewalBegins, ends: renewalEnds },
  };
}

/** The worst of a node's states: what it must be looked at for. */
export function worstState(holdings: readonly Pick<Holding, "state">[]): ExpiryState {
  return EXPIRY_STATES.findLast((state) => holdings.some((holding) => holding.state === state)) ?? "fresh";
}

/** A certificate among those of its node and signer. */
export interface HeldCertificate {
  readonly certificate: CertificateSummary;
  /** Fingerprints of those that replace it; more than one where several were made from the same. */
  readonly successors: readonly string[];
  /** When the first of them began. */
  readonly replacedAt: Date | undefined;
  /** Its kubelet should have asked for the next one before that, or before now when there is none. */
  readonly isLate: boolean;
}

/** What replaced what among the certificates of one node, in the order given. */
export function linkCertificates(certificates: readonly CertificateSummary[], now: Date): readonly HeldCertificate[] {
  const followers = new Map<string | undefined, CertificateSummary[]>();
  for (const certificate of certificates) {
    const siblings = followers.get(certificate.predecessor);
    if (siblings === undefined) followers.set(certificate.predecessor, [certificate]);
    else siblings.push(certificate);
  }
  return certificates.map((certificate) => {
    const next = followers.get(certificate.fingerprint) ?? [];
    const replacedAt = next.map(({ notBefore }) => notBefore).toSorted((a, b) => a.getTime() - b.getTime())[0];
    const isLate = isRenewedByKubelets(certificate.signerName) && isRenewedLate(certificate, replacedAt ?? now);
    return { certificate, successors: next.map(({ fingerprint }) => fingerprint), replacedAt, isLate };
  });
}

/** What was revoked was to be renewed by nobody. */
function isRenewedLate(certificate: CertificateSummary, at: Date): boolean {
  return certificate.state === "issued" && at > renewalWindow(certificate).ends;
}

/** The nodes that certificates are on record for. */
export interface NodeInventory {
  /** Names in their order (by code units of UTF-8), after the given one. */
  namesAfter(nodeName: string, limit: number): readonly string[];
  /** The newest certificate of a node for each signer, in the order of their names. */
  newestOf(nodeName: string): readonly CertificateSummary[];
}
