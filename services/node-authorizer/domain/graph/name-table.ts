import { cell, grown } from "./columns.ts";
import { CountedNames } from "./counted-names.ts";
import { fingerprintOf, oneFingerprint } from "./fingerprint.ts";
import { FingerprintTable } from "./fingerprint-table.ts";
import { NONE } from "./int-table.ts";

/**
 * Gives (kind, namespace, name) a small integer, and takes it back: integers are used again, so that columns of typed
 * arrays can be kept beside the table.
 */
export class NameTable {
  readonly #table = new FingerprintTable();
  readonly #kindCount: number;
  readonly #sizes: number[];
  readonly #namespaces: CountedNames;
  readonly #names: string[] = [];
  readonly #free: number[] = [];
  /** Namespace and kind in one integer; NONE for an integer that no name has. */
  #groups = new Int32Array(64);
  /** Fingerprints, two words each: made again for every name that goes, they would take a tenth of all writing. */
  #fingerprints = new Int32Array(128);
  readonly #fingerprintOf: typeof fingerprintOf;

  /** @param kinds - how many kinds there are; they are numbered from 0. */
  constructor(kinds = 1, fingerprint = fingerprintOf) {
    this.#kindCount = kinds;
    this.#fingerprintOf = fingerprint;
    this.#namespaces = new CountedNames(fingerprint);
    this.#sizes = new Array<number>(kinds).fill(0);
  }

  get bytes(): number {
    return this.#table.bytes + this.#namespaces.bytes + this.#groups.byteLength + this.#fingerprints.byteLength;
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
    return this.#table.find(this.#fingerprintOf(kind, namespace, name));
  }

  /**
   * The integer of a name, which is there from now on.
   *
   * @throws {Error} when another name with the same fingerprint is there, or another namespace; then nothing has changed.
   */
  findOrAdd(kind: number, namespace: string, name: string): number {
    const fingerprint = this.#fingerprintOf(kind, namespace, name);
    const known = this.#table.find(fingerprint);
    if (known !== NONE) {
      const isSame =
        this.nameOf(known) === name && this.namespaceOf(known) === namespace && this.kindOf(known) === kind;
      if (!isSame) throw oneFingerprint();
      return known;
    }
    const id = this.#free.at(-1) ?? this.#names.length;
    // Before the namespace: it is looked for by a fingerprint of its own, and may be refused.
    this.#fingerprints = grown(this.#fingerprints, 2 * id + 2);
    this.#fingerprints[2 * id] = cell(fingerprint, 0);
    this.#fingerprints[2 * id + 1] = cell(fingerprint, 1);
    const group = this.#namespaces.acquire(namespace) * this.#kindCount + kind;
    this.#free.pop();
    this.#table.insert(this.#fingerprints, id, 2 * id);
    this.#groups = grown(this.#groups, id + 1);
    this.#groups[id] = group;
    this.#names[id] = name;
    this.#sizes[kind] = this.sizeOf(kind) + 1;
    return id;
  }

  remove(id: number): void {
    const kind = this.kindOf(id);
    this.#table.remove(this.#fingerprints, 2 * id);
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

  #namespaceNumberOf(id: number): number {
    return Math.floor(cell(this.#groups, id) / this.#kindCount);
  }
}
