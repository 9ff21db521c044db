import { NONE } from "../graph/int-table.ts";
import { CLAIM, kindName, kindNumber, type ObjectRef, POD, SECRET, VOLUME } from "../graph/object-kind.ts";
import type { ReferenceGraph } from "../graph/reference-graph.ts";

/** One way from an object to a node, with both ends. */
export type Path = readonly ObjectRef[];

/** Finds one way to the node by looking through its pods; undefined without any. */
export function pathTo(graph: ReferenceGraph, object: ObjectRef, node: number): Path | undefined {
  const kind = kindNumber(object.kind);
  if (node === NONE || !graph.hasPath(kind, object.namespace, object.name, node)) return undefined;
  const end: ObjectRef = { kind: "node", namespace: "", name: graph.nodes.nameOf(node) };
  if (kind === POD) return [object, end];
  const wanted = wantedOf(graph, kind, object);
  for (const pod of podsOf(graph, node)) {
    for (let index = 0; index < graph.pods.referenceCount(pod); index += 1) {
      const via = viaOf(graph, graph.pods.reference(pod, index), wanted);
      if (via !== undefined) return [object, ...via, podRef(graph, pod), end];
    }
  }
  return [object, end];
}

/** The pods of a node, in no particular order. */
export function* podsOf({ nodes, pods }: ReferenceGraph, node: number): Generator<number> {
  if (node === NONE) return;
  for (let pod = nodes.firstPod(node); pod !== NONE; pod = pods.chains.next(pod)) yield pod;
}

/** The volumes of a claim, in no particular order. */
export function* volumesOf({ objects, volumes }: ReferenceGraph, claim: number): Generator<number> {
  for (let volume = objects.firstVolume(claim); volume !== NONE; volume = volumes.chains.next(volume)) yield volume;
}

export function objectRef({ objects }: ReferenceGraph, id: number): ObjectRef {
  return { kind: kindName(objects.kindOf(id)), namespace: objects.namespaceOf(id), name: objects.nameOf(id) };
}

export function podRef({ pods }: ReferenceGraph, pod: number): ObjectRef {
  return { kind: "pod", namespace: pods.namespaceOf(pod), name: pods.nameOf(pod) };
}

export function volumeRef({ volumes }: ReferenceGraph, volume: number): ObjectRef {
  return { kind: "persistentVolume", namespace: "", name: volumes.nameOf(volume) };
}

/** What to look for among a pod's references: the object itself, a volume, or a secret of volumes. */
interface Wanted {
  readonly object: number;
  readonly volume: number;
  readonly secret: number;
}

function wantedOf({ objects, volumes }: ReferenceGraph, kind: number, { namespace, name }: ObjectRef): Wanted {
  if (kind === VOLUME) return { object: NONE, volume: volumes.find(name), secret: NONE };
  const object = objects.find(kind, namespace, name);
  return { object, volume: NONE, secret: kind === SECRET ? object : NONE };
}

/** What lies between the wanted object and the pod with this reference; undefined when that leads elsewhere. */
function viaOf(graph: ReferenceGraph, reference: number, wanted: Wanted): Path | undefined {
  if (reference === wanted.object) return [];
  if (graph.objects.kindOf(reference) !== CLAIM) return undefined;
  for (const volume of volumesOf(graph, reference)) {
    if (volume === wanted.volume) return [objectRef(graph, reference)];
    if (wanted.secret !== NONE && holdsSecret(graph, volume, wanted.secret)) {
      return [volumeRef(graph, volume), objectRef(graph, reference)];
    }
  }
  return undefined;
}

function holdsSecret({ volumes }: ReferenceGraph, volume: number, secret: number): boolean {
  for (let index = 0; index < volumes.secretCount(volume); index += 1) {
    if (volumes.secret(volume, index) === secret) return true;
  }
  return false;
}
