import type {
  BoundToNode,
  ClusterEvent,
  PersistentVolume,
  Pod,
  WatchedKind,
  WatchedObjects,
} from "../cluster-objects.ts";
import type { FeatureGates } from "../feature-gates.ts";
import { NONE } from "../graph/int-table.ts";
import { ATTACHMENT, type BoundKind, CERTIFICATE_REQUEST, CLAIM, SECRET, SLICE } from "../graph/object-kind.ts";
import { ReferenceGraph } from "../graph/reference-graph.ts";
import { csiDriverOf } from "../references/csi-drivers.ts";
import { isMirrorPod, visitPodReferences } from "../references/pod-references.ts";
import { listOf, textOf } from "../references/reading.ts";
import { visitVolumeSecrets } from "../references/volume-secrets.ts";
import { claimStatusesOf, isDaemonPod, keyOf } from "./event-facts.ts";
import { KnownObjects, tokenAudiencesOf, uidOf, volumeNameOf } from "./known-objects.ts";
import { NO_AUDIENCES, TokenAudiences } from "./token-audiences.ts";

type EventType = ClusterEvent["type"];

/**
 * What is known of the cluster: the graph, and what admission looks up besides. Events keep it current; which of them
 * matter is Kubernetes' choice, but for two of its flaws.
 *
 * Source: kubernetes plugin/pkg/auth/authorizer/node/graph_populator.go.
 */
