import { cell, grown } from "./columns.ts";

const UUID_LENGTH = 36;
const WORDS = 4;
const HYPHEN = 45;

/** Values of a hexadecimal digit by its character code; 255 for what is none. Lower case only: what is made again is the same. */
const DIGITS = new Uint8Array(128).fill(255);
for (let value = 0; value < 16; value += 1) DIGITS[value.toString(16).charCodeAt(0)] = value;

const EMPTY = 0;
const UUID = 1;
const OTHER = 2;

/** Unique ids by small integers: a UUID takes 16 bytes instead of a string's 56. */
export class Uids {
  #words = new Uint32Array(256);
  #forms = new Uint8Array(64);
  readonly #others = new Map<number, string>();
  readonly #scratch = new Uint32Array(WORDS);

  get bytes(): number {
    return this.#words.byteLength + this.#forms.byteLength;
  }

  set(index: number, uid: string): void {
    this.clear(index);
    this.#forms = grown(this.#forms, index + 1);
    this.#words = grown(this.#words, WORDS * (index + 1));
    const form = this.#read(uid);
    this.#forms[index] = form;
    if (form === UUID) this.#words.set(this.#scratch, WORDS * index);
    if (form === OTHER) this.#others.set(index, uid);
  }

  is(index: number, uid: string): boolean {
    const form = this.#read(uid);
    if (cell(this.#forms, index) !== form) return false;
    if (form === OTHER) return this.#others.get(index) === uid;
    if (form === EMPTY) return true;
    for (let word = 0; word < WORDS; word += 1) {
      if (this.#words[WORDS * index + word] !== this.#scratch[word]) return false;
    }
    return true;
  }

  clear(index: number): void {
    if (this.#others.size > 0) this.#others.delete(index);
  }

  /** Leaves the words of a UUID in `#scratch`. */
  #read(uid: string): number {
    if (uid === "") return EMPTY;
    if (uid.length !== UUID_LENGTH) return OTHER;
    let digits = 0;
    for (let place = 0; place < UUID_LENGTH; place += 1) {
      const code = uid.charCodeAt(place);
      if (place === 8 || place === 13 || place === 18 || place === 23) {
        if (code !== HYPHEN) return OTHER;
        continue;
      }
      const value = code < 128 ? cell(DIGITS, code) : 255;
      if (value === 255) return OTHER;
      const word = digits >>> 3;
      this.#scratch[word] = (cell(this.#scratch, word) << 4) | value;
      digits += 1;
    }
    return UUID;
  }
}
