import type { ClusterEvent } from "../../../services/node-authorizer/domain/cluster-objects.ts";

/**
 * The rules of the graph in their simplest form, for tests: edges are made anew from what is known for each question and
 * walked breadth first. It knows pods and volumes by these descriptions, not by the objects made from them.
 */
export interface PodPlan {
  readonly kind: "Pod";
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  /** Empty: not bound. */
  readonly node: string;
  readonly isMirror: boolean;
  readonly serviceAccount: string;
  readonly secrets: readonly string[];
  readonly configMaps: readonly string[];
  readonly claims: readonly string[];
  /** Each ephemeral container reads this secret. */
  readonly ephemeralSecrets: readonly string[];
  /** Claims made from templates, as the status tells. */
  readonly madeClaims: readonly string[];
  readonly extendedClaim: string | undefined;
}

export interface VolumePlan {
  readonly kind: "PersistentVolume";
  readonly name: string;
  /** `namespace/name`; undefined: not bound. */
  readonly claim: string | undefined;
  /** `namespace/name` */
  readonly secrets: readonly string[];
}

export interface BoundPlan {
  readonly kind: "VolumeAttachment" | "ResourceSlice" | "PodCertificateRequest";
  /** Of certificate requests only. */
  readonly namespace: string;
  readonly name: string;
  readonly uid: string;
  readonly node: string;
}

export type Plan = PodPlan | VolumePlan | BoundPlan;
type EventType = ClusterEvent["type"];

const BOUND = {
  VolumeAttachment: "volumeAttachment",
  ResourceSlice: "resourceSlice",
  PodCertificateRequest: "podCertificateRequest",
} as const;

export class NaiveGraph {
  readonly #pods = new Map<string, { granted: PodPlan | undefined; last: PodPlan }>();
  readonly #volumes = new Map<string, VolumePlan>();
  readonly #bound = new Map<string, BoundPlan>();

  apply(type: EventType, plan: Plan): void {
    if (plan.kind === "Pod") this.#applyPod(type, plan);
    else if (plan.kind === "PersistentVolume") {
      if (type === "DELETED") this.#volumes.delete(plan.name);
      else this.#volumes.set(plan.name, plan);
    } else this.#applyBound(type, plan);
  }

  /** Whether a path leads from the vertex (see `vertexOf`) to the node. */
  reaches(vertex: string, node: string): boolean {
    const edges = this.#edges();
    const seen = new Set([vertex]);
    for (const present of seen) for (const next of edges.get(present) ?? []) seen.add(next);
    return seen.has(`node//${node}`) && vertex !== `node//${node}`;
  }

  /** Every (vertex, node) pair with a path. */
  grants(): Set<string> {
    const edges = this.#edges();
    const grants = new Set<string>();
    for (const start of edges.keys()) {
      const seen = new Set([start]);
      for (const present of seen) for (const next of edges.get(present) ?? []) seen.add(next);
      for (const end of seen) if (end.startsWith("node//") && end !== start) grants.add(`${start} > ${end.slice(6)}`);
    }
    return grants;
  }

  #applyPod(type: EventType, plan: PodPlan): void {
    const key = `${plan.namespace}/${plan.name}`;
    if (type === "DELETED") {
      this.#pods.delete(key);
      return;
    }
    const known = this.#pods.get(key);
    const isIgnored = type === "MODIFIED" && known !== undefined && isIrrelevant(known, plan);
    const granted = isIgnored ? known.granted : plan.node === "" ? undefined : plan;
    this.#pods.set(key, { granted, last: plan });
  }

  #applyBound(type: EventType, plan: BoundPlan): void {
    const key = `${plan.kind}/${plan.namespace}/${plan.name}`;
    const known = this.#bound.get(key);
    if (type === "DELETED") this.#bound.delete(key);
    else if (type === "MODIFIED" && plan.kind !== "VolumeAttachment" && known?.uid === plan.uid) return;
    else this.#bound.set(key, plan);
  }

  #edges(): Map<string, Set<string>> {
    const edges = new Map<string, Set<string>>();
    const connect = (from: string, to: string): void => {
      edges.set(from, (edges.get(from) ?? new Set()).add(to));
    };
    for (const { granted } of this.#pods.values()) if (granted !== undefined) connectPod(granted, connect);
    for (const { name, claim, secrets } of this.#volumes.values()) {
      if (claim === undefined) continue;
      connect(`persistentVolume//${name}`, `persistentVolumeClaim/${claim}`);
      for (const secret of secrets) connect(`secret/${secret}`, `persistentVolume//${name}`);
    }
    for (const { kind, namespace, name, node } of this.#bound.values()) {
      if (node !== "") connect(`${BOUND[kind]}/${namespace}/${name}`, `node//${node}`);
    }
    return edges;
  }
}

function isIrrelevant({ granted, last }: { granted: PodPlan | undefined; last: PodPlan }, plan: PodPlan): boolean {
  if (plan.uid !== last.uid) return false;
  if (plan.node === "") return true;
  if (plan.node !== granted?.node || plan.ephemeralSecrets.length > last.ephemeralSecrets.length) return false;
  return (
    JSON.stringify([plan.madeClaims, plan.extendedClaim]) ===
    JSON.stringify([granted.madeClaims, granted.extendedClaim])
  );
}

function connectPod(pod: PodPlan, connect: (from: string, to: string) => void): void {
  const { namespace } = pod;
  const vertex = `pod/${namespace}/${pod.name}`;
  connect(vertex, `node//${pod.node}`);
  if (pod.isMirror) return;
  if (pod.serviceAccount !== "") connect(`serviceAccount/${namespace}/${pod.serviceAccount}`, vertex);
  for (const name of [...pod.secrets, ...pod.ephemeralSecrets]) connect(`secret/${namespace}/${name}`, vertex);
  for (const name of pod.configMaps) connect(`configMap/${namespace}/${name}`, vertex);
  for (const name of pod.claims) connect(`persistentVolumeClaim/${namespace}/${name}`, vertex);
  for (const name of pod.madeClaims) connect(`resourceClaim/${namespace}/${name}`, vertex);
  if (pod.extendedClaim !== undefined) connect(`resourceClaim/${namespace}/${pod.extendedClaim}`, vertex);
}
