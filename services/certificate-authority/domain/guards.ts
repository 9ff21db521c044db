import { REVOCATION_HOOK } from "./after-chain.ts";

/**
 * The guards that look at what else was asked for, by the names they have in traces. They deny, or hold a request back
 * (required, without an opinion), and never approve.
 */
export const GUARDS: ReadonlySet<string> = new Set([
  REVOCATION_HOOK,
  ...["supersede", "first-join", "certificate-rate", "pending-limits"],
]);
