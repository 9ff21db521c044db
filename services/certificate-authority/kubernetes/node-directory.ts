import { formatIpAddress, parseIpAddress } from "../domain/ip-address.ts";

/** As much of a Node as we look at. Source: kubernetes staging/src/k8s.io/api/core/v1/types.go (Node, NodeAddress). */
export interface NodeObject {
  readonly metadata?: { readonly name?: string; readonly resourceVersion?: string };
  readonly status?: { readonly addresses?: readonly { readonly type?: string; readonly address?: string }[] };
}

/** All nodes of a cluster: which names and addresses each has, and which nodes have one. */
export class NodeDirectory {
  readonly #byNode = new Map<string, readonly string[]>();
  readonly #byName = new Map<string, Set<string>>();

  get size(): number {
    return this.#byNode.size;
  }

  has(nodeName: string): boolean {
    return this.#byNode.has(nodeName);
  }

  nodesWith(name: string): Iterable<string> {
    return this.#byName.get(name) ?? [];
  }

  /** @returns whether something is otherwise now. */
  put(node: NodeObject): boolean {
    const nodeName = node.metadata?.name;
    if (!nodeName) return false;
    const names = namesOf(node);
    if (this.#byNode.get(nodeName)?.join(" ") === names.join(" ")) return false;
    this.remove(nodeName);
    this.#byNode.set(nodeName, names);
    for (const name of names) {
      const nodes = this.#byName.get(name) ?? new Set();
      this.#byName.set(name, nodes.add(nodeName));
    }
    return true;
  }

  /** @returns whether it was there. */
  remove(nodeName: string): boolean {
    for (const name of this.#byNode.get(nodeName) ?? []) {
      const nodes = this.#byName.get(name);
      nodes?.delete(nodeName);
      if (nodes?.size === 0) this.#byName.delete(name);
    }
    return this.#byNode.delete(nodeName);
  }
}

/** The addresses of a Node of every type (host names as well as IP addresses), each once. */
export function namesOf({ status }: NodeObject): readonly string[] {
  const names = (status?.addresses ?? []).flatMap(({ address }) => (address ? [canonical(address)] : []));
  return [...new Set(names)];
}

function canonical(address: string): string {
  const octets = parseIpAddress(address);
  return (octets && formatIpAddress(octets)) ?? address.toLowerCase();
}
