import { cell, grown } from "./columns.ts";
import { fingerprintOf, oneFingerprint } from "./fingerprint.ts";
import { FingerprintTable } from "./fingerprint-table.ts";
import { NONE } from "./int-table.ts";

/** Names as small integers. A name is there from its first use to its last; then its integer is used again. */
export class CountedNames {
  readonly #table = new FingerprintTable();
  readonly #names: string[] = [];
  readonly #free: number[] = [];
  #uses = new Int32Array(64);
  /** What was found last. */
  #latest = NONE;
  readonly #fingerprintOf: typeof fingerprintOf;

  constructor(fingerprint = fingerprintOf) {
    this.#fingerprintOf = fingerprint;
  }

  get size(): number {
    return this.#table.size;
  }

  get bytes(): number {
    return this.#table.bytes + this.#uses.byteLength;
  }

  /** @param start - where in `text` the name begins; it need not be cut out. */
  find(text: string, start = 0): number {
    // One after the other, most ask for the same.
    if (this.#latest !== NONE && start === 0 && text === this.nameOf(this.#latest)) return this.#latest;
    const found = this.#table.find(this.#fingerprintOf(0, "", text, start));
    this.#latest = found;
    return found;
  }

  nameOf(id: number): string {
    return this.#names[id] ?? "";
  }

  /** One more use of a name. @throws {Error} when another one with the same fingerprint is there. */
  acquire(name: string): number {
    const known = this.find(name);
    if (known !== NONE && this.nameOf(known) !== name) throw oneFingerprint();
    const id = known === NONE ? this.#add(name) : known;
    this.#uses[id] = cell(this.#uses, id) + 1;
    return id;
  }

  /** One use less. */
  release(id: number): void {
    const uses = cell(this.#uses, id) - 1;
    this.#uses[id] = uses;
    if (uses > 0) return;
    this.#table.remove(this.#fingerprintOf(0, "", this.nameOf(id)));
    this.#names[id] = "";
    this.#latest = NONE;
    this.#free.push(id);
  }

  #add(name: string): number {
    const id = this.#free.pop() ?? this.#names.length;
    this.#uses = grown(this.#uses, id + 1);
    this.#names[id] = name;
    this.#table.insert(this.#fingerprintOf(0, "", name), id);
    return id;
  }
}
