import { cell, grown } from "./columns.ts";
import { NONE } from "./int-table.ts";
import { NameTable } from "./name-table.ts";
import { NodeCounts } from "./node-counts.ts";
import { POD } from "./object-kind.ts";

/** More than one node: counted in a table of its own. */
const SEVERAL = -2;

/**
 * Everything that is reached by name: all kinds but pods and volumes. An object is there as long as it is the end of an
 * edge. For each, how many ways lead to each node: one, mostly, which takes two integers.
 */
export class Objects {
  readonly #names = new NameTable(POD);
  readonly #several = new Map<number, NodeCounts>();
  #edges = new Int32Array(256);
  #node = new Int32Array(256);
  #count = new Int32Array(256);
  #firstVolume = new Int32Array(256);

  get bytes(): number {
    let bytes = this.#names.bytes;
    for (const column of [this.#edges, this.#node, this.#count, this.#firstVolume]) bytes += column.byteLength;
    for (const counts of this.#several.values()) bytes += counts.bytes;
    return bytes;
  }

  /** One more than the largest integer of an object. */
  get end(): number {
    return this.#names.end;
  }

  sizeOf(kind: number): number {
    return this.#names.sizeOf(kind);
  }

  find(kind: number, namespace: string, name: string): number {
    return this.#names.find(kind, namespace, name);
  }

  /** Whether there is a way from the object of that name to the node. */
  hasWay(kind: number, namespace: string, name: string, node: number): boolean {
    const id = this.find(kind, namespace, name);
    return id !== NONE && this.isReachedFrom(id, node);
  }

  /** The object of that name; made, without edges, when there is none. */
  intern(kind: number, namespace: string, name: string): number {
    const id = this.#names.findOrAdd(kind, namespace, name);
    if (id >= this.#edges.length) this.#grow(id + 1);
    if (cell(this.#edges, id) > 0) return id;
    // Its integer may have been another's.
    this.#node[id] = NONE;
    this.#firstVolume[id] = NONE;
    return id;
  }

  kindOf(id: number): number {
    return this.#names.kindOf(id);
  }

  nameOf(id: number): string {
    return this.#names.nameOf(id);
  }

  namespaceOf(id: number): string {
    return this.#names.namespaceOf(id);
  }

  idsOf(kind: number): Generator<number> {
    return this.#names.ids(kind);
  }

  addEdge(id: number): void {
    this.#edges[id] = cell(this.#edges, id) + 1;
  }

  /** The object goes with its last edge. */
  removeEdge(id: number): void {
    const edges = cell(this.#edges, id) - 1;
    this.#edges[id] = edges;
    if (edges === 0) this.#names.remove(id);
  }

  isReachedFrom(id: number, node: number): boolean {
    const only = cell(this.#node, id);
    return only === SEVERAL ? (this.#several.get(id)?.get(node) ?? 0) > 0 : only === node;
  }

  /** One more way to the node. @returns whether it is the first. */
  addWay(id: number, node: number): boolean {
    const only = cell(this.#node, id);
    if (only === SEVERAL) return this.#several.get(id)?.add(node, 1) === 1;
    if (only === node) {
      this.#count[id] = cell(this.#count, id) + 1;
      return false;
    }
    if (only === NONE) {
      this.#node[id] = node;
      this.#count[id] = 1;
    } else {
      const counts = new NodeCounts();
      counts.add(only, cell(this.#count, id));
      counts.add(node, 1);
      this.#several.set(id, counts);
      this.#node[id] = SEVERAL;
    }
    return true;
  }

  /** One way less to the node. @returns whether it was the last. */
  removeWay(id: number, node: number): boolean {
    const counts = cell(this.#node, id) === SEVERAL ? this.#several.get(id) : undefined;
    if (counts === undefined) {
      const count = cell(this.#count, id) - 1;
      this.#count[id] = count;
      if (count === 0) this.#node[id] = NONE;
      return count === 0;
    }
    const isLast = counts.add(node, -1) === 0;
    if (isLast && counts.size === 1) this.#becomeSingle(id, counts);
    return isLast;
  }

  /** The nodes that ways lead to. */
  *nodesOf(id: number): Generator<number> {
    const only = cell(this.#node, id);
    if (only === SEVERAL) yield* this.#several.get(id)?.nodes() ?? [];
    else if (only !== NONE) yield only;
  }

  nodeCountOf(id: number): number {
    const only = cell(this.#node, id);
    if (only === SEVERAL) return this.#several.get(id)?.size ?? 0;
    return only === NONE ? 0 : 1;
  }

  /** The first in a claim's chain of volumes; NONE without one. */
  firstVolume(id: number): number {
    return cell(this.#firstVolume, id);
  }

  setFirstVolume(id: number, volume: number): void {
    this.#firstVolume[id] = volume;
  }

  #becomeSingle(id: number, counts: NodeCounts): void {
    for (const node of counts.nodes()) {
      this.#node[id] = node;
      this.#count[id] = counts.get(node);
    }
    this.#several.delete(id);
  }

  #grow(needed: number): void {
    this.#edges = grown(this.#edges, needed);
    this.#node = grown(this.#node, needed);
    this.#count = grown(this.#count, needed);
    this.#firstVolume = grown(this.#firstVolume, needed);
  }
}
