import type { ApprovalHook, Certificates } from "../../domain/ports.ts";
import type { RevocationLookups } from "../../domain/revocation.ts";
import type { ChainLink } from "../chain.ts";
import { certificateRateGuard } from "./certificate-rate.ts";
import { type AttestedRequesters, firstJoinGuard } from "./first-join.ts";
import { pendingLimits } from "./pending-limits.ts";
import type { KnownPendingRequests } from "./pending-requests.ts";
import { revocationGuard } from "./revoked.ts";
import type { GuardSettings } from "./settings.ts";
import { supersedeGuard } from "./supersede.ts";

export interface GuardDependencies {
  readonly certificates: Pick<Certificates, "ofNode">;
  readonly pending: KnownPendingRequests;
  readonly revocations: RevocationLookups;
  readonly attested: AttestedRequesters;
}

export interface Guards {
  /** Asked before the hooks. */
  readonly links: readonly ChainLink[];
  /** Asked about new requests that would wait. */
  readonly limits: readonly ApprovalHook[];
}

/** Makes the guards as they are configured. Those that hold requests back are required, and skip what they let pass. */
export function createGuards(
  settings: GuardSettings,
  { certificates, pending, revocations, attested }: GuardDependencies,
): Guards {
  const { supersede, firstJoin, certificatesPerNodePerHour } = settings;
  return {
    links: [
      { hook: revocationGuard(revocations), required: false },
      ...(supersede ? [{ hook: supersedeGuard(pending), required: false }] : []),
      ...(firstJoin === "allow" ? [] : [{ hook: firstJoinGuard(certificates, firstJoin, attested), required: true }]),
      { hook: certificateRateGuard(certificates, certificatesPerNodePerHour), required: true },
    ],
    limits: [pendingLimits(pending, settings)],
  };
}
