import type { Logger } from "../../../shared/logging.ts";
import { addressRangesSource } from "./address-ranges.ts";
import { inventorySource } from "./inventory.ts";
import { nameSuffixesSource } from "./name-suffixes.ts";
import type { EvidenceSourceSettings } from "./settings.ts";
import type { EvidenceSource } from "./source.ts";

export interface EvidenceDependencies {
  readonly logger: Pick<Logger, "info" | "warn" | "error">;
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

function createSource(settings: EvidenceSourceSettings, { logger }: EvidenceDependencies): EvidenceSource {
  if ("inventory" in settings) return inventorySource(settings.inventory.file, logger);
  if ("addressRanges" in settings) return addressRangesSource(settings.addressRanges);
  return nameSuffixesSource(settings.nameSuffixes);
}
