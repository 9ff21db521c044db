import { EMPTY_ROOT, leafHash, nodeHash, splitPoint } from "../../../shared/merkle/hashing.ts";

/** Leaves under the smallest node that is kept: what is below is computed from the entries. */
const TILE = 256;
const TILE_HEIGHT = 8;

/** Reads the octets of `count` leaves from the one of that index on; fewer when there are no more. */
export type ReadLeaves = (index: number, count: number) => readonly Uint8Array[];

/**
 * A tree of RFC 6962 over a log that only grows. Of each complete subtree of 256 leaves and more the hash is kept, which
 * is a quarter of an octet a leaf; the leaves themselves stay where they are.
 */
export class MerkleTree {
  /** By height above that of a tile, the hashes of complete subtrees from left to right. */
  readonly #levels: Buffer[][] = [[]];
  readonly #readLeaves: ReadLeaves;

  constructor(readLeaves: ReadLeaves) {
    this.#readLeaves = readLeaves;
  }

  /** Takes in the next 256 leaves. @returns false when there are not so many in a tree of that size. */
  extend(size: number): boolean {
    const tiles = this.#levels[0]?.length ?? 0;
    if ((tiles + 1) * TILE > size) return false;
    this.#add(0, this.#hashOfLeaves(tiles * TILE, TILE));
    return true;
  }

  /** The root of the tree of the first `size` leaves, all of whose tiles were taken in. */
  root(size: number): Buffer {
    return size === 0 ? EMPTY_ROOT : this.#hashOf(0, size);
  }

  /** Source: RFC 6962 section 2.1.1 (PATH). */
  inclusion(index: number, size: number): readonly Buffer[] {
    return this.#path(index, 0, size);
  }

  /** From a tree of `from` leaves, one or more, to one of `size`. Source: RFC 6962 section 2.1.2 (PROOF). */
  consistency(from: number, size: number): readonly Buffer[] {
    return this.#proof(from, 0, size, true);
  }

  #path(index: number, start: number, size: number): readonly Buffer[] {
    if (size === 1) return [];
    const left = splitPoint(size);
    if (index < left) return [...this.#path(index, start, left), this.#hashOf(start + left, size - left)];
    return [...this.#path(index - left, start + left, size - left), this.#hashOf(start, left)];
  }

  #proof(from: number, start: number, size: number, isWhole: boolean): readonly Buffer[] {
    if (from === size) return isWhole ? [] : [this.#hashOf(start, size)];
    const left = splitPoint(size);
    if (from <= left) {
      return [...this.#proof(from, start, left, isWhole), this.#hashOf(start + left, size - left)];
    }
    return [...this.#proof(from - left, start + left, size - left, false), this.#hashOf(start, left)];
  }

  #hashOf(start: number, size: number): Buffer {
    const known = this.#knownHash(start, size);
    if (known !== undefined) return known;
    if (size <= TILE) return this.#hashOfLeaves(start, size);
    const left = splitPoint(size);
    return nodeHash(this.#hashOf(start, left), this.#hashOf(start + left, size - left));
  }

  #knownHash(start: number, size: number): Buffer | undefined {
    const height = Math.log2(size) - TILE_HEIGHT;
    if (!Number.isInteger(height) || height < 0 || start % size !== 0) return undefined;
    return this.#levels[height]?.[start / size];
  }

  #hashOfLeaves(start: number, size: number): Buffer {
    const leaves = this.#readLeaves(start, size);
    if (leaves.length !== size) throw new Error(`the log has ${leaves.length} leaves from ${start} on, not ${size}`);
    return rootOf(leaves.map(leafHash));
  }

  #add(height: number, hash: Buffer): void {
    const level = this.#levels[height] ?? [];
    this.#levels[height] = level;
    level.push(hash);
    const left = level.at(-2);
    if (level.length % 2 === 0 && left !== undefined) this.#add(height + 1, nodeHash(left, hash));
  }
}

function rootOf(hashes: readonly Buffer[]): Buffer {
  const [first = EMPTY_ROOT] = hashes;
  if (hashes.length <= 1) return first;
  const left = splitPoint(hashes.length);
  return nodeHash(rootOf(hashes.slice(0, left)), rootOf(hashes.slice(left)));
}
