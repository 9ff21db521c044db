import type { Logger } from "../../../shared/logging.ts";
import type { Attestations } from "../../domain/attestation.ts";
import type { NodeAddresses, OpenNodeAddresses } from "../../domain/node-addresses.ts";
import { addressRangesSource } from "./address-ranges.ts";
import { attestationSource } from "./attestation.ts";
import { dnsSource } from "./dns.ts";
import { inventorySource } from "./inventory.ts";
import { nameSuffixesSource } from "./name-suffixes.ts";
import { nodeObjectSource } from "./node-object.ts";
import type { EvidenceSourceSettings } from "./settings.ts";
import type { EvidenceSource } from "./source.ts";

export interface EvidenceDependencies {
  readonly logger: Pick<Logger, "info" | "warn" | "error">;
  /** What is on record about machines. */
  readonly attestations: Pick<Attestations, "bindingOf">;
  /** Called when a source knows something new: what waits may be decided otherwise now. */
  readonly onNewEvidence?: (() => void) | undefined;
  /** Without it, no cluster is asked: sources that stand on one cannot be asked. */
  readonly openNodeAddresses?: OpenNodeAddresses | undefined;
}

/**
 * Makes the sources as they are configured, in their order.
 *
 * @throws {Error} when one cannot be used; then none is left open.
 */
export function createEvidenceSources(
  settings: readonly EvidenceSourceSettings[],
  deps: EvidenceDependencies,
): readonly EvidenceSource[] {
  const sources: EvidenceSource[] = [];
  try {
    for (const source of settings) sources.push(createSource(source, deps));
  } catch (error) {
    for (const source of sources) source.close?.();
    throw error;
  }
  return sources;
}

function createSource(settings: EvidenceSourceSettings, deps: EvidenceDependencies): EvidenceSource {
  const { logger, onNewEvidence = () => undefined, openNodeAddresses = openNothing } = deps;
  if ("inventory" in settings) return inventorySource(settings.inventory.file, logger, onNewEvidence);
  if ("nodeObject" in settings) return nodeObjectSource(openNodeAddresses(settings.nodeObject, onNewEvidence));
  if ("attestation" in settings) return attestationSource(deps.attestations);
  if ("dns" in settings) return dnsSource(settings.dns);
  if ("addressRanges" in settings) return addressRangesSource(settings.addressRanges);
  return nameSuffixesSource(settings.nameSuffixes);
}

/** For what runs beside no server, such as a replay. */
function openNothing(): NodeAddresses {
  const problem = "no cluster is asked here";
  return {
    addressesOf: () => Promise.reject(new Error(problem)),
    othersWith() {
      throw new Error(problem);
    },
    isGone: () => false,
    close: () => undefined,
  };
}
