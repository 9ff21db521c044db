import type { IssuerRecord } from "./issuer.ts";

/** A trust domain that the configuration has signers of. */
export interface TrustDomain {
  /** What the configuration calls the issuers of its X.509-SVIDs. */
  readonly issuerNames: readonly string[];
  /** How often, in seconds, clients are to look for a new bundle. */
  readonly refreshHintSeconds: number;
}

/** By name. */
export type TrustDomains = ReadonlyMap<string, TrustDomain>;

/**
 * A number that has grown whenever other CAs are trusted than before: the second in which the last of them came or ended.
 *
 * @param records - of the trust domain, in all slots, expired ones as well.
 * Source: SPIFFE Trust Domain and Bundle section 4.1.1.
 */
export function bundleSequence(records: readonly IssuerRecord[], now: Date): number {
  const instants = records.flatMap(({ createdAt, notAfter, endedAt }) => {
    return [createdAt, notAfter < now ? notAfter : undefined, endedAt];
  });
  return Math.floor(Math.max(0, ...instants.map((instant) => instant?.getTime() ?? 0)) / 1000);
}
