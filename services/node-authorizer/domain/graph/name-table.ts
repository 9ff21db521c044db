import { cell, grown } from "./columns.ts";

/** No such entry. */
export const NONE = -1;

type Names = Map<string, number>;

const FREE = 0;
const ALIVE = 1;
const REMOVED = 2;

/** How many removed names are kept for when they come back. */
const REMEMBERED = 1_024;

/**
 * Gives (kind, namespace, name) a small integer, and takes it back: integers are used again, so that columns of typed
 * arrays can be kept beside the table.
 *
 * A removed name is taken out of its map only some time later: a map of V8 passes over all that it has lost of a name,
 * so that one that goes and comes back all the time would become slower and slower.
 */
export class NameTable {
  readonly #byKind: readonly Map<string, Names>[];
  readonly #sizes: number[];
  readonly #namespaces: string[] = [];
  readonly #names: string[] = [];
  readonly #free: number[] = [];
  /** Integers of removed names, each once, in a ring; some may have come back since. */
  readonly #removed = new Int32Array(REMEMBERED).fill(NONE);
  #removals = 0;
  #kinds = new Uint8Array(64);
  #states = new Uint8Array(64);
  #isInRing = new Uint8Array(64);

  /** @param kinds - how many kinds there are; they are numbered from 0. */
  constructor(kinds = 1) {
    this.#byKind = Array.from({ length: kinds }, () => new Map<string, Names>());
    this.#sizes = new Array<number>(kinds).fill(0);
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
    const id = this.findEvenRemoved(kind, namespace, name);
    return id !== NONE && cell(this.#states, id) === ALIVE ? id : NONE;
  }

  /** As `find`, one look-up less: the name may have been removed a moment ago. */
  findEvenRemoved(kind: number, namespace: string, name: string): number {
    const names = this.#namespacesOf(kind).get(namespace);
    return names === undefined ? NONE : (names.get(name) ?? NONE);
  }

  /** The integer of a name that is not there yet. */
  add(kind: number, namespace: string, name: string): number {
    const removed = this.findEvenRemoved(kind, namespace, name);
    const id = removed === NONE ? this.#addNew(kind, namespace, name) : removed;
    this.#states[id] = ALIVE;
    this.#sizes[kind] = this.sizeOf(kind) + 1;
    return id;
  }

  remove(id: number): void {
    const kind = this.kindOf(id);
    this.#sizes[kind] = this.sizeOf(kind) - 1;
    this.#states[id] = REMOVED;
    if (cell(this.#isInRing, id) === 1) return;
    const place = this.#removals % REMEMBERED;
    this.#removals += 1;
    const oldest = cell(this.#removed, place);
    this.#removed[place] = id;
    this.#isInRing[id] = 1;
    if (oldest === NONE) return;
    this.#isInRing[oldest] = 0;
    if (cell(this.#states, oldest) === REMOVED) this.#forget(oldest);
  }

  kindOf(id: number): number {
    return cell(this.#kinds, id);
  }

  nameOf(id: number): string {
    return this.#names[id] ?? "";
  }

  namespaceOf(id: number): string {
    return this.#namespaces[id] ?? "";
  }

  /** Every integer of a kind, in no particular order. The one just shown may be removed meanwhile. */
  *ids(kind = 0): Generator<number> {
    for (const names of this.#namespacesOf(kind).values()) {
      for (const id of names.values()) if (cell(this.#states, id) === ALIVE) yield id;
    }
  }

  #addNew(kind: number, namespace: string, name: string): number {
    const id = this.#free.pop() ?? this.#names.length;
    this.#kinds = grown(this.#kinds, id + 1);
    this.#states = grown(this.#states, id + 1);
    this.#isInRing = grown(this.#isInRing, id + 1);
    this.#kinds[id] = kind;
    this.#names[id] = name;
    this.#namespaces[id] = namespace;
    this.#namesOf(kind, namespace).set(name, id);
    return id;
  }

  #forget(id: number): void {
    const kind = this.kindOf(id);
    const namespace = this.namespaceOf(id);
    const names = this.#namesOf(kind, namespace);
    names.delete(this.nameOf(id));
    if (names.size === 0) this.#namespacesOf(kind).delete(namespace);
    this.#names[id] = "";
    this.#namespaces[id] = "";
    this.#states[id] = FREE;
    this.#free.push(id);
  }

  #namespacesOf(kind: number): Map<string, Names> {
    return this.#byKind[kind] as Map<string, Names>;
  }

  #namesOf(kind: number, namespace: string): Names {
    const namespaces = this.#namespacesOf(kind);
    let names = namespaces.get(namespace);
    if (names === undefined) {
      names = new Map();
      namespaces.set(namespace, names);
    }
    return names;
  }
}
