import { REVOCATION_HOOK } from "../../domain/after-chain.ts";
import type { ApprovalHook } from "../../domain/ports.ts";
import { type RevocationLookups, revocationViolation } from "../../domain/revocation.ts";
import { NOTHING_TO_GUARD } from "./skipped.ts";

/** Denies what is asked with a revoked certificate, for a revoked key, or by or for a node in quarantine. */
export function revocationGuard(lookups: RevocationLookups): ApprovalHook {
  return {
    name: REVOCATION_HOOK,
    review({ csr, facts }) {
      const violation = revocationViolation(csr.spec, facts, lookups);
      return violation === undefined ? NOTHING_TO_GUARD : { kind: "denied", ...violation };
    },
  };
}
