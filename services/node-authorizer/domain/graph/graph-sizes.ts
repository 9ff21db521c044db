import { NONE } from "./int-table.ts";
import { kindName, type ObjectKind, POD } from "./object-kind.ts";
import type { ReferenceGraph } from "./reference-graph.ts";

export interface GraphSizes {
  /** Ends of edges, by kind. Pods that are not bound and volumes without a claim are none. */
  readonly vertices: Readonly<Record<ObjectKind, number>>;
  readonly edges: number;
  /** What the tables of numbers take; names come on top. */
  readonly tableBytes: number;
}

/** Takes time in proportion to pods and volumes: for a person, or once in a while. */
export function graphSizes({ nodes, objects, pods, volumes, edges }: ReferenceGraph): GraphSizes {
  const vertices = { pod: 0, persistentVolume: 0, node: nodes.size } as Record<ObjectKind, number>;
  for (let kind = 0; kind < POD; kind += 1) vertices[kindName(kind)] = objects.sizeOf(kind);
  for (const pod of pods.ids()) if (pods.nodeOf(pod) !== NONE) vertices.pod += 1;
  for (const volume of volumes.ids()) if (volumes.claimOf(volume) !== NONE) vertices.persistentVolume += 1;
  return { vertices, edges, tableBytes: nodes.bytes + objects.bytes + pods.bytes + volumes.bytes };
}
