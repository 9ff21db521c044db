import type { AttestationSettings } from "./settings.ts";

/** What the chain of approval hooks says about attestation. */
export interface AttestationHooks {
  /** Whether a hook `node-attestation` is in it. */
  readonly isAsked: boolean;
}

/** What is less safe about attestation as it is configured, each in a sentence that names its setting. */
export function attestationWarnings(
  settings: AttestationSettings | undefined,
  { isAsked }: AttestationHooks,
): readonly string[] {
  if (settings === undefined) {
    return isAsked
      ? [
          "approval.hooks has node-attestation and attestation is not configured: no machine can get a credential by attesting",
        ]
      : [];
  }
  const { credential, nodeObject, onNodeReady, profiles } = settings;
  return [
    ...(isAsked
      ? []
      : ["attestation is configured and approval.hooks has no node-attestation: other hooks decide what attested"]),
    ...(credential.kind === "token"
      ? ["attestation.credential.kind is token: whoever reads the token before its node uses it is that node"]
      : []),
    ...(onNodeReady === "allow"
      ? ["attestation.onNodeReady is allow: a pod that reaches its node's evidence can attest as that node"]
      : []),
    ...(onNodeReady === "deny" && nodeObject === undefined
      ? ["attestation.nodeObject is not set: nobody knows whether a node is Ready, and a pod may attest as its node"]
      : []),
    ...profiles.flatMap(profileWarnings),
  ];
}

function profileWarnings(profile: AttestationSettings["profiles"][number]): readonly string[] {
  const setting = `attestation profile ${profile.name}`;
  const { attestor } = profile;
  if (attestor === "tpm2" && profile.allowUncertifiedEk)
    return [`${setting}: allowUncertifiedEk takes endorsement keys that no vendor vouches for, of enrolled machines`];
  if (attestor === "tpm2" && profile.pcrPolicy === undefined)
    return [`${setting}: no pcrPolicy: what a machine booted is recorded and not judged`];
  return [];
}
