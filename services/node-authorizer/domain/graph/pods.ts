import { Chains } from "./chains.ts";
import { cell, grown } from "./columns.ts";
import { IntLists } from "./int-lists.ts";
import { NONE } from "./int-table.ts";
import { NameTable } from "./name-table.ts";
import { Uids } from "./uids.ts";

/** What is kept of a pod besides what it refers to. */
export interface PodFacts {
  readonly uid: string;
  readonly isMirror: boolean;
  /** Belongs to a DaemonSet, so that draining a node leaves it. */
  readonly isDaemon: boolean;
  readonly ephemeralContainers: number;
  /** Which resource claims its status names, as text to compare; empty for none. */
  readonly claimStatuses: string;
  /** Where its token audiences come from: a number of the owner's. */
  readonly audiences: number;
}

const IS_MIRROR = 1;
const IS_DAEMON = 2;

/** Pods as columns: node, references, what admission asks about. */
export class Pods {
  /** All pods of a node. */
  readonly chains = new Chains();
  readonly #names = new NameTable();
  readonly #uids = new Uids();
  readonly #lists = new IntLists();
  readonly #claimStatuses = new Map<number, string>();
  #node = new Int32Array(256);
  #start = new Int32Array(256);
  #length = new Int32Array(256);
  #ephemeral = new Int32Array(256);
  #audiences = new Int32Array(256);
  #flags = new Uint8Array(256);

  get size(): number {
    return this.#names.sizeOf();
  }

  get bytes(): number {
    const columns = [this.#node, this.#start, this.#length, this.#ephemeral, this.#audiences];
    const bytes = columns.reduce((sum, column) => sum + column.byteLength, this.#flags.byteLength);
    return bytes + this.#names.bytes + this.#lists.bytes + this.#uids.bytes + this.chains.bytes;
  }

  find(namespace: string, name: string): number {
    return this.#names.find(0, namespace, name);
  }

  ids(): Generator<number> {
    return this.#names.ids();
  }

  /** A pod that is not there yet, without node and references. */
  add(namespace: string, name: string): number {
    const pod = this.#names.findOrAdd(0, namespace, name);
    if (pod >= this.#node.length) this.#grow(pod + 1);
    this.#node[pod] = NONE;
    this.#length[pod] = 0;
    return pod;
  }

  remove(pod: number): void {
    this.#uids.clear(pod);
    this.#claimStatuses.delete(pod);
    this.#names.remove(pod);
  }

  nameOf(pod: number): string {
    return this.#names.nameOf(pod);
  }

  namespaceOf(pod: number): string {
    return this.#names.namespaceOf(pod);
  }

  /** NONE for a pod that is not bound. */
  nodeOf(pod: number): number {
    return cell(this.#node, pod);
  }

  setNode(pod: number, node: number): void {
    this.#node[pod] = node;
  }

  setFacts(pod: number, facts: PodFacts): void {
    this.#uids.set(pod, facts.uid);
    this.#ephemeral[pod] = facts.ephemeralContainers;
    this.#audiences[pod] = facts.audiences;
    this.#flags[pod] = (facts.isMirror ? IS_MIRROR : 0) | (facts.isDaemon ? IS_DAEMON : 0);
    if (facts.claimStatuses !== "") this.#claimStatuses.set(pod, facts.claimStatuses);
    else if (this.#claimStatuses.size > 0) this.#claimStatuses.delete(pod);
  }

  hasUid(pod: number, uid: string): boolean {
    return this.#uids.is(pod, uid);
  }

  isMirror(pod: number): boolean {
    return (cell(this.#flags, pod) & IS_MIRROR) !== 0;
  }

  isDaemon(pod: number): boolean {
    return (cell(this.#flags, pod) & IS_DAEMON) !== 0;
  }

  ephemeralContainersOf(pod: number): number {
    return cell(this.#ephemeral, pod);
  }

  setEphemeralContainers(pod: number, count: number): void {
    this.#ephemeral[pod] = count;
  }

  audiencesOf(pod: number): number {
    return cell(this.#audiences, pod);
  }

  claimStatusesOf(pod: number): string {
    return this.#claimStatuses.get(pod) ?? "";
  }

  referenceCount(pod: number): number {
    return cell(this.#length, pod);
  }

  reference(pod: number, index: number): number {
    return this.#lists.at(cell(this.#start, pod), index);
  }

  setReferences(pod: number, references: Int32Array, length: number): void {
    this.#start[pod] = this.#lists.store(references, length);
    this.#length[pod] = length;
  }

  clearReferences(pod: number): void {
    this.#lists.release(cell(this.#start, pod), cell(this.#length, pod));
    this.#length[pod] = 0;
  }

  #grow(needed: number): void {
    this.#node = grown(this.#node, needed);
    this.#start = grown(this.#start, needed);
    this.#length = grown(this.#length, needed);
    this.#ephemeral = grown(this.#ephemeral, needed);
    this.#audiences = grown(this.#audiences, needed);
    this.#flags = grown(this.#flags, needed);
  }
}
