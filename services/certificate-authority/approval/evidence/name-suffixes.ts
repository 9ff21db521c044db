import type { EvidenceSource } from "./source.ts";

export interface NameSuffixSettings {
  /** Whether a node has its own name, without anything after it. */
  readonly bareNodeName: boolean;
  /** DNS domains in lower case, in which a node is called by its name. */
  readonly suffixes: readonly string[];
}

/**
 * DNS names made of the node's whole name. It proves that the name is the node's by how it is written: that the domain
 * gives such names to nodes only is what the administrator says.
 */
export function nameSuffixesSource({ bareNodeName, suffixes }: NameSuffixSettings): EvidenceSource {
  return {
    name: "nameSuffixes",
    show(nodeName, { kind, name }) {
      if (kind !== "dns") return undefined;
      if (bareNodeName && name === nodeName) return { isShown: true, says: "it is the node's name", isExact: false };
      const suffix = suffixes.find((candidate) => name === `${nodeName}.${candidate}`);
      if (suffix !== undefined) {
        return { isShown: true, says: `it is the node's name in the domain ${suffix}`, isExact: false };
      }
      const cure = "add to nameSuffixes what follows the node's name in it";
      return { isShown: false, says: "is not the node's name in one of the domains", cure };
    },
  };
}
