import type {
  CertificateSigningRequest,
  CsrStatus,
} from "../../services/certificate-authority/domain/certificate-signing-request.ts";
import type { ObjectMeta } from "../../services/shared/kubernetes/object-meta.ts";

export interface StoredCsrArguments {
  readonly metadata?: Partial<ObjectMeta>;
  readonly status?: CsrStatus;
  /** Stands for the base64 of a PEM; the ledger does not look into it. */
  readonly request?: string;
}

/** An undecided object as issuance hands it to the ledger: complete, without a resourceVersion. */
export function storedCsr(
  name: string,
  { metadata, status, request }: StoredCsrArguments = {},
): CertificateSigningRequest {
  return {
    apiVersion: "certificates.k8s.io/v1",
    kind: "CertificateSigningRequest",
    metadata: {
      name,
      uid: `uid-of-${name}`,
      resourceVersion: "",
      creationTimestamp: "2026-01-01T00:00:00Z",
      ...metadata,
    },
    spec: {
      request: request ?? "LS0tLS1CRUdJTg==",
      signerName: "kubernetes.io/kube-apiserver-client-kubelet",
      usages: ["digital signature", "client auth"],
      username: "system:bootstrap:abcdef",
      groups: ["system:bootstrappers"],
    },
    status: status ?? {},
  };
}

export const APPROVED: CsrStatus = { conditions: [{ type: "Approved", status: "True", reason: "AutoApproved" }] };
export const DENIED: CsrStatus = { conditions: [{ type: "Denied", status: "True", reason: "NotOurs" }] };
export const ISSUED: CsrStatus = { ...APPROVED, certificate: "LS0tLS1DRVJU" };

/** The status of a request that was answered with this certificate. */
export function issuedWith(der: Uint8Array): CsrStatus {
  const base64 = Buffer.from(der).toString("base64");
  const pem = `-----BEGIN CERTIFICATE-----\n${base64}\n-----END CERTIFICATE-----\n`;
  return { ...APPROVED, certificate: Buffer.from(pem).toString("base64") };
}
