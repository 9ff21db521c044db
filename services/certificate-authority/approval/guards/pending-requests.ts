import type { CertificateSigningRequest } from "../../domain/certificate-signing-request.ts";
import type { CsrFacts } from "../../domain/csr-facts.ts";
import type { PendingRequests } from "../../domain/ports.ts";
import { requestedNodeName } from "../../domain/requested-node.ts";

interface Entry {
  readonly uid: string;
  readonly name: string;
  readonly requester: string;
  readonly node: string | undefined;
  /** Requester, signer and node, where a node is meant. */
  readonly purpose: string | undefined;
  readonly createdAt: number;
}

/** Which requests wait, in memory: as many as are stored, some hundred octets each. */
export interface KnownPendingRequests extends PendingRequests {
  has(uid: string): boolean;
  /** How many of this requester wait. */
  countOfRequester(requester: string): number;
  /** How many for this node wait that others than the node made. */
  countOfNode(nodeName: string): number;
  /** The name of a request for the same purpose that was created later; undefined when there is none. */
  newerThan(uid: string): string | undefined;
}

/** Nobody waits. */
export function createPendingRequests(): KnownPendingRequests {
  const entries = new Map<string, Entry>();
  const uidOfName = new Map<string, string>();
  const ofPurpose = new Map<string, Set<Entry>>();
  const perRequester = new Map<string, number>();
  const perNode = new Map<string, number>();
  let tell: ((name: string) => void) | undefined;

  function remove(uid: string): void {
    const entry = entries.get(uid);
    if (entry === undefined) return;
    entries.delete(uid);
    if (uidOfName.get(entry.name) === uid) uidOfName.delete(entry.name);
    count(perRequester, entry.requester, -1);
    if (entry.node !== undefined) count(perNode, entry.node, -1);
    if (entry.purpose === undefined) return;
    const others = ofPurpose.get(entry.purpose);
    others?.delete(entry);
    if (others?.size === 0) ofPurpose.delete(entry.purpose);
  }

  return {
    keep(csr, facts) {
      if (entries.has(csr.metadata.uid)) return;
      const entry = entryOf(csr, facts);
      entries.set(entry.uid, entry);
      uidOfName.set(entry.name, entry.uid);
      count(perRequester, entry.requester, 1);
      if (entry.node !== undefined) count(perNode, entry.node, 1);
      if (entry.purpose === undefined) return;
      const others = ofPurpose.get(entry.purpose) ?? new Set();
      const older = [...others].filter(({ createdAt }) => createdAt < entry.createdAt);
      ofPurpose.set(entry.purpose, others.add(entry));
      for (const { name } of older) tell?.(name);
    },
    remove,
    removeNamed(name) {
      const uid = uidOfName.get(name);
      if (uid !== undefined) remove(uid);
    },
    onSuperseded(listener) {
      tell = listener;
    },
    has: (uid) => entries.has(uid),
    countOfRequester: (requester) => perRequester.get(requester) ?? 0,
    countOfNode: (nodeName) => perNode.get(nodeName) ?? 0,
    newerThan(uid) {
      const entry = entries.get(uid);
      if (entry?.purpose === undefined) return undefined;
      const newer = [...(ofPurpose.get(entry.purpose) ?? [])].find(({ createdAt }) => createdAt > entry.createdAt);
      return newer?.name;
    },
  };
}

/** What the node asks for itself does not count among what is asked in its name. */
function entryOf({ metadata, spec }: CertificateSigningRequest, facts: CsrFacts): Entry {
  const requester = spec.username ?? "";
  const node = requestedNodeName(facts);
  return {
    ...{ uid: metadata.uid, name: metadata.name, requester },
    node: requester === facts.subject.commonName ? undefined : node,
    purpose: node === undefined ? undefined : JSON.stringify([requester, spec.signerName, node]),
    createdAt: Date.parse(metadata.creationTimestamp),
  };
}

function count(counts: Map<string, number>, key: string, difference: 1 | -1): void {
  const next = (counts.get(key) ?? 0) + difference;
  if (next === 0) counts.delete(key);
  else counts.set(key, next);
}
