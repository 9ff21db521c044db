import { NODE_USER_PREFIX } from "../../../shared/node-identity.ts";
import { cell, grown } from "./columns.ts";
import { NONE } from "./name-table.ts";

/**
 * The nodes that something leads to, as integers. A node is there from the first thing that leads to it to the last;
 * whether there is a Node object does not matter. Keyed by user name, so that a request finds its node as it is.
 */
export class Nodes {
  readonly #byName = new Map<string, number>();
  readonly #byUser = new Map<string, number>();
  readonly #names: string[] = [];
  readonly #free: number[] = [];
  #uses = new Int32Array(64);
  #firstPod = new Int32Array(64);

  get size(): number {
    return this.#byUser.size;
  }

  get bytes(): number {
    return this.#uses.byteLength + this.#firstPod.byteLength;
  }

  /** @returns NONE when nothing leads to this user's node, or it is no node's user. */
  findByUser(username: string): number {
    return this.#byUser.get(username) ?? NONE;
  }

  find(name: string): number {
    return this.#byName.get(name) ?? NONE;
  }

  nameOf(node: number): string {
    return this.#names[node] ?? "";
  }

  /** One more thing leads to the node. */
  acquire(name: string): number {
    const known = this.find(name);
    if (known !== NONE) {
      this.#uses[known] = cell(this.#uses, known) + 1;
      return known;
    }
    const node = this.#free.pop() ?? this.#names.length;
    this.#uses = grown(this.#uses, node + 1);
    this.#firstPod = grown(this.#firstPod, node + 1);
    this.#uses[node] = 1;
    this.#firstPod[node] = NONE;
    this.#names[node] = name;
    this.#byName.set(name, node);
    // Joined, not added: V8 keeps a sum as its two parts, which makes every comparison with the key slow.
    this.#byUser.set([NODE_USER_PREFIX, name].join(""), node);
    return node;
  }

  /** One thing less leads to the node; its integer is used again after the last. */
  release(node: number): void {
    const uses = cell(this.#uses, node) - 1;
    this.#uses[node] = uses;
    if (uses > 0) return;
    this.#byName.delete(this.nameOf(node));
    this.#byUser.delete(NODE_USER_PREFIX + this.nameOf(node));
    this.#names[node] = "";
    this.#free.push(node);
  }

  /** The first pod in the node's chain of pods; NONE without one. */
  firstPod(node: number): number {
    return cell(this.#firstPod, node);
  }

  setFirstPod(node: number, pod: number): void {
    this.#firstPod[node] = pod;
  }

  *names(): Generator<string> {
    for (const node of this.#byUser.values()) yield this.nameOf(node);
  }
}
