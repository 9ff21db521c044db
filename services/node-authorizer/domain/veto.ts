import { nodeNameOf } from "../../shared/node-identity.ts";
import { CREDENTIAL_ID_EXTRA } from "../../shared/user-info.ts";
import type { AccessVerdict, Requester } from "./questions.ts";
import { deny, NO_OPINION } from "./verdicts.ts";

/** Who is refused whatever the graph says. */
export interface VetoRules {
  /** @param fingerprint - SHA-256 over the certificate's DER, 64 lower-case hex digits. */
  readonly isRevoked: (fingerprint: string) => boolean;
  readonly isQuarantined: (nodeName: string) => boolean;
  /**
   * Refuse nodes that do not show by exactly one credential who they are. kube-apiserver before 1.32 and impersonation
   * say nothing, so this is off unless asked for.
   */
  readonly requireCredentialId: boolean;
}

export interface VetoedRequester extends Requester {
  readonly extra: Readonly<Record<string, readonly string[]>>;
}

const REVOKED = deny("the credential of this node has been revoked");
const QUARANTINED = deny("this node is quarantined");
const UNKNOWN = deny("the request does not show which credential of the node it was made with");

const CREDENTIAL_ID = /^X509SHA256=([0-9a-f]{64})$/i;

/**
 * Makes the check that comes before all others, for authorization and for admission: `deny` ends kube-apiserver's chain,
 * so nothing later can allow. A revoked certificate is refused whoever uses it; the other rules are about nodes.
 *
 * Source: kubernetes staging/src/k8s.io/apiserver/pkg/authentication/request/x509/x509.go (credential id).
 */
export function createVeto(rules: VetoRules): (user: VetoedRequester) => AccessVerdict {
  return (user) => {
    const shown = user.extra[CREDENTIAL_ID_EXTRA] ?? [];
    // Several values are no proof of any, but one that is revoked is reason enough to refuse.
    const fingerprints = shown.map(fingerprintOf);
    if (fingerprints.some((fingerprint) => fingerprint !== undefined && rules.isRevoked(fingerprint))) return REVOKED;
    const nodeName = nodeNameOf(user);
    if (nodeName === undefined) return NO_OPINION;
    if (rules.isQuarantined(nodeName)) return QUARANTINED;
    const isKnown = fingerprints.length === 1 && fingerprints[0] !== undefined;
    return rules.requireCredentialId && !isKnown ? UNKNOWN : NO_OPINION;
  };
}

function fingerprintOf(credentialId: string): string | undefined {
  return CREDENTIAL_ID.exec(credentialId)?.[1]?.toLowerCase();
}
