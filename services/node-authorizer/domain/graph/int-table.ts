import { cell } from "./columns.ts";

/** No such entry. */
export const NONE = -1;

const SMALLEST = 8;
/** 2^32 divided by the golden ratio: spreads consecutive integers. */
const SPREAD = 0x9e3779b1;

/**
 * Integers that are not negative, by keys that are any integers of 32 bits, each there once: open-addressed pairs in one typed
 * array. A place is valid until the next change.
 */
export class IntTable {
  #pairs = new Int32Array(2 * SMALLEST).fill(NONE);
  #shift = 32 - Math.log2(SMALLEST);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get bytes(): number {
    return this.#pairs.byteLength;
  }

  /** The place of a key, or NONE. At most three of four places are taken, so the search ends. */
  find(key: number): number {
    const mask = this.#capacity - 1;
    for (let place = this.#home(key); this.valueAt(place) !== NONE; place = (place + 1) & mask) {
      if (this.#keyAt(place) === key) return place;
    }
    return NONE;
  }

  valueAt(place: number): number {
    return cell(this.#pairs, 2 * place + 1);
  }

  setValueAt(place: number, value: number): void {
    this.#pairs[2 * place + 1] = value;
  }

  /** A key that is not there. */
  insert(key: number, value: number): void {
    this.#size += 1;
    if (4 * this.#size > 3 * this.#capacity) this.#resize(2 * this.#capacity);
    this.#put(key, value);
  }

  /** Closes the gap: what a search would no longer find past it moves into it. */
  removeAt(place: number): void {
    const mask = this.#capacity - 1;
    let gap = place;
    for (let next = (gap + 1) & mask; this.valueAt(next) !== NONE; next = (next + 1) & mask) {
      const distance = (next - this.#home(this.#keyAt(next))) & mask;
      if (distance < ((next - gap) & mask)) continue;
      this.#pairs.copyWithin(2 * gap, 2 * next, 2 * next + 2);
      gap = next;
    }
    this.#pairs[2 * gap + 1] = NONE;
    this.#size -= 1;
    if (this.#capacity > SMALLEST && 8 * this.#size < this.#capacity) this.#resize(this.#capacity / 2);
  }

  *keys(): Generator<number> {
    for (let place = 0; place < this.#capacity; place += 1) if (this.valueAt(place) !== NONE) yield this.#keyAt(place);
  }

  get #capacity(): number {
    return this.#pairs.length / 2;
  }

  #home(key: number): number {
    return Math.imul(key, SPREAD) >>> this.#shift;
  }

  #keyAt(place: number): number {
    return cell(this.#pairs, 2 * place);
  }

  #put(key: number, value: number): void {
    const mask = this.#capacity - 1;
    let place = this.#home(key);
    while (this.valueAt(place) !== NONE) place = (place + 1) & mask;
    this.#pairs[2 * place] = key;
    this.#pairs[2 * place + 1] = value;
  }

  #resize(capacity: number): void {
    const old = this.#pairs;
    this.#pairs = new Int32Array(2 * capacity).fill(NONE);
    this.#shift = 32 - Math.log2(capacity);
    for (let index = 0; index < old.length; index += 2) {
      if (cell(old, index + 1) !== NONE) this.#put(cell(old, index), cell(old, index + 1));
    }
  }
}
