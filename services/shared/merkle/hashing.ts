import { hash } from "node:crypto";

const HASH_BYTES = 32;
const LEAF_PREFIX = Buffer.of(0);
const NODE_PREFIX = Buffer.of(1);

/** The root of the tree without leaves. Source: RFC 6962 section 2.1. */
export const EMPTY_ROOT: Buffer = hash("sha256", "", "buffer");

/** The hash of a leaf's octets. Source: RFC 6962 section 2.1. */
export function leafHash(data: Uint8Array): Buffer {
  return hash("sha256", Buffer.concat([LEAF_PREFIX, data]), "buffer");
}

/** The hash of an inner node. Source: RFC 6962 section 2.1. */
export function nodeHash(left: Uint8Array, right: Uint8Array): Buffer {
  return hash("sha256", Buffer.concat([NODE_PREFIX, left, right]), "buffer");
}

/** The largest power of two below `size`, which is two or more: where RFC 6962 splits a tree. */
export function splitPoint(size: number): number {
  let point = 1;
  while (point * 2 < size) point *= 2;
  return point;
}

/**
 * The root that an inclusion proof leads to.
 *
 * @param index - of the leaf, from 0.
 * @param size - leaves of the tree.
 * @returns undefined when the proof has another length than such a one has.
 * Source: RFC 9162 section 2.1.3.2.
 */
export function rootOfInclusion(
  leaf: Uint8Array,
  index: number,
  size: number,
  path: readonly Uint8Array[],
): Buffer | undefined {
  if (index < 0 || index >= size || !path.every(isHash)) return undefined;
  let position = index;
  let last = size - 1;
  let root: Buffer = Buffer.from(leaf);
  for (const sibling of path) {
    if (last === 0) return undefined;
    if (position % 2 === 1 || position === last) {
      root = nodeHash(sibling, root);
      while (position % 2 === 0 && position !== 0) [position, last] = [half(position), half(last)];
    } else {
      root = nodeHash(root, sibling);
    }
    [position, last] = [half(position), half(last)];
  }
  return last === 0 ? root : undefined;
}

/**
 * Whether a proof shows that the tree of `size` leaves begins with the one of `from` leaves.
 *
 * Source: RFC 9162 section 2.1.4.2.
 */
export function isConsistent(
  older: { readonly size: number; readonly root: Uint8Array },
  newer: { readonly size: number; readonly root: Uint8Array },
  path: readonly Uint8Array[],
): boolean {
  if (older.size > newer.size || !path.every(isHash)) return false;
  if (older.size === newer.size) return path.length === 0 && isSame(older.root, newer.root);
  if (older.size === 0) return path.length === 0 && isSame(older.root, EMPTY_ROOT);
  const isPowerOfTwo = splitPoint(older.size * 2) === older.size;
  const [first, ...rest] = isPowerOfTwo ? [older.root, ...path] : path;
  if (first === undefined || path.length === 0) return false;
  let position = older.size - 1;
  let last = newer.size - 1;
  while (position % 2 === 1) [position, last] = [half(position), half(last)];
  let olderRoot: Buffer = Buffer.from(first);
  let newerRoot: Buffer = Buffer.from(first);
  for (const sibling of rest) {
    if (last === 0) return false;
    if (position % 2 === 1 || position === last) {
      olderRoot = nodeHash(sibling, olderRoot);
      newerRoot = nodeHash(sibling, newerRoot);
      while (position % 2 === 0 && position !== 0) [position, last] = [half(position), half(last)];
    } else {
      newerRoot = nodeHash(newerRoot, sibling);
    }
    [position, last] = [half(position), half(last)];
  }
  return last === 0 && isSame(olderRoot, older.root) && isSame(newerRoot, newer.root);
}

/** Sizes may be larger than what shifts take. */
function half(value: number): number {
  return Math.floor(value / 2);
}

function isHash(octets: Uint8Array): boolean {
  return octets.length === HASH_BYTES;
}

function isSame(one: Uint8Array, other: Uint8Array): boolean {
  return Buffer.compare(one, other) === 0;
}
