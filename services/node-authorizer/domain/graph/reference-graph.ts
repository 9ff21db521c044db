import { ChangeLog } from "./change-log.ts";
import { NONE } from "./int-table.ts";
import { Nodes } from "./nodes.ts";
import { type BoundKind, CLAIM, POD, VOLUME } from "./object-kind.ts";
import { Objects } from "./objects.ts";
import { Pods } from "./pods.ts";
import { ReferenceSet } from "./reference-set.ts";
import { Volumes } from "./volumes.ts";

/**
 * Which node reaches what: pods refer to objects, volumes belong to claims and refer to secrets, everything ends at a
 * node. Kubernetes walks its graph for each question; here each change counts, for each object, the ways to each node,
 * so that every question is a look-up. A way is one of a pod's references, or one volume whose claim the node reaches;
 * each (object, pod) and (secret, volume) pair counts once.
 *
 * Source: kubernetes plugin/pkg/auth/authorizer/node/graph.go.
 */
export class ReferenceGraph {
  readonly nodes = new Nodes();
  readonly objects = new Objects();
  readonly pods = new Pods();
  readonly volumes = new Volumes();
  readonly log: ChangeLog;
  /** Filled with what a pod or volume refers to, before `setPodReferences` or `setVolumeReferences`. */
  readonly references = new ReferenceSet();
  /** How many edges there are. */
  edges = 0;
  /** Under which number changes are logged. */
  revision = 0;

  constructor(changeLogSize: number) {
    this.log = new ChangeLog(changeLogSize);
  }

  /** Whether a path leads from the object to the node. Volumes and pods are asked for by themselves. */
  hasPath(kind: number, namespace: string, name: string, node: number): boolean {
    if (node === NONE || name === "") return false;
    if (kind === POD) {
      const pod = this.pods.find(namespace, name);
      return pod !== NONE && this.pods.nodeOf(pod) === node;
    }
    if (kind === VOLUME) return namespace === "" && this.#isVolumeReached(this.volumes.find(name), node);
    return this.objects.hasWay(kind, namespace, name, node);
  }

  /**
   * Binds a pod to a node, with the references now in `references`, or unbinds it.
   *
   * @param nodeName - empty for none; then there must be no references.
   * @returns whether anything changed.
   */
  setPodReferences(pod: number, nodeName: string): boolean {
    const { pods, nodes, references } = this;
    const oldNode = pods.nodeOf(pod);
    const node = nodeName === "" ? NONE : nodes.acquire(nodeName);
    const isSame = node === oldNode && this.#hasSameReferences(pod);
    if (isSame || node === oldNode) {
      if (node !== NONE) nodes.release(node);
      if (isSame) return false;
    }
    // What is new comes first, so that what stays is neither withdrawn nor granted meanwhile.
    for (let index = 0; index < references.length; index += 1) this.#addReference(references.at(index), node);
    for (let index = 0; index < pods.referenceCount(pod); index += 1) {
      this.#removeReference(pods.reference(pod, index), oldNode);
    }
    pods.clearReferences(pod);
    pods.setReferences(pod, references.values, references.length);
    if (node !== oldNode) this.#movePod(pod, oldNode, node);
    return true;
  }

  /** Also where it was bound. @returns whether the graph changed. */
  removePod(pod: number): boolean {
    this.references.clear();
    const hasChanged = this.setPodReferences(pod, "");
    this.pods.remove(pod);
    return hasChanged;
  }

  /**
   * Gives a volume its claim, and the secrets now in `references`.
   *
   * @param claim - an object, perhaps without edges yet, or NONE; then there must be no secrets.
   * @returns whether anything changed.
   */
  setVolumeReferences(volume: number, claim: number): boolean {
    const { volumes, objects, references } = this;
    const oldClaim = volumes.claimOf(volume);
    if (claim === oldClaim && this.#hasSameSecrets(volume)) return false;
    // The claim and the secrets may be objects that only this volume holds.
    if (claim !== NONE) this.#addEdge(claim);
    for (let index = 0; index < references.length; index += 1) this.#addEdge(references.at(index));
    this.#withdrawVolume(volume);
    volumes.setSecrets(volume, references.values, references.length);
    volumes.setClaim(volume, claim);
    if (claim === NONE) return true;
    volumes.chains.prepend(volume, objects.firstVolume(claim));
    objects.setFirstVolume(claim, volume);
    for (const node of objects.nodesOf(claim)) this.#addVolumeWay(volume, node);
    return true;
  }

  /** @returns whether the graph changed. */
  removeVolume(volume: number): boolean {
    this.references.clear();
    const hasChanged = this.setVolumeReferences(volume, NONE);
    this.volumes.remove(volume);
    return hasChanged;
  }

  /** Binds an object to the one node it belongs to, wherever it was before; an empty name binds it to none. */
  setBound(kind: BoundKind, namespace: string, name: string, nodeName: string): boolean {
    const { objects, nodes } = this;
    const known = objects.find(kind, namespace, name);
    const oldNode = known === NONE ? NONE : this.#onlyNodeOf(known);
    if (nodeName === "" ? oldNode === NONE : oldNode !== NONE && nodes.nameOf(oldNode) === nodeName) return false;
    if (nodeName !== "") {
      const id = objects.intern(kind, namespace, name);
      this.#addEdge(id);
      this.#addWay(id, nodes.acquire(nodeName));
    }
    if (oldNode !== NONE) {
      this.#removeWay(known, oldNode);
      this.#removeEdge(known);
      nodes.release(oldNode);
    }
    return true;
  }

  #onlyNodeOf(id: number): number {
    for (const node of this.objects.nodesOf(id)) return node;
    return NONE;
  }

