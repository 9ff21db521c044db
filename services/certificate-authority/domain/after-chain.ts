import type { TraceEntry } from "./decision.ts";

/** The signer's profile, judged again right before a signature; shown in traces like a hook. */
export const PROFILE_HOOK = "signer-profile";
/** What the issuer may certify; shown alike. */
export const NAMES_HOOK = "name-constraints";
/** The guard for keys, which is asked in the chain and once more before a signature. */
export const KEY_POLICY_HOOK = "key-policy";

/** The guard for what was taken back; it is asked before a signature as well. */
export const REVOCATION_HOOK = "revocation";

/** Whether an entry of a trace is the last look before a signature, and no hook of the chain. */
export function isAfterChain({ hook, required, kind }: TraceEntry): boolean {
  if (hook === PROFILE_HOOK || hook === NAMES_HOOK) return true;
  // As guards of the chain they are never required.
  return (hook === KEY_POLICY_HOOK || hook === REVOCATION_HOOK) && required && kind === "denied";
}
