import { cell } from "./columns.ts";

const EMPTY = -1;
const SMALLEST = 8;
/** 2^32 divided by the golden ratio: spreads consecutive integers. */
const SPREAD = 0x9e3779b1;

/**
 * How often an object is reached from each node: an open-addressed table of (node, count) pairs in one typed array, for
 * the objects that more than one node reaches. Looking up costs the same however many nodes there are.
 */
export class NodeCounts {
  #pairs = new Int32Array(2 * SMALLEST).fill(EMPTY);
  #shift = 32 - Math.log2(SMALLEST);
  #size = 0;

  /** How many nodes there are. */
  get size(): number {
    return this.#size;
  }

  get bytes(): number {
    return this.#pairs.byteLength;
  }

  get(node: number): number {
    const slot = this.#slotOf(node);
    return cell(this.#pairs, 2 * slot) === EMPTY ? 0 : cell(this.#pairs, 2 * slot + 1);
  }

  /** Changes a node's count by `change`; a node whose count becomes 0 is gone. @returns the new count. */
  add(node: number, change: number): number {
    const slot = this.#slotOf(node);
    if (cell(this.#pairs, 2 * slot) === EMPTY) {
      this.#pairs[2 * slot] = node;
      this.#pairs[2 * slot + 1] = change;
      this.#size += 1;
      if (2 * this.#size > this.#capacity) this.#resize(2 * this.#capacity);
      return change;
    }
    const count = cell(this.#pairs, 2 * slot + 1) + change;
    this.#pairs[2 * slot + 1] = count;
    if (count === 0) this.#remove(slot);
    return count;
  }

  *nodes(): Generator<number> {
    for (let slot = 0; slot < this.#capacity; slot += 1) {
      const node = cell(this.#pairs, 2 * slot);
      if (node !== EMPTY) yield node;
    }
  }

  get #capacity(): number {
    return this.#pairs.length / 2;
  }

  #home(node: number): number {
    return Math.imul(node, SPREAD) >>> this.#shift;
  }

  /** Where the node is, or where it would go. At most half of the slots are taken, so the search ends. */
  #slotOf(node: number): number {
    const mask = this.#capacity - 1;
    let slot = this.#home(node);
    for (;;) {
      const found = cell(this.#pairs, 2 * slot);
      if (found === node || found === EMPTY) return slot;
      slot = (slot + 1) & mask;
    }
  }

  /** Closes the gap: what a search would no longer find past it moves into it. */
  #remove(slot: number): void {
    const mask = this.#capacity - 1;
    let gap = slot;
    for (let next = (gap + 1) & mask; ; next = (next + 1) & mask) {
      const node = cell(this.#pairs, 2 * next);
      if (node === EMPTY) break;
      const distance = (next - this.#home(node)) & mask;
      if (distance < ((next - gap) & mask)) continue;
      this.#pairs.copyWithin(2 * gap, 2 * next, 2 * next + 2);
      gap = next;
    }
    this.#pairs[2 * gap] = EMPTY;
    this.#size -= 1;
    if (this.#capacity > SMALLEST && 8 * this.#size < this.#capacity) this.#resize(this.#capacity / 2);
  }

  #resize(capacity: number): void {
    const old = this.#pairs;
    this.#pairs = new Int32Array(2 * capacity).fill(EMPTY);
    this.#shift = 32 - Math.log2(capacity);
    for (let index = 0; index < old.length; index += 2) {
      const node = cell(old, index);
      if (node === EMPTY) continue;
      const slot = this.#slotOf(node);
      this.#pairs[2 * slot] = node;
      this.#pairs[2 * slot + 1] = cell(old, index + 1);
    }
  }
}
