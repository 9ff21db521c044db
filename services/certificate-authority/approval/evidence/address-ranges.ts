import { compileGlob } from "../../domain/glob.ts";
import { isInIpRange } from "../../domain/ip-range.ts";
import type { EvidenceSource } from "./source.ts";

/** Addresses that nodes of these names may have. */
export interface AddressRange {
  readonly ranges: readonly string[];
  /** Patterns of node names, `*` being anything; all nodes when absent. */
  readonly nodes?: readonly string[] | undefined;
}

/**
 * Addresses by network. It proves that the address is one of such nodes, not of which: within a range a node may claim
 * its neighbour's address, unless something else holds it back.
 */
export function addressRangesSource(settings: readonly AddressRange[]): EvidenceSource {
  const entries = settings.map(({ ranges, nodes }) => ({
    ranges,
    tests: nodes?.map((pattern) => compileGlob(pattern)),
  }));
  return {
    name: "addressRanges",
    show(nodeName, { kind, name }) {
      if (kind !== "ip") return undefined;
      const ofNode = entries.filter(({ tests }) => tests === undefined || tests.some((matches) => matches(nodeName)));
      const ranges = ofNode.flatMap((entry) => entry.ranges);
      const range = ranges.find((candidate) => isInIpRange(name, candidate));
      if (range !== undefined)
        return { isShown: true, says: `nodes of this name have addresses in ${range}`, isExact: false };
      const says =
        ranges.length === 0 ? "has no range for nodes of this name" : "is in no range for nodes of this name";
      return { isShown: false, says, cure: "add a range that holds it to addressRanges" };
    },
  };
}
