import type { ObjectMeta } from "../../shared/kubernetes/object-meta.ts";

export const CSR_GROUP = "certificates.k8s.io";
export const CSR_VERSION = "v1";
export const CSR_API_VERSION = "certificates.k8s.io/v1";
export const CSR_KIND = "CertificateSigningRequest";
export const CSR_RESOURCE = "certificatesigningrequests";

export type ConditionStatus = "True" | "False" | "Unknown";

/** Source: kubernetes staging/src/k8s.io/api/certificates/v1/types.go. */
export interface CsrCondition {
  /** `Approved`, `Denied`, `Failed` or any other. */
  readonly type: string;
  readonly status: ConditionStatus;
  readonly reason?: string;
  readonly message?: string;
  readonly lastUpdateTime?: string;
  readonly lastTransitionTime?: string;
}

export interface CsrSpec {
  /** Base64 of the PEM, as JSON carries it. */
  readonly request: string;
  readonly signerName: string;
  readonly expirationSeconds?: number;
  readonly usages: readonly string[];
  readonly username?: string;
  readonly uid?: string;
  readonly groups?: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>>;
}

export interface CsrStatus {
  readonly conditions?: readonly CsrCondition[];
  /** Base64 of the PEM chain, as JSON carries it. */
  readonly certificate?: string;
}

/**
 * The API object, in the shape of its JSON. Immutable: a change makes a new object, so that an encoding may be cached
 * by object identity.
 */
export interface CertificateSigningRequest {
  readonly apiVersion: typeof CSR_API_VERSION;
  readonly kind: typeof CSR_KIND;
  readonly metadata: ObjectMeta;
  readonly spec: CsrSpec;
  readonly status: CsrStatus;
}

/** Which endpoint a write came through: the object itself, `/approval` or `/status`. */
export type UpdateTarget = "main" | "approval" | "status";

export function conditionOf(csr: CertificateSigningRequest, type: string): CsrCondition | undefined {
  return csr.status.conditions?.find((condition) => condition.type === type);
}

/** The type of the condition that says who has approved a request which several people have to approve. */
export const QUORUM_PENDING = "QuorumPending";

/** The type of the condition that is False while an approved request waits for an issuer that cannot sign yet. */
export const ISSUER_READY = "IssuerReady";

/** Nobody has approved or denied it, nothing failed and no certificate is set: hooks and people may still decide. */
export function isUndecided(csr: CertificateSigningRequest): boolean {
  return (
    !csr.status.certificate &&
    !conditionOf(csr, "Approved") &&
    !conditionOf(csr, "Denied") &&
    !conditionOf(csr, "Failed")
  );
}

/**
 * Approved, not denied, not failed and without a certificate: a signer should sign it.
 *
 * Source: kubernetes pkg/controller/certificates/signer/signer.go.
 */
export function awaitsSignature(csr: CertificateSigningRequest): boolean {
  return (
    !csr.status.certificate &&
    conditionOf(csr, "Approved") !== undefined &&
    conditionOf(csr, "Denied") === undefined &&
    conditionOf(csr, "Failed") === undefined
  );
}
