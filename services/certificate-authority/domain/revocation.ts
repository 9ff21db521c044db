import { NODE_USER_PREFIX } from "../../shared/node-identity.ts";
import { CREDENTIAL_ID_EXTRA } from "../../shared/user-info.ts";
import type { CertificateSummary } from "./certificate.ts";
import type { CsrSpec } from "./certificate-signing-request.ts";
import type { CsrFacts } from "./csr-facts.ts";
import { requestedNodeName } from "./requested-node.ts";

/**
 * Why a certificate is taken back, with the code of each in CRLs and OCSP. `certificateHold` and `removeFromCRL` are left
 * out on purpose: a revocation is for good, so that whoever has heard of one need not hear more. `aACompromise` is for
 * attribute certificates, which nobody here makes.
 *
 * Source: RFC 5280 section 5.3.1.
 */
export const REASON_CODES = {
  unspecified: 0,
  keyCompromise: 1,
  cACompromise: 2,
  affiliationChanged: 3,
  superseded: 4,
  cessationOfOperation: 5,
  privilegeWithdrawn: 9,
} as const;

export type RevocationReason = keyof typeof REASON_CODES;

export const REVOCATION_REASONS = Object.keys(REASON_CODES) as readonly RevocationReason[];

/** Whose certificates are taken back. Hashes are SHA-256 in lower-case hex. */
export type RevocationTarget =
  | { readonly kind: "certificates"; readonly fingerprints: readonly string[] }
  /** All that are still valid; the key is certified no more, whether there are any or not. */
  | { readonly kind: "key"; readonly spkiSha256: string }
  /** All that are still valid; with a quarantine nothing is signed for the node until it is readmitted. */
  | { readonly kind: "node"; readonly nodeName: string; readonly quarantine: boolean };

export interface Revocation {
  readonly target: RevocationTarget;
  readonly reason: RevocationReason;
  /** For people; may be empty. */
  readonly message: string;
  readonly by: string;
}

/** One line of the feed. Of a key that has no certificate on record only `spkiSha256` is known. */
export interface RevocationEntry {
  /** Grows; not without gaps. What comes later has a greater one, also after a backup was restored. */
  readonly sequence: number;
  readonly type: "revoked" | "quarantined" | "readmitted";
  readonly fingerprint: string | undefined;
  readonly serial: string | undefined;
  readonly issuerId: string | undefined;
  readonly nodeName: string | undefined;
  readonly spkiSha256: string | undefined;
  /** The certificate's. */
  readonly notAfter: Date | undefined;
  readonly reason: RevocationReason;
  readonly message: string;
  readonly at: Date;
  readonly by: string;
}

/** What was taken back, as far as it matters to requests. Synchronous: every request asks. */
export interface RevocationLookups {
  isQuarantined(nodeName: string): boolean;
  /** Whether a certificate for the key was ever revoked, for whatever reason. */
  isKeyRevoked(spkiSha256: string): boolean;
  isCertificateRevoked(fingerprint: string): boolean;
}

/** Everything that was taken back. What is revoked counts from the moment the order was given, before it is durable. */
export interface Revocations extends RevocationLookups {
  /** In the order of their names. */
  quarantinedNodes(): readonly string[];
  /** The newest sequence; 0 when there is none. */
  head(): number;
  /** The entries after a sequence, the oldest first. */
  after(sequence: number, limit: number): Promise<readonly RevocationEntry[]>;
  /** The same of one issuer's certificates. */
  ofIssuer(issuerId: string, afterSequence: number, limit: number): Promise<readonly RevocationEntry[]>;
  ofCertificate(fingerprint: string): Promise<RevocationEntry | undefined>;
  /** The certificates that an order would hit at `now`: not those that are revoked already. */
  affected(target: RevocationTarget, now: Date): Promise<readonly CertificateSummary[]>;
  /** Carries an order out in one durable commit: all of it or nothing. @returns what is new by it. */
  revoke(order: Revocation): Promise<readonly RevocationEntry[]>;
  /**
   * Ends a quarantine; what was revoked stays so.
   * @returns undefined when the node is in none.
   */
  readmit(nodeName: string, message: string, by: string): Promise<RevocationEntry | undefined>;
  /** Called after each commit. @returns what ends that. */
  onChange(listener: () => void): () => void;
}

/** Why nothing is certified for a request; `reason` becomes that of the condition. */
export interface RevocationViolation {
  readonly reason: "NodeQuarantined" | "RevokedCredential" | "RevokedKey";
  /** A sentence for people, the requester among them. */
  readonly message: string;
  readonly evidence: Readonly<Record<string, unknown>>;
}

/** Who asks, as the API server has set it. */
type Requester = Pick<CsrSpec, "username" | "extra">;

const CREDENTIAL_ID = /^x509sha256=([0-9a-f]{64})$/;

/**
 * What speaks against certifying a request because something was taken back: the node it is for or that makes it, the
 * certificate it was authenticated with, or the key. Undefined when nothing does.
 *
 * Source: kubernetes staging/src/k8s.io/apiserver/pkg/authentication/request/x509/x509.go (the credential's id).
 */
export function revocationViolation(
  requester: Requester,
  facts: Pick<CsrFacts, "subject" | "spkiSha256">,
  lookups: RevocationLookups,
): RevocationViolation | undefined {
  const node = [requestedNodeName(facts), nodeOf(requester)].find(
    (name) => name !== undefined && lookups.isQuarantined(name),
  );
  if (node !== undefined) {
    const message = `node ${JSON.stringify(node)} is quarantined; it gets no certificate until it is readmitted`;
    return { reason: "NodeQuarantined", message, evidence: { node } };
  }
  const fingerprint = credentialsOf(requester).find((each) => lookups.isCertificateRevoked(each));
  if (fingerprint !== undefined) {
    const message = "the certificate that this was asked with is revoked";
    return { reason: "RevokedCredential", message, evidence: { fingerprint } };
  }
  const { spkiSha256 } = facts;
  if (!lookups.isKeyRevoked(spkiSha256)) return undefined;
  return {
    reason: "RevokedKey",
    message: "a certificate for this key was revoked; make a new key",
    evidence: { spkiSha256 },
  };
}

function nodeOf({ username = "" }: Requester): string | undefined {
  return username.startsWith(NODE_USER_PREFIX) ? username.slice(NODE_USER_PREFIX.length) : undefined;
}

/** Fingerprints of the certificates that a request was authenticated with, one at most unless somebody made them up. */
function credentialsOf({ extra }: Requester): readonly string[] {
  const values = extra?.[CREDENTIAL_ID_EXTRA];
  return values === undefined ? [] : values.flatMap((value) => CREDENTIAL_ID.exec(value.toLowerCase())?.[1] ?? []);
}
