import type { PersistentVolume, Pod } from "../../../services/node-authorizer/domain/cluster-objects.ts";
import type { NodeAuthorizer } from "../../../services/node-authorizer/domain/node-authorizer.ts";

/** A cluster's objects, as an API server would list them. */
export interface BenchCluster {
  readonly pods: readonly Pod[];
  readonly volumes: readonly PersistentVolume[];
  readonly attachments: readonly { readonly metadata: { name: string }; readonly spec: { nodeName: string } }[];
}

export interface LargeCluster {
  readonly nodes: number;
  readonly podsPerNode: number;
  readonly namespaces: number;
}

/**
 * A large cluster: each pod has a secret of its own, its namespace's config map and service account, one config map that
 * all pods of the cluster share (all are in its namespace as far as that matters), and every second one a claim.
 */
export function largeCluster({ nodes, podsPerNode, namespaces }: LargeCluster): BenchCluster {
  const pods: Pod[] = [];
  const volumes: PersistentVolume[] = [];
  for (let number = 0; number < nodes * podsPerNode; number += 1) {
    const namespace = `team-${number % namespaces}`;
    const hasClaim = number % 2 === 0;
    pods.push(largePod(number, `worker-${number % nodes}`, namespace, hasClaim));
    if (hasClaim) volumes.push(largeVolume(number, namespace));
  }
  return { pods, volumes, attachments: [] };
}

export function largePod(number: number, nodeName: string, namespace: string, hasClaim: boolean): Pod {
  return received(largePodPlan(number, nodeName, namespace, hasClaim));
}

/** The object as it comes out of a feed: its strings are whole ones, not made of parts. */
export function received<Value>(object: Value): Value {
  return JSON.parse(JSON.stringify(object));
}

function largePodPlan(number: number, nodeName: string, namespace: string, hasClaim: boolean): Pod {
  const name = `service-${number}-7d9c5b8f64-x${number % 10_000}`;
  return {
    metadata: { name, namespace, uid: uuid(number) },
    spec: {
      nodeName,
      serviceAccountName: "default",
      containers: [{ envFrom: [{ configMapRef: { name: "settings" } }] }],
      volumes: [
        { name: "secret", secret: { secretName: `${name}-credentials` } },
        {
          name: "token",
          projected: { sources: [{ serviceAccountToken: {} }, { configMap: { name: "kube-root-ca.crt" } }] },
        },
        ...(hasClaim ? [{ name: "data", persistentVolumeClaim: { claimName: `data-${number}` } }] : []),
      ],
    },
  };
}

export function largeVolume(number: number, namespace: string): PersistentVolume {
  const name = `pvc-${uuid(number)}`;
  const claimRef = { namespace, name: `data-${number}` };
  return received({ metadata: { name }, spec: { claimRef, csi: { driver: "disk.example.com" } } });
}

function uuid(number: number): string {
  return `${number.toString(16).padStart(8, "0")}-0000-4000-8000-000000000000`;
}

export interface UpstreamCluster {
  readonly nodes: number;
  readonly podsPerNode: number;
  readonly namespaces: number;
  readonly attachmentsPerNode: number;
  /** Per pod: a config map and secret of its own, and a claim whose volume reads a secret. */
  readonly hasOwn: boolean;
  readonly sharedSecret: boolean;
  readonly sharedConfigMap: boolean;
}

/**
 * The shape of the benchmarks of Kubernetes' node authorizer, with its names.
 *
 * Source: kubernetes plugin/pkg/auth/authorizer/node/node_authorizer_test.go (generate).
 */
export function upstreamCluster(shape: UpstreamCluster): BenchCluster {
  const pods: Pod[] = [];
  const volumes: PersistentVolume[] = [];
  const attachments: BenchCluster["attachments"][number][] = [];
  for (let node = 0; node < shape.nodes; node += 1) {
    for (let place = 0; place < shape.podsPerNode; place += 1) {
      const pod = upstreamPod(`pod${place}-node${node}`, `ns${place % shape.namespaces}`, `node${node}`, shape);
      pods.push(pod.pod);
      if (shape.hasOwn) volumes.push(pod.volume);
    }
    for (let place = 0; place < shape.attachmentsPerNode; place += 1) {
      const spec = { nodeName: `node${node}` };
      attachments.push(received({ metadata: { name: `attachment${place}-node${node}` }, spec }));
    }
  }
  return { pods, volumes, attachments };
}

export function upstreamPod(name: string, namespace: string, nodeName: string, shape: UpstreamCluster) {
  const claimName = `pvc0-${name}`;
  const volumeName = `pv0-${name}-${namespace}`;
  const pod: Pod = {
    metadata: { name, namespace },
    spec: {
      nodeName,
      serviceAccountName: `svcacct-${name}`,
      volumes: [
        ...(shape.hasOwn ? [{ secret: { secretName: `secret0-${name}` } }] : []),
        ...(shape.sharedSecret ? [{ secret: { secretName: "secret0-shared" } }] : []),
        ...(shape.hasOwn ? [{ configMap: { name: `configmap0-${name}` } }] : []),
        ...(shape.sharedConfigMap ? [{ configMap: { name: "configmap0-shared" } }] : []),
        ...(shape.hasOwn ? [{ persistentVolumeClaim: { claimName } }] : []),
      ],
    },
  };
  const volume: PersistentVolume = {
    metadata: { name: volumeName },
    spec: {
      claimRef: { namespace, name: claimName },
      flexVolume: { secretRef: { name: `secret-${volumeName}` } },
    },
  };
  return received({ pod, volume });
}

/** Feeds a cluster, one event after the other, as a watch would. */
export function feed(authorizer: NodeAuthorizer, { pods, volumes, attachments }: BenchCluster): void {
  for (const object of volumes) authorizer.apply({ type: "ADDED", kind: "PersistentVolume", object });
  for (const object of pods) authorizer.apply({ type: "ADDED", kind: "Pod", object });
  for (const object of attachments) authorizer.apply({ type: "ADDED", kind: "VolumeAttachment", object });
}
