import { BOUND_NODE_EXTRA } from "../../shared/user-info.ts";
import type { CertificateSummary } from "./certificate.ts";
import type { CertificateSigningRequest } from "./certificate-signing-request.ts";
import type { CsrFacts, PublicKeyKind, Subject, SubjectAltNames } from "./csr-facts.ts";
import { requestedNodeName } from "./requested-node.ts";

/** What is judged, and when. */
export interface ReviewSubject {
  readonly csr: CertificateSigningRequest;
  readonly facts: CsrFacts;
  readonly now: Date;
  /** True when nothing will follow from the decision: an explanation, a replay, a shadow chain. */
  readonly isRehearsal?: boolean;
}

/**
 * A request with all that is known about it, as scripts, webhooks and policies see it and as replay finds it again: plain
 * JSON, every field always there. Times are RFC 3339 in UTC with milliseconds, hashes and serials lower-case hex. Fields
 * are added, never removed or given another meaning, while `apiVersion` stays.
 */
export interface ReviewDocument {
  readonly apiVersion: "gatehouse.dev/v1";
  readonly kind: "Review";
  readonly now: string;
  /** True when nothing will follow from the decision: an explanation, a replay, a shadow chain. */
  readonly isRehearsal: boolean;
  readonly request: {
    readonly name: string;
    readonly uid: string;
    readonly createdAt: string;
    readonly signerName: string;
    readonly usages: readonly string[];
    /** 0 when the request names no lifetime. */
    readonly expirationSeconds: number;
    readonly labels: Readonly<Record<string, string>>;
    readonly annotations: Readonly<Record<string, string>>;
  };
  /** Who created the request, as it was authenticated then. */
  readonly requester: {
    readonly username: string;
    readonly uid: string;
    readonly groups: readonly string[];
    readonly extra: Readonly<Record<string, readonly string[]>>;
  };
  readonly subject: Subject;
  readonly sans: SubjectAltNames;
  readonly key: {
    readonly algorithm: PublicKeyKind["algorithm"];
    /** Of an RSA modulus; 0 for other keys. */
    readonly bits: number;
    /** Empty for keys without one. */
    readonly curve: string;
    /** SHA-256 of the SubjectPublicKeyInfo. */
    readonly spkiSha256: string;
  };
  /** The node of common name `system:node:<name>`; empty for everything else. */
  readonly nodeName: string;
  /** The only node that the requester's bootstrap token is good for; empty when it is not bound. */
  readonly boundNodeName: string;
  /** Certificates that the node has, or had, from the same signer: the newest first, at most ten. */
  readonly previous: readonly PreviousCertificate[];
  /** The machine that the node's name is bound to since it attested; null when there is none. */
  readonly binding: ReviewedBinding | null;
}

export interface ReviewedBinding {
  readonly id: string;
  /** The kind of attestor, such as `tpm2`, and what it calls the machine. */
  readonly attestor: string;
  readonly machineId: string;
  /** The profile that judged the evidence. */
  readonly profile: string;
  /** Verified facts of the last attestation. */
  readonly fields: Readonly<Record<string, string>>;
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
  readonly attestedAt: string;
  /** Whether an administrator enrolled the machine. */
  readonly isEnrolled: boolean;
  /** Whether the requester's credential is what that machine got for its evidence, and was not revoked. */
  readonly isRequester: boolean;
}

export interface PreviousCertificate {
  readonly serial: string;
  readonly fingerprint: string;
  readonly state: "valid" | "expired" | "revoked";
  readonly notBefore: string;
  readonly notAfter: string;
  readonly issuedAt: string;
  readonly spkiSha256: string;
  readonly requester: string;
  readonly sans: SubjectAltNames;
}

/** Puts the document together. */
export function reviewDocument(
  { csr, facts, now, isRehearsal = false }: ReviewSubject,
  previous: readonly CertificateSummary[],
  binding: ReviewedBinding | null = null,
): ReviewDocument {
  const { metadata, spec } = csr;
  return {
    apiVersion: "gatehouse.dev/v1",
    kind: "Review",
    now: now.toISOString(),
    isRehearsal,
    request: {
      name: metadata.name,
      uid: metadata.uid,
      createdAt: new Date(metadata.creationTimestamp).toISOString(),
      signerName: spec.signerName,
      usages: spec.usages ?? [],
      expirationSeconds: spec.expirationSeconds ?? 0,
      labels: metadata.labels ?? {},
      annotations: metadata.annotations ?? {},
    },
    requester: {
      username: spec.username ?? "",
      uid: spec.uid ?? "",
      groups: spec.groups ?? [],
      extra: spec.extra ?? {},
    },
    subject: facts.subject,
    sans: facts.sans,
    key: {
      algorithm: facts.key.algorithm,
      bits: facts.key.algorithm === "RSA" ? facts.key.bits : 0,
      curve: facts.key.algorithm === "ECDSA" ? facts.key.curve : "",
      spkiSha256: facts.spkiSha256,
    },
    nodeName: requestedNodeName(facts) ?? "",
    boundNodeName: spec.extra?.[BOUND_NODE_EXTRA]?.[0] ?? "",
    previous: previous.map((certificate) => previousCertificate(certificate, now)),
    binding,
  };
}

function previousCertificate(certificate: CertificateSummary, now: Date): PreviousCertificate {
  const { serial, fingerprint, state, notBefore, notAfter, issuedAt, spkiSha256, requester, sans } = certificate;
  const ageing = notAfter < now ? "expired" : "valid";
  return {
    serial,
    fingerprint,
    state: state === "revoked" ? "revoked" : ageing,
    notBefore: notBefore.toISOString(),
    notAfter: notAfter.toISOString(),
    issuedAt: issuedAt.toISOString(),
    spkiSha256,
    requester: requester ?? "",
    sans,
  };
}
