import { cell, grown } from "./columns.ts";
import { NONE } from "./int-table.ts";

/** Doubly linked chains of integers, each in at most one chain; the owner remembers where a chain begins. */
export class Chains {
  #next = new Int32Array(64);
  #previous = new Int32Array(64);

  get bytes(): number {
    return this.#next.byteLength + this.#previous.byteLength;
  }

  /** Puts one before `first`, which is NONE for an empty chain: it is the new first. */
  prepend(id: number, first: number): void {
    this.#next = grown(this.#next, id + 1);
    this.#previous = grown(this.#previous, id + 1);
    this.#previous[id] = NONE;
    this.#next[id] = first;
    if (first !== NONE) this.#previous[first] = id;
  }

  /** @returns the new first of the chain when `id` was it, otherwise undefined. */
  remove(id: number): number | undefined {
    const next = this.next(id);
    const previous = cell(this.#previous, id);
    if (next !== NONE) this.#previous[next] = previous;
    if (previous === NONE) return next;
    this.#next[previous] = next;
    return undefined;
  }

  /** NONE after the last. */
  next(id: number): number {
    return cell(this.#next, id);
  }
}
