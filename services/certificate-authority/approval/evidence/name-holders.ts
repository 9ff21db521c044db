import type { NameHolder } from "../../domain/ports.ts";
import { showName } from "../../domain/shown-name.ts";
import type { EvidenceSource } from "./source.ts";

/** How long a name counts as being certified: by then the certificate is on record, or will not be made. */
const CLAIM_MILLISECONDS = 60_000;

/** By name: the node that a certificate with it is being made for. */
export type NameClaims = Map<string, { readonly nodeName: string; readonly untilMilliseconds: number }>;

export interface NameHoldersOptions {
  readonly certificates: {
    otherHoldersOf(name: string, nodeName: string, now: Date): readonly NameHolder[];
  };
  /** Those that know whether a node is gone are asked; what it held is free then. */
  readonly sources: readonly EvidenceSource[];
  /** Shared by all that judge names, those of a chain that is about to be replaced included. */
  readonly claims?: NameClaims | undefined;
}

/** Keeps a name from being certified for two nodes. */
export interface NameHolders {
  /** Who else holds the name, in words; undefined when nobody does. */
  heldBy(name: string, nodeName: string, now: Date): string | undefined;
  /**
   * Has the names for a node, until their certificate is on record.
   * @throws {Error} when another node is just getting one of them: to be tried again.
   */
  claim(names: readonly string[], nodeName: string, now: Date): void;
}

export function createNameHolders({
  certificates,
  sources,
  claims = new Map() as NameClaims,
}: NameHoldersOptions): NameHolders {
  const isGone = (nodeName: string): boolean => sources.some((source) => source.isGone?.(nodeName) ?? false);

  function forgetOld(nowMilliseconds: number): void {
    for (const [name, { untilMilliseconds }] of claims) if (untilMilliseconds < nowMilliseconds) claims.delete(name);
  }

  return {
    heldBy(name, nodeName, now) {
      const others = certificates.otherHoldersOf(name, nodeName, now);
      const holder = others.find((other) => other.nodeName === undefined || !isGone(other.nodeName));
      return holder && `held by ${who(holder)} until ${holder.notAfter.toISOString()} (serial ${holder.serial})`;
    },
    claim(names, nodeName, now) {
      forgetOld(now.getTime());
      for (const name of names) {
        const claimant = claims.get(name)?.nodeName ?? nodeName;
        if (claimant === nodeName) continue;
        throw new Error(`${showName(name)} is just being certified for node ${showName(claimant)}`);
      }
      const untilMilliseconds = now.getTime() + CLAIM_MILLISECONDS;
      for (const name of names) claims.set(name, { nodeName, untilMilliseconds });
    },
  };
}

function who({ nodeName, commonName, signerName }: NameHolder): string {
  return nodeName === undefined ? `${showName(commonName)} of ${signerName}` : `node ${showName(nodeName)}`;
}
