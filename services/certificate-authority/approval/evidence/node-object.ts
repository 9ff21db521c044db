import { LRUCache } from "lru-cache";
import type { NodeAddresses } from "../../domain/node-addresses.ts";
import { showName } from "../../domain/shown-name.ts";
import type { EvidenceSource, Showing } from "./source.ts";

/** All names of a request are asked about at the same time, and need one answer. */
const REMEMBERED_MILLISECONDS = 1000;
const MAXIMUM_REMEMBERED = 1000;

/**
 * What the node's object in a cluster has as its addresses. It proves what whoever wrote them there knew: a cloud
 * provider, or the kubelet itself, which may write any address to its own object. So an address that another node's
 * object has, too, is nobody's, and nothing is exact.
 */
export function nodeObjectSource(nodes: NodeAddresses): EvidenceSource {
  const asked = new LRUCache<string, ReturnType<NodeAddresses["addressesOf"]>>({
    max: MAXIMUM_REMEMBERED,
    ttl: REMEMBERED_MILLISECONDS,
  });

  function addressesOf(nodeName: string, signal: AbortSignal | undefined) {
    const before = asked.get(nodeName);
    if (before !== undefined) return before;
    const answer = nodes.addressesOf(nodeName, signal);
    asked.set(nodeName, answer);
    answer.catch(() => asked.delete(nodeName));
    return answer;
  }

  return {
    name: "nodeObject",
    async show(nodeName, { name }, signal): Promise<Showing> {
      const addresses = await addressesOf(nodeName, signal);
      if (addresses === undefined) {
        return { isShown: false, says: "there is no such Node", cure: "have the Node registered" };
      }
      if (!addresses.includes(name)) {
        return { isShown: false, says: "the Node does not have it", cure: "have it among the Node's status.addresses" };
      }
      const [other] = nodes.othersWith(name, nodeName);
      if (other === undefined) return { isShown: true, says: "the Node has it in status.addresses", isExact: false };
      const says = `Node ${showName(other)} has it as well`;
      return { isShown: false, says, cure: `remove it from Node ${showName(other)}` };
    },
    isGone: (nodeName) => nodes.isGone(nodeName),
    close: () => nodes.close(),
  };
}
