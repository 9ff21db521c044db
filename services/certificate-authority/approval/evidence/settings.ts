import { z } from "zod";
import { parseIpAddress } from "../../domain/ip-address.ts";
import { isIpRange } from "../../domain/ip-range.ts";

const MAXIMUM_ENTRIES = 1000;
const DOMAIN = /^(?=.{1,253}$)[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*$/;

/** As `dns.setServers` takes it: the port stands behind an IPv4 address, or one in brackets. */
function isNameServer(text: string): boolean {
  const [, address = "", port = "53"] =
    /^(?:\[([^\]]+)\]|([^:]+)|(.*))(?::(\d{1,5}))?$/.exec(text)?.filter(Boolean) ?? [];
  return parseIpAddress(address) !== undefined && Number(port) <= 65_535;
}

/** A DNS domain in lower case, without dots around it. */
export const dnsDomain = z.string().regex(DOMAIN, "must be a DNS domain in lower case, for example example.com");

const range = z
  .string()
  .refine(isIpRange, "must be an address and a prefix length, for example 10.0.0.0/8 or fd00::/8");

/** A domain, an address or a range of addresses. */
export const reservedName = z
  .string()
  .refine(
    (text) => DOMAIN.test(text) || isIpRange(text) || parseIpAddress(text) !== undefined,
    "must be a DNS domain in lower case, an address or a range of addresses",
  );

/** How a node is called. */
const nodeNames = {
  bareNodeName: z.boolean().default(true),
  suffixes: z.array(dnsDomain).max(MAXIMUM_ENTRIES).default([]),
};

/** One key: the kind of source. */
export const evidenceSourceSchema = z.union([
  z.strictObject({
    /** What an administrator wrote down, in YAML or, with a name that ends in .csv, CSV. */
    inventory: z.strictObject({ file: z.string().min(1) }),
  }),
  z.strictObject({
    /** What the node's machine showed to be its own when it attested. */
    attestation: z.strictObject({}),
  }),
  z.strictObject({
    /** The addresses of the Node object, in the cluster that a kubeconfig names. */
    nodeObject: z.strictObject({
      kubeconfigFile: z.string().min(1),
      timeoutSeconds: z.number().min(0.1).max(60).default(5),
    }),
  }),
  z.strictObject({
    /** Less safe where it stands alone: within a range, a node may claim its neighbour's address. */
    addressRanges: z
      .array(
        z.strictObject({
          ranges: z.array(range).min(1).max(MAXIMUM_ENTRIES),
          /** Patterns of node names; all nodes when absent. */
          nodes: z.array(z.string().min(1).max(253)).min(1).max(MAXIMUM_ENTRIES).optional(),
        }),
      )
      .min(1)
      .max(MAXIMUM_ENTRIES),
  }),
  z.strictObject({
    /** The node's name, alone and in domains. */
    nameSuffixes: z
      .strictObject(nodeNames)
      .refine(({ bareNodeName, suffixes }) => bareNodeName || suffixes.length > 0, "shows nothing: give suffixes"),
  }),
  z.strictObject({
    /** Less safe: whoever can write or forge DNS answers, forward and reverse, can take a node's addresses. */
    dns: z
      .strictObject({
        ...nodeNames,
        ranges: z.array(range).min(1).max(MAXIMUM_ENTRIES),
        servers: z
          .array(z.string().refine(isNameServer, "must be an address, or address:port"))
          .min(1)
          .max(10)
          .optional(),
        timeoutSeconds: z.number().min(0.1).max(30).default(2),
      })
      .refine(({ bareNodeName, suffixes }) => bareNodeName || suffixes.length > 0, "shows nothing: give suffixes"),
  }),
]);

export type EvidenceSourceSettings = z.infer<typeof evidenceSourceSchema>;

/** Whether one of the sources asks another server, so that it answers for now and not for the past. */
export function asksAnybody(sources: readonly EvidenceSourceSettings[]): boolean {
  return sources.some((source) => "nodeObject" in source || "dns" in source);
}

/** The settings with every path made absolute by `resolve`. */
export function resolveEvidencePaths(
  sources: readonly EvidenceSourceSettings[],
  resolve: (path: string) => string,
): EvidenceSourceSettings[] {
  return sources.map((source): EvidenceSourceSettings => {
    if ("inventory" in source) return { inventory: { file: resolve(source.inventory.file) } };
    if (!("nodeObject" in source)) return source;
    const { kubeconfigFile, ...others } = source.nodeObject;
    return { nodeObject: { ...others, kubeconfigFile: resolve(kubeconfigFile) } };
  });
}