export class ClusterState {
  readonly graph: ReferenceGraph;
  readonly audiences = new TokenAudiences();
  /** By kind: uids of nodes and service accounts, volume names of claims, audiences of drivers. */
  readonly nodes = new KnownObjects<string>();
  readonly serviceAccounts = new KnownObjects<string>();
  readonly claims = new KnownObjects<string>();
  readonly drivers = new KnownObjects<readonly string[]>();
  /** Uids of what belongs to nodes by itself: only another object of the same name may be somewhere else. */
  readonly #bound: Readonly<Record<BoundKind, KnownObjects<string>>> = {
    [ATTACHMENT]: new KnownObjects(),
    [SLICE]: new KnownObjects(),
    [CERTIFICATE_REQUEST]: new KnownObjects(),
  };
  readonly #gates: FeatureGates;
  /** Events that changed nothing count too. */
  eventsApplied = 0;

  constructor(gates: FeatureGates, changeLogSize: number) {
    this.#gates = gates;
    this.graph = new ReferenceGraph(changeLogSize);
  }

  /** @throws {StatusError} BadRequest when the object has no name, or no namespace where it must have one. */
  apply(event: ClusterEvent): boolean {
    const [namespace, name] = keyOf(event.kind, event.object);
    this.graph.revision += 1;
    const hasChanged = this.#applyKind(event, namespace, name);
    if (!hasChanged) this.graph.revision -= 1;
    this.eventsApplied += 1;
    return hasChanged;
  }

  /** @throws {StatusError} BadRequest as `apply`; then nothing has changed. */
  replace<Kind extends WatchedKind>(kind: Kind, objects: Iterable<WatchedObjects[Kind]>): boolean {
    const listed = [...objects];
    const present = new Set(listed.map((object) => JSON.stringify(keyOf(kind, object))));
    let hasChanged = false;
    for (const [namespace, name] of [...this.#keysOf(kind)]) {
      if (present.has(JSON.stringify([namespace, name]))) continue;
      const gone = { kind, type: "DELETED", object: { metadata: { namespace, name } } } as ClusterEvent;
      hasChanged = this.apply(gone) || hasChanged;
    }
    for (const object of listed) {
      hasChanged = this.apply({ kind, type: "MODIFIED", object } as ClusterEvent) || hasChanged;
    }
    return hasChanged;
  }

  #applyKind(event: ClusterEvent, namespace: string, name: string): boolean {
    const { type } = event;
    switch (event.kind) {
      case "Pod":
        return this.#applyPod(type, event.object, namespace, name);
      case "PersistentVolume":
        return this.#applyVolume(type, event.object, name);
      case "VolumeAttachment":
        return this.#applyBound(ATTACHMENT, type, event.object, "", name);
      case "ResourceSlice":
        return this.#applyBound(SLICE, type, event.object, "", name);
      case "PodCertificateRequest":
        if (!this.#gates.PodCertificateRequest) return false;
        return this.#applyBound(CERTIFICATE_REQUEST, type, event.object, namespace, name);
      case "Node":
        return keep(this.nodes, type, "", name, uidOf(event.object));
      case "ServiceAccount":
        return keep(this.serviceAccounts, type, namespace, name, uidOf(event.object));
      case "PersistentVolumeClaim":
        return keep(this.claims, type, namespace, name, volumeNameOf(event.object));
      case "CSIDriver":
        return keep(this.drivers, type, "", name, tokenAudiencesOf(event.object));
    }
  }

  #applyPod(type: EventType, object: Pod, namespace: string, name: string): boolean {
    const { pods } = this.graph;
    const known = pods.find(namespace, name);
    if (type === "DELETED") return known !== NONE && this.#removePod(known);
    if (type === "MODIFIED" && known !== NONE && this.#isIrrelevantUpdate(known, object)) {
      pods.setEphemeralContainers(known, listOf(object.spec?.ephemeralContainers).length);
      return false;
    }
    return this.#setPod(known === NONE ? pods.add(namespace, name) : known, known === NONE, object);
  }

  /**
   * Of a pod that is the same and still on its node, only ephemeral containers and claims that were made for it can add
   * references. Kubernetes overlooks a claim for extended resources that comes alone; here it counts.
   */
  #isIrrelevantUpdate(pod: number, object: Pod): boolean {
    const { pods, nodes } = this.graph;
    const nodeName = textOf(object.spec?.nodeName);
    if (!pods.hasUid(pod, textOf(object.metadata?.uid))) return false;
    const node = pods.nodeOf(pod);
    // A bound pod is never unbound again.
    if (nodeName === "") return true;
    if (node === NONE || nodes.nameOf(node) !== nodeName) return false;
    if (listOf(object.spec?.ephemeralContainers).length > pods.ephemeralContainersOf(pod)) return false;
    return pods.claimStatusesOf(pod) === claimStatusesOf(object);
  }

  #setPod(pod: number, isNew: boolean, object: Pod): boolean {
    const { pods, objects, references } = this.graph;
    const nodeName = textOf(object.spec?.nodeName);
    const isMirror = isMirrorPod(object);
    references.clear();
    if (nodeName !== "" && !isMirror) {
      const namespace = pods.namespaceOf(pod);
      visitPodReferences(object, (kind, name) => references.add(objects.intern(kind, namespace, name)));
    }
    const audiences = this.#gates.ServiceAccountNodeAudienceRestriction ? this.audiences.acquire(object) : NO_AUDIENCES;
    if (!isNew) this.audiences.release(pods.audiencesOf(pod));
    pods.setFacts(pod, {
      uid: textOf(object.metadata?.uid),
      isMirror,
      isDaemon: isDaemonPod(object),
      ephemeralContainers: listOf(object.spec?.ephemeralContainers).length,
      claimStatuses: claimStatusesOf(object),
      audiences,
    });
    return this.graph.setPodReferences(pod, nodeName) || isNew;
  }

  #removePod(pod: number): boolean {
    this.audiences.release(this.graph.pods.audiencesOf(pod));
    this.graph.removePod(pod);
    return true;
  }

  /** Every update counts, since claim and secrets of a volume may change. */
  #applyVolume(type: EventType, object: PersistentVolume, name: string): boolean {
    const { volumes, objects, references } = this.graph;
    const known = volumes.find(name);
    if (type === "DELETED") {
      if (known === NONE) return false;
      this.graph.removeVolume(known);
      return true;
    }
    const volume = known === NONE ? volumes.add(name) : known;
    volumes.setDriver(volume, typeof object.spec === "object" && object.spec !== null ? csiDriverOf(object.spec) : "");
    const claimRef = object.spec?.claimRef;
    references.clear();
    if (typeof claimRef !== "object" || claimRef === null) {
      return this.graph.setVolumeReferences(volume, NONE) || known === NONE;
    }
    visitVolumeSecrets(object, (namespace, secret) => references.add(objects.intern(SECRET, namespace, secret)));
    const claim = objects.intern(CLAIM, textOf(claimRef.namespace), textOf(claimRef.name));
    return this.graph.setVolumeReferences(volume, claim);
  }

  /**
   * An attachment may be rebuilt; the node of a slice or certificate request never changes, so that an update is looked
   * at only when it is another object of the same name.
   */
  #applyBound(kind: BoundKind, type: EventType, object: BoundToNode, namespace: string, name: string): boolean {
    const uids = this.#bound[kind];
    if (type === "DELETED") {
      uids.delete(namespace, name);
      return this.graph.setBound(kind, namespace, name, "");
    }
    const uid = textOf(object.metadata?.uid);
    if (type === "MODIFIED" && kind !== ATTACHMENT && uids.get(namespace, name) === uid) return false;
    uids.set(namespace, name, uid);
    return this.graph.setBound(kind, namespace, name, textOf(object.spec?.nodeName));
  }

  *#keysOf(kind: WatchedKind): Generator<readonly [string, string]> {
    const { pods, volumes } = this.graph;
    switch (kind) {
      case "Pod":
        for (const pod of pods.ids()) yield [pods.namespaceOf(pod), pods.nameOf(pod)];
        return;
      case "PersistentVolume":
        for (const volume of volumes.ids()) yield ["", volumes.nameOf(volume)];
        return;
      case "VolumeAttachment":
        return yield* this.#bound[ATTACHMENT].keys();
      case "ResourceSlice":
        return yield* this.#bound[SLICE].keys();
      case "PodCertificateRequest":
        return yield* this.#bound[CERTIFICATE_REQUEST].keys();
      case "Node":
        return yield* this.nodes.keys();
      case "ServiceAccount":
        return yield* this.serviceAccounts.keys();
      case "PersistentVolumeClaim":
        return yield* this.claims.keys();
      case "CSIDriver":
        return yield* this.drivers.keys();
    }
  }
}

/** @returns whether the event changed what is known. */
function keep<Value>(
  known: KnownObjects<Value>,
  type: EventType,
  namespace: string,
  name: string,
  value: Value,
): boolean {
  if (type === "DELETED") return known.delete(namespace, name);
  const old = known.get(namespace, name);
  known.set(namespace, name, value);
  return JSON.stringify(old) !== JSON.stringify(value);
}
