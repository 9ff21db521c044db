import { cell, grown } from "./columns.ts";
import { CountedNames } from "./counted-names.ts";
import { IntTable, NONE } from "./int-table.ts";
import { nameHash } from "./name-hash.ts";

/**
 * Gives (kind, namespace, name) a small integer, and takes it back: integers are used again, so that columns of typed
 * arrays can be kept beside the table.
 */
export class NameTable {
  readonly #byHash = new IntTable();
  readonly #kindCount: number;
  readonly #sizes: number[];
  readonly #namespaces = new CountedNames();
  readonly #names: string[] = [];
  readonly #free: number[] = [];
  /** Namespace and kind in one integer, so that comparing takes one look; NONE for an integer that no name has. */
  #groups = new Int32Array(64);
  #hashes = new Int32Array(64);

  /** @param kinds - how many kinds there are; they are numbered from 0. */
  constructor(kinds = 1) {
    this.#kindCount = kinds;
    this.#sizes = new Array<number>(kinds).fill(0);
  }

  get bytes(): number {
    return this.#byHash.bytes + this.#namespaces.bytes + this.#groups.byteLength + this.#hashes.byteLength;
  }

  /** How many names of a kind there are. */
  sizeOf(kind = 0): number {
    return this.#sizes[kind] ?? 0;
  }

  /** One more than the largest integer handed out so far. */
  get end(): number {
    return this.#names.length;
  }

  find(kind: number, namespace: string, name: string): number {
    const known = this.#namespaces.find(namespace);
    if (known === NONE) return NONE;
    const group = this.#groupOf(known, kind);
    return this.#findIn(group, name, nameHash(name, 0, group));
  }

  /** The integer of a name, which is there from now on. */
  findOrAdd(kind: number, namespace: string, name: string): number {
    const known = this.#namespaces.find(namespace);
    if (known === NONE) return this.#add(kind, this.#groupOf(this.#namespaces.acquire(namespace), kind), name);
    const group = this.#groupOf(known, kind);
    const hash = nameHash(name, 0, group);
    const id = this.#findIn(group, name, hash);
    if (id !== NONE) return id;
    this.#namespaces.acquireAgain(known);
    return this.#add(kind, group, name, hash);
  }

  remove(id: number): void {
    const kind = this.kindOf(id);
    this.#byHash.remove(cell(this.#hashes, id), id);
    this.#namespaces.release(this.#namespaceNumberOf(id));
    this.#sizes[kind] = this.sizeOf(kind) - 1;
    this.#names[id] = "";
    this.#groups[id] = NONE;
    this.#free.push(id);
  }

  kindOf(id: number): number {
    return cell(this.#groups, id) % this.#kindCount;
  }

  nameOf(id: number): string {
    return this.#names[id] ?? "";
  }

  namespaceOf(id: number): string {
    return this.#namespaces.nameOf(this.#namespaceNumberOf(id));
  }

  /** Every integer of a kind, in no particular order. The one just shown may be removed meanwhile. */
  *ids(kind = 0): Generator<number> {
    for (let id = 0; id < this.end; id += 1) if (cell(this.#groups, id) !== NONE && this.kindOf(id) === kind) yield id;
  }

  #add(kind: number, group: number, name: string, hash = nameHash(name, 0, group)): number {
    const id = this.#free.pop() ?? this.#names.length;
    this.#groups = grown(this.#groups, id + 1);
    this.#hashes = grown(this.#hashes, id + 1);
    this.#groups[id] = group;
    this.#hashes[id] = hash;
    this.#names[id] = name;
    this.#byHash.insert(hash, id);
    this.#sizes[kind] = this.sizeOf(kind) + 1;
    return id;
  }

  #groupOf(namespace: number, kind: number): number {
    return namespace * this.#kindCount + kind;
  }

  #namespaceNumberOf(id: number): number {
    return Math.floor(cell(this.#groups, id) / this.#kindCount);
  }

  #findIn(group: number, name: string, hash: number): number {
    const table = this.#byHash;
    for (let place = table.first(hash); place !== NONE; place = table.next(hash, place)) {
      const id = table.valueAt(place);
      if (cell(this.#groups, id) === group && this.nameOf(id) === name) return id;
    }
    return NONE;
  }
}
