import { cell } from "./columns.ts";
import type { Fingerprint } from "./fingerprint.ts";
import { NONE } from "./int-table.ts";

const SMALLEST = 8;
/** Two words of a fingerprint, and the integer. */
const WIDTH = 3;
const VALUE = 2;

/**
 * Integers that are not negative, by fingerprints, each there once: open-addressed in one typed array. To find one among a
 * million reads one cold line of memory; maps of V8 read four or five, which takes longer than all else of a decision.
 */
export class FingerprintTable {
  #slots = new Int32Array(WIDTH * SMALLEST).fill(NONE);
  #size = 0;

  get size(): number {
    return this.#size;
  }

  get bytes(): number {
    return this.#slots.byteLength;
  }

  /** NONE when it is not there. */
  find(fingerprint: Fingerprint): number {
    return this.#valueAt(this.#search(cell(fingerprint, 0), cell(fingerprint, 1)));
  }

  /**
   * One that is not there.
   *
   * @param at - where in `words` its fingerprint begins.
   */
  insert(words: Int32Array, value: number, at = 0): void {
    this.#size += 1;
    if (4 * this.#size > 3 * this.#capacity) this.#resize(2 * this.#capacity);
    this.#put(cell(words, at), cell(words, at + 1), value);
  }

  /**
   * Takes out one that is there. Closes the gap: what a search would no longer find past it moves into it.
   *
   * @param at - where in `words` its fingerprint begins.
   */
  remove(words: Int32Array, at = 0): void {
    const mask = this.#capacity - 1;
    let gap = this.#search(cell(words, at), cell(words, at + 1));
    for (let next = (gap + 1) & mask; this.#valueAt(next) !== NONE; next = (next + 1) & mask) {
      const distance = (next - (cell(this.#slots, WIDTH * next) & mask)) & mask;
      if (distance < ((next - gap) & mask)) continue;
      this.#slots.copyWithin(WIDTH * gap, WIDTH * next, WIDTH * next + WIDTH);
      gap = next;
    }
    this.#slots[WIDTH * gap + VALUE] = NONE;
    this.#size -= 1;
    if (this.#capacity > SMALLEST && 8 * this.#size < this.#capacity) this.#resize(this.#capacity / 2);
  }

  get #capacity(): number {
    return this.#slots.length / WIDTH;
  }

  #valueAt(place: number): number {
    return cell(this.#slots, WIDTH * place + VALUE);
  }

  /** Where it is, or would be. At most three of four places are taken, so it ends. */
  #search(first: number, second: number): number {
    const slots = this.#slots;
    const mask = this.#capacity - 1;
    for (let place = first & mask; ; place = (place + 1) & mask) {
      const slot = WIDTH * place;
      if (cell(slots, slot + VALUE) === NONE) return place;
      if (cell(slots, slot) === first && cell(slots, slot + 1) === second) return place;
    }
  }

  #put(first: number, second: number, value: number): void {
    const slot = WIDTH * this.#search(first, second);
    this.#slots[slot] = first;
    this.#slots[slot + 1] = second;
    this.#slots[slot + VALUE] = value;
  }

  #resize(capacity: number): void {
    const old = this.#slots;
    this.#slots = new Int32Array(WIDTH * capacity).fill(NONE);
    for (let slot = 0; slot < old.length; slot += WIDTH) {
      const value = cell(old, slot + VALUE);
      if (value !== NONE) this.#put(cell(old, slot), cell(old, slot + 1), value);
    }
  }
}
