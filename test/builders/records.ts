import { createHash } from "node:crypto";
import type { CertificateRecord } from "../../services/certificate-authority/domain/certificate.ts";
import type { DecisionRecord } from "../../services/certificate-authority/domain/decision.ts";
import type { IssuerRecord } from "../../services/certificate-authority/domain/issuer.ts";
import { buildSans } from "./subject.ts";

/** A valid kubelet client certificate of node-1, as the ledger keeps it; its DER is not a real certificate. */
export function certificateRecord(overrides: Partial<CertificateRecord> = {}): CertificateRecord {
  const der = overrides.der ?? Buffer.from(`certificate ${overrides.serial ?? "0a1b2c"}`);
  return {
    serial: "0a1b2c",
    fingerprint: createHash("sha256").update(der).digest("hex"),
    issuerId: "11".repeat(32),
    signerName: "kubernetes.io/kube-apiserver-client-kubelet",
    nodeName: "node-1",
    commonName: "system:node:node-1",
    organizations: ["system:nodes"],
    sans: buildSans(),
    spkiSha256: "22".repeat(32),
    notBefore: new Date("2026-01-01T00:00:00Z"),
    notAfter: new Date("2026-02-01T00:00:00Z"),
    issuedAt: new Date("2026-01-01T00:05:00Z"),
    state: "issued",
    requestUid: "6f6e1d3a-0000-4000-8000-000000000001",
    requestName: "csr-abcde",
    requester: "system:bootstrap:abcdef",
    predecessor: undefined,
    der,
    ...overrides,
  };
}

/** The approval of `csr-abcde` by the chain, with a trace of two hooks. */
export function decisionRecord(overrides: Partial<DecisionRecord> = {}): DecisionRecord {
  return {
    requestUid: "6f6e1d3a-0000-4000-8000-000000000001",
    requestName: "csr-abcde",
    signerName: "kubernetes.io/kube-apiserver-client-kubelet",
    requester: "system:bootstrap:abcdef",
    outcome: "approved",
    hook: "kubelet-client",
    reason: "AutoApproved",
    message: "the requester may create nodeclient",
    trace: [
      {
        hook: "manual",
        required: false,
        kind: "noOpinion",
        reason: "NobodyDecided",
        message: "nobody has decided yet",
        evidence: {},
        durationMicroseconds: 3,
      },
      {
        hook: "kubelet-client",
        required: false,
        kind: "approved",
        reason: "AutoApproved",
        message: "the requester may create nodeclient",
        evidence: { recogniser: "nodeclient" },
        durationMicroseconds: 41,
      },
    ],
    decidedBy: "gatehouse",
    decidedAt: new Date("2026-01-01T00:05:00.250Z"),
    ...overrides,
  };
}

/** An active issuer that is valid for 2026; its certificate is not a real one. */
export function issuerRecord(overrides: Partial<IssuerRecord> = {}): IssuerRecord {
  return {
    id: "11".repeat(32),
    commonName: "gatehouse-ca",
    keyAlgorithm: "ecdsa-p256",
    certificateDer: Buffer.from("issuer"),
    certificatePem: "-----BEGIN CERTIFICATE-----\naXNzdWVy\n-----END CERTIFICATE-----\n",
    serial: "01",
    notBefore: new Date("2026-01-01T00:00:00Z"),
    notAfter: new Date("2026-12-31T23:59:59Z"),
    slot: "active",
    origin: "generated",
    createdAt: new Date("2026-01-01T00:00:00Z"),
    name: "default",
    ancestorsPem: "",
    ...overrides,
  };
}
