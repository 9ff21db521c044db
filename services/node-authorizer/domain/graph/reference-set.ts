import { cell, grown } from "./columns.ts";

/** Up to here, looking through the list is faster than hashing. */
const SHORT = 32;

/** A list of different integers that is filled, read and filled again; each is taken once, in the order of first mention. */
export class ReferenceSet {
  #values = new Int32Array(64);
  #length = 0;
  /** What a list that is not short holds; filled when it stops being short. */
  readonly #members = new Set<number>();

  get length(): number {
    return this.#length;
  }

  /** The first `length` are valid, until the next change. */
  get values(): Int32Array {
    return this.#values;
  }

  clear(): void {
    this.#length = 0;
    if (this.#members.size > 0) this.#members.clear();
  }

  add(value: number): void {
    if (this.#has(value)) return;
    this.#values = grown(this.#values, this.#length + 1);
    this.#values[this.#length] = value;
    this.#length += 1;
  }

  at(index: number): number {
    return cell(this.#values, index);
  }

  #has(value: number): boolean {
    if (this.#length <= SHORT) {
      for (let index = 0; index < this.#length; index += 1) if (this.#values[index] === value) return true;
      return false;
    }
    for (let index = this.#members.size; index < this.#length; index += 1) this.#members.add(this.at(index));
    return this.#members.has(value);
  }
}
