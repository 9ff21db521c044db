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

const CREDENTIAL_ID_PREFIX = "X509SHA256=";
const CREDENTIAL_ID = new RegExp(`^${CREDENTIAL_ID_PREFIX}[0-9a-f]{64}$`, "i");
const NOTHING_SHOWN: readonly string[] = [];

/**
 * Makes the check that comes before all others, for authorization and for admission: `deny` ends kube-apiserver's chain,
 * so nothing later can allow. A revoked certificate is refused whoever uses it; the other rules are about nodes.
 *
 * Source: kubernetes staging/src/k8s.io/apiserver/pkg/authentication/request/x509/x509.go (credential id).
 */
export function createVeto(rules: VetoRules): (user: VetoedRequester) => AccessVerdict {
  return (user) => {
    const shown = user.extra[CREDENTIAL_ID_EXTRA] ?? NOTHING_SHOWN;
    let known = 0;
    for (const credentialId of shown) {
      if (!CREDENTIAL_ID.test(credentialId)) continue;
      // Several values are no proof of any, but one that is revoked is reason enough to refuse.
      if (rules.isRevoked(credentialId.slice(CREDENTIAL_ID_PREFIX.length).toLowerCase())) return REVOKED;
      known += 1;
    }
    const nodeName = nodeNameOf(user);
    if (nodeName === undefined) return NO_OPINION;
    if (rules.isQuarantined(nodeName)) return QUARANTINED;
    const isKnown = known === 1 && shown.length === 1;
    return rules.requireCredentialId && !isKnown ? UNKNOWN : NO_OPINION;
  };
}
