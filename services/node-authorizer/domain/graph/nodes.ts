import { NODE_USER_PREFIX } from "../../../shared/node-identity.ts";
import { cell, grown } from "./columns.ts";
import { CountedNames } from "./counted-names.ts";
import { NONE } from "./int-table.ts";

/**
 * The nodes that something leads to, as integers. A node is there from the first thing that leads to it to the last;
 * whether there is a Node object does not matter.
 */
export class Nodes {
  readonly #names = new CountedNames();
  #firstPod = new Int32Array(64).fill(NONE);

  get size(): number {
    return this.#names.size;
  }

  get bytes(): number {
    return this.#names.bytes + this.#firstPod.byteLength;
  }

  /** @param username - a node's, as `isNode` judges. @returns NONE when nothing leads to this user's node. */
  findByUser(username: string): number {
    return this.#names.find(username, NODE_USER_PREFIX.length);
  }

  find(name: string): number {
    return this.#names.find(name);
  }

  nameOf(node: number): string {
    return this.#names.nameOf(node);
  }

  /** One more thing leads to the node. */
  acquire(name: string): number {
    return this.#names.acquire(name);
  }

  /** One thing less leads to the node; its integer is used again after the last. */
  release(node: number): void {
    this.#names.release(node);
  }

  /** The first pod in the node's chain of pods; NONE without one. */
  firstPod(node: number): number {
    return node < this.#firstPod.length ? cell(this.#firstPod, node) : NONE;
  }

  setFirstPod(node: number, pod: number): void {
    const { length } = this.#firstPod;
    this.#firstPod = grown(this.#firstPod, node + 1);
    this.#firstPod.fill(NONE, length);
    this.#firstPod[node] = pod;
  }
}