  #isVolumeReached(volume: number, node: number): boolean {
    const claim = volume === NONE ? NONE : this.volumes.claimOf(volume);
    return claim !== NONE && this.objects.isReachedFrom(claim, node);
  }

  #hasSameReferences(pod: number): boolean {
    const { pods, references } = this;
    if (pods.referenceCount(pod) !== references.length) return false;
    for (let index = 0; index < references.length; index += 1) {
      if (pods.reference(pod, index) !== references.at(index)) return false;
    }
    return true;
  }

  #hasSameSecrets(volume: number): boolean {
    const { volumes, references } = this;
    if (volumes.secretCount(volume) !== references.length) return false;
    for (let index = 0; index < references.length; index += 1) {
      if (volumes.secret(volume, index) !== references.at(index)) return false;
    }
    return true;
  }

  #movePod(pod: number, oldNode: number, node: number): void {
    const { pods, nodes } = this;
    if (oldNode !== NONE) {
      const first = pods.chains.remove(pod);
      if (first !== undefined) nodes.setFirstPod(oldNode, first);
      this.#record(false, oldNode, POD, pods.namespaceOf(pod), pods.nameOf(pod));
      this.edges -= 1;
      nodes.release(oldNode);
    }
    pods.setNode(pod, node);
    if (node === NONE) return;
    pods.chains.prepend(pod, nodes.firstPod(node));
    nodes.setFirstPod(node, pod);
    this.#record(true, node, POD, pods.namespaceOf(pod), pods.nameOf(pod));
    this.edges += 1;
  }

  #addReference(id: number, node: number): void {
    this.#addEdge(id);
    this.#addWay(id, node);
  }

  #removeReference(id: number, node: number): void {
    this.#removeWay(id, node);
    this.#removeEdge(id);
  }

  #addEdge(id: number): void {
    this.objects.addEdge(id);
    this.edges += 1;
  }

  #removeEdge(id: number): void {
    this.objects.removeEdge(id);
    this.edges -= 1;
  }

  #addWay(id: number, node: number): void {
    const { objects, volumes } = this;
    if (!objects.addWay(id, node)) return;
    const kind = objects.kindOf(id);
    this.#record(true, node, kind, objects.namespaceOf(id), objects.nameOf(id));
    if (kind !== CLAIM) return;
    for (let volume = objects.firstVolume(id); volume !== NONE; volume = volumes.chains.next(volume)) {
      this.#addVolumeWay(volume, node);
    }
  }

  #removeWay(id: number, node: number): void {
    const { objects, volumes } = this;
    if (!objects.removeWay(id, node)) return;
    const kind = objects.kindOf(id);
    this.#record(false, node, kind, objects.namespaceOf(id), objects.nameOf(id));
    if (kind !== CLAIM) return;
    for (let volume = objects.firstVolume(id); volume !== NONE; volume = volumes.chains.next(volume)) {
      this.#removeVolumeWay(volume, node);
    }
  }

  #addVolumeWay(volume: number, node: number): void {
    const { volumes } = this;
    this.#record(true, node, VOLUME, "", volumes.nameOf(volume));
    for (let index = 0; index < volumes.secretCount(volume); index += 1) {
      this.#addWay(volumes.secret(volume, index), node);
    }
  }

  #removeVolumeWay(volume: number, node: number): void {
    const { volumes } = this;
    this.#record(false, node, VOLUME, "", volumes.nameOf(volume));
    for (let index = 0; index < volumes.secretCount(volume); index += 1) {
      this.#removeWay(volumes.secret(volume, index), node);
    }
  }

  /** Takes the volume from its claim, and its secrets from it. */
  #withdrawVolume(volume: number): void {
    const { volumes, objects } = this;
    const claim = volumes.claimOf(volume);
    if (claim === NONE) return;
    for (const node of objects.nodesOf(claim)) this.#removeVolumeWay(volume, node);
    const first = volumes.chains.remove(volume);
    if (first !== undefined) objects.setFirstVolume(claim, first);
    for (let index = 0; index < volumes.secretCount(volume); index += 1) {
      this.#removeEdge(volumes.secret(volume, index));
    }
    volumes.clearSecrets(volume);
    this.#removeEdge(claim);
  }

  #record(isGrant: boolean, node: number, kind: number, namespace: string, name: string): void {
    this.log.record(this.revision, isGrant, this.nodes.nameOf(node), kind, namespace, name);
  }
}
