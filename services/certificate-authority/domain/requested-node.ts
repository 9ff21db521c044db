import { NODE_USER_PREFIX } from "../../shared/node-identity.ts";
import type { CsrFacts } from "./csr-facts.ts";

/** The name of the node whose certificate is asked for; undefined when the common name is not a node's. */
export function requestedNodeName({ subject }: Pick<CsrFacts, "subject">): string | undefined {
  if (!subject.commonName.startsWith(NODE_USER_PREFIX)) return undefined;
  return subject.commonName.slice(NODE_USER_PREFIX.length) || undefined;
}
