import { z } from "zod";
import { dnsDomain, evidenceSourceSchema, reservedName } from "../evidence/settings.ts";

const MAXIMUM_SOURCES = 20;

/** What the hook may be told besides what all hooks are. */
export const kubeletServingShape = {
  /** What shows that a name belongs to a node; asked in this order, the first that does is enough. */
  sources: z.array(evidenceSourceSchema).min(1).max(MAXIMUM_SOURCES),
  /** What becomes of a request with a name that no source shows: a person decides, or it is denied. */
  otherwise: z.enum(["noOpinion", "deny"]).default("noOpinion"),
  /** Less safe when false: a node may get a name or address that another one's valid certificate has. */
  unique: z.boolean().default(true),
  /** The domain of the cluster's services: no node has a name in it. */
  clusterDomain: dnsDomain.default("cluster.local"),
  /** Further domains, addresses and ranges that belong to no node: service addresses, load balancers. */
  reserved: z.array(reservedName).max(1000).default([]),
};
