import { cell, grown } from "./columns.ts";
import { IntTable, NONE } from "./int-table.ts";
import { nameHash } from "./name-hash.ts";

/** Names as small integers. A name is there from its first use to its last; then its integer is used again. */
export class CountedNames {
  readonly #byHash = new IntTable();
  readonly #names: string[] = [];
  readonly #free: number[] = [];
  #uses = new Int32Array(64);
  /** What was found last. */
  #latest = NONE;

  get size(): number {
    return this.#byHash.size;
  }

  get bytes(): number {
    return this.#byHash.bytes + this.#uses.byteLength;
  }

  /** @param start - where in `text` the name begins; it need not be cut out. */
  find(text: string, start = 0): number {
    // One after the other, most ask for the same.
    if (this.#latest !== NONE && start === 0 && text === this.nameOf(this.#latest)) return this.#latest;
    const found = this.#findBy(nameHash(text, start), text, start);
    this.#latest = found;
    return found;
  }

  nameOf(id: number): string {
    return this.#names[id] ?? "";
  }

  /** One more use of a name. */
  acquire(name: string): number {
    const known = this.find(name);
    const id = known === NONE ? this.#add(name) : known;
    this.acquireAgain(id);
    return id;
  }

  /** One more use of a name that is there. */
  acquireAgain(id: number): void {
    this.#uses[id] = cell(this.#uses, id) + 1;
  }

  /** One use less. */
  release(id: number): void {
    const uses = cell(this.#uses, id) - 1;
    this.#uses[id] = uses;
    if (uses > 0) return;
    this.#byHash.remove(nameHash(this.nameOf(id)), id);
    this.#names[id] = "";
    this.#latest = NONE;
    this.#free.push(id);
  }

  #add(name: string): number {
    const id = this.#free.pop() ?? this.#names.length;
    this.#uses = grown(this.#uses, id + 1);
    this.#names[id] = name;
    this.#byHash.insert(nameHash(name), id);
    return id;
  }

  #findBy(hash: number, text: string, start: number): number {
    const table = this.#byHash;
    for (let place = table.first(hash); place !== NONE; place = table.next(hash, place)) {
      const id = table.valueAt(place);
      const name = this.nameOf(id);
      if (text.length === start + name.length && text.endsWith(name)) return id;
    }
    return NONE;
  }
}
