import { NONE } from "../graph/int-table.ts";
import {
  ATTACHMENT,
  CERTIFICATE_REQUEST,
  CLAIM,
  kindNumber,
  type ObjectRef,
  POD,
  SLICE,
  VOLUME,
} from "../graph/object-kind.ts";
import type { ReferenceGraph } from "../graph/reference-graph.ts";
import { objectRef, type Path, pathTo, podRef, podsOf, volumeRef, volumesOf } from "./paths.ts";

/** Everything the graph lets a node read: what whoever takes over the node can read. */
export interface Readable {
  readonly node: string;
  readonly objects: readonly ObjectRef[];
}

export interface NodeThatReads {
  readonly node: string;
  readonly path: Path;
}

/** What draining a node would change. Mirror pods and those of DaemonSets stay, and what is bound to the node itself. */
export interface Drain {
  readonly node: string;
  readonly evicted: readonly ObjectRef[];
  readonly staying: readonly ObjectRef[];
  /** What the node could no longer read, the evicted pods not among it. */
  readonly lost: readonly ObjectRef[];
  /** What it could read still, pods not among it. */
  readonly kept: readonly ObjectRef[];
}

/** Sorted by kind, namespace and name. A node that nothing leads to reads nothing. */
export function readableBy(graph: ReferenceGraph, nodeName: string): Readable {
  const node = graph.nodes.find(nodeName);
  const pods = [...podsOf(graph, node)];
  const objects = [...pods.map((pod) => podRef(graph, pod)), ...reachedFrom(graph, pods), ...boundTo(graph, node)];
  return { node: nodeName, objects: objects.sort(byName) };
}

/** Every node with a way to the object, one way each; sorted by node. */
export function nodesThatRead(graph: ReferenceGraph, object: ObjectRef): readonly NodeThatReads[] {
  const found: NodeThatReads[] = [];
  for (const node of nodesWith(graph, object)) {
    const path = pathTo(graph, object, node);
    if (path !== undefined) found.push({ node: graph.nodes.nameOf(node), path });
  }
  return found.sort((left, right) => compare(left.node, right.node));
}

export function drain(graph: ReferenceGraph, nodeName: string): Drain {
  const node = graph.nodes.find(nodeName);
  const all = [...podsOf(graph, node)];
  const staying = all.filter((pod) => graph.pods.isMirror(pod) || graph.pods.isDaemon(pod));
  const evicted = all.filter((pod) => !staying.includes(pod));
  const kept = reachedFrom(graph, staying);
  const keptNames = new Set(kept.map(keyOf));
  return {
    node: nodeName,
    evicted: evicted.map((pod) => podRef(graph, pod)).sort(byName),
    staying: staying.map((pod) => podRef(graph, pod)).sort(byName),
    lost: reachedFrom(graph, evicted)
      .filter((object) => !keptNames.has(keyOf(object)))
      .sort(byName),
    kept: [...kept, ...boundTo(graph, node)].sort(byName),
  };
}

/** What pods refer to, with the volumes of their claims and the secrets of those. */
function reachedFrom(graph: ReferenceGraph, pods: readonly number[]): ObjectRef[] {
  const objects = new Set<number>();
  const volumes = new Set<number>();
  for (const pod of pods) {
    for (let index = 0; index < graph.pods.referenceCount(pod); index += 1) {
      const id = graph.pods.reference(pod, index);
      objects.add(id);
      if (graph.objects.kindOf(id) !== CLAIM) continue;
      for (const volume of volumesOf(graph, id)) volumes.add(volume);
    }
  }
  for (const volume of volumes) {
    for (let index = 0; index < graph.volumes.secretCount(volume); index += 1) {
      objects.add(graph.volumes.secret(volume, index));
    }
  }
  return [...[...objects].map((id) => objectRef(graph, id)), ...[...volumes].map((id) => volumeRef(graph, id))];
}

function boundTo(graph: ReferenceGraph, node: number): ObjectRef[] {
  const found: ObjectRef[] = [];
  if (node === NONE) return found;
  for (const kind of [ATTACHMENT, SLICE, CERTIFICATE_REQUEST]) {
    for (const id of graph.objects.idsOf(kind)) {
      if (graph.objects.isReachedFrom(id, node)) found.push(objectRef(graph, id));
    }
  }
  return found;
}

function nodesWith(graph: ReferenceGraph, { kind, namespace, name }: ObjectRef): Iterable<number> {
  const number = kindNumber(kind);
  if (number === POD) {
    const pod = graph.pods.find(namespace, name);
    const node = pod === NONE ? NONE : graph.pods.nodeOf(pod);
    return node === NONE ? [] : [node];
  }
  const volume = number === VOLUME && namespace === "" ? graph.volumes.find(name) : NONE;
  const id =
    number === VOLUME ? (volume === NONE ? NONE : graph.volumes.claimOf(volume)) : idOf(graph, number, namespace, name);
  return id === NONE ? [] : graph.objects.nodesOf(id);
}

/** Nodes are not looked up among objects. */
function idOf({ objects }: ReferenceGraph, kind: number, namespace: string, name: string): number {
  return kind < POD ? objects.find(kind, namespace, name) : NONE;
}

function keyOf({ kind, namespace, name }: ObjectRef): string {
  return `${kind}/${namespace}/${name}`;
}

function byName(left: ObjectRef, right: ObjectRef): number {
  return compare(left.kind, right.kind) || compare(left.namespace, right.namespace) || compare(left.name, right.name);
}

function compare(left: string, right: string): number {
  return left < right ? -1 : left > right ? 1 : 0;
}
