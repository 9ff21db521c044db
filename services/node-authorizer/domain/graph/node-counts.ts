import { IntTable, NONE } from "./int-table.ts";

/**
 * How often an object is reached from each node, for the objects that more than one node reaches. Looking up costs the same
 * however many nodes there are.
 */
export class NodeCounts {
  readonly #counts = new IntTable();

  /** How many nodes there are. */
  get size(): number {
    return this.#counts.size;
  }

  get bytes(): number {
    return this.#counts.bytes;
  }

  get(node: number): number {
    const place = this.#counts.find(node);
    return place === NONE ? 0 : this.#counts.valueAt(place);
  }

  /** Changes a node's count by `change`; a node whose count becomes 0 is gone. @returns the new count. */
  add(node: number, change: number): number {
    const counts = this.#counts;
    const place = counts.find(node);
    if (place === NONE) {
      counts.insert(node, change);
      return change;
    }
    const count = counts.valueAt(place) + change;
    if (count === 0) counts.removeAt(place);
    else counts.setValueAt(place, count);
    return count;
  }

  nodes(): Generator<number> {
    return this.#counts.keys();
  }
}
