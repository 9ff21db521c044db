import { MIRROR, pod } from "../cluster.ts";
import type { Uids } from "../setting.ts";
import { SHOP, type WriteRow, writing } from "./write-row.ts";

const PODS = `${SHOP}/pods`;

interface MirrorPod {
  readonly nodeName?: string;
  readonly annotations?: object;
  readonly owner?: object;
  readonly owners?: readonly object[];
  readonly spec?: object;
}

/** Changes to a mirror pod of n3 that is as it should be. */
function mirrorPod({ nodeName = "n3", annotations = MIRROR, owner = {}, owners, spec }: MirrorPod = {}) {
  return (uids: Uids): object => {
    const right = { apiVersion: "v1", kind: "Node", name: "n3", uid: uids["node n3"], controller: true, ...owner };
    return pod("static-n3", nodeName, spec, { annotations, ownerReferences: owners ?? [right] });
  };
}

const creation = (name: string, changes: MirrorPod = {}, as?: string) =>
  writing("POST", PODS, name, mirrorPod(changes), as);

const secretRef = { name: "x" };
const monitors = ["m"];
const claimTemplate = {
  spec: { accessModes: ["ReadWriteOnce"], resources: { requests: { storage: "1Gi" } } },
};

/** A volume of every type, with what it needs. */
const VOLUMES: Readonly<Record<string, object>> = {
  "no type": {},
  awsElasticBlockStore: { awsElasticBlockStore: { volumeID: "v" } },
  azureDisk: { azureDisk: { diskName: "d", diskURI: "https://example.com/d" } },
  azureFile: { azureFile: { secretName: "x", shareName: "s" } },
  cephfs: { cephfs: { monitors } },
  "cephfs with a secret": { cephfs: { monitors, secretRef } },
  cinder: { cinder: { volumeID: "v" } },
  "cinder with a secret": { cinder: { volumeID: "v", secretRef } },
  configMap: { configMap: { name: "x" } },
  csi: { csi: { driver: "d.example.com" } },
  downwardAPI: { downwardAPI: { items: [{ path: "p", fieldRef: { fieldPath: "metadata.name" } }] } },
  emptyDir: { emptyDir: {} },
  ephemeral: { ephemeral: { volumeClaimTemplate: claimTemplate } },
  fc: { fc: { targetWWNs: ["w"], lun: 0 } },
  flexVolume: { flexVolume: { driver: "d/d" } },
  "flexVolume with a secret": { flexVolume: { driver: "d/d", secretRef } },
  flocker: { flocker: { datasetName: "d" } },
  gcePersistentDisk: { gcePersistentDisk: { pdName: "d" } },
  gitRepo: { gitRepo: { repository: "https://example.com/r" } },
  glusterfs: { glusterfs: { endpoints: "e", path: "p" } },
  hostPath: { hostPath: { path: "/etc" } },
  image: { image: { reference: "example.com/i" } },
  iscsi: { iscsi: { targetPortal: "1.2.3.4", iqn: "iqn.2001-04.com.example:x", lun: 0 } },
  "iscsi with a secret": { iscsi: { targetPortal: "1.2.3.4", iqn: "iqn.2001-04.com.example:x", lun: 0, secretRef } },
  nfs: { nfs: { server: "s", path: "/p" } },
  persistentVolumeClaim: { persistentVolumeClaim: { claimName: "data" } },
  photonPersistentDisk: { photonPersistentDisk: { pdID: "p" } },
  portworxVolume: { portworxVolume: { volumeID: "v" } },
  "projected of nothing": { projected: { sources: [] } },
  "projected clusterTrustBundle": { projected: { sources: [{ clusterTrustBundle: { name: "b", path: "p" } }] } },
  "projected configMap": { projected: { sources: [{ configMap: { name: "x" } }] } },
  "projected downwardAPI": {
    projected: { sources: [{ downwardAPI: { items: [{ path: "p", fieldRef: { fieldPath: "metadata.name" } }] } }] },
  },
  "projected secret": { projected: { sources: [{ secret: { name: "x" } }] } },
  "projected serviceAccountToken": { projected: { sources: [{ serviceAccountToken: { path: "p" } }] } },
  quobyte: { quobyte: { registry: "r:1", volume: "v" } },
  rbd: { rbd: { monitors, image: "i" } },
  "rbd with a secret": { rbd: { monitors, image: "i", secretRef } },
  "scaleIO with a secret": { scaleIO: { gateway: "g", system: "s", volumeName: "v", secretRef } },
  secret: { secret: { secretName: "x" } },
  storageos: { storageos: { volumeName: "v" } },
  "storageos with a secret": { storageos: { volumeName: "v", secretRef } },
  vsphereVolume: { vsphereVolume: { volumePath: "p" } },
};

const container = { name: "c", image: "example.com/c" };
const containing = (rest: object) => ({ spec: { containers: [{ ...container, ...rest }] } });

export const POD_CREATIONS: readonly WriteRow[] = [
  creation("a mirror pod"),
  creation("a mirror annotation with text", { annotations: { "kubernetes.io/config.mirror": "x" } }),
  creation("no mirror annotation", { annotations: {} }),
  creation("for another node", { nodeName: "n1" }),
  creation("for no node", { nodeName: "" }),
  creation("no owner", { owners: [] }),
  creation("owner of another kind", { owner: { kind: "Pod" } }),
  creation("owner of another version", { owner: { apiVersion: "v2" } }),
  creation("owner of another name", { owner: { name: "n1" } }),
  creation("owner of another uid", { owner: { uid: "x" } }),
  creation("owner that is no controller", { owner: { controller: false } }),
  creation("owner that says nothing of control", { owner: { controller: undefined } }),
  creation("owner that blocks deletion", { owner: { blockOwnerDeletion: true } }),
  creation("owner that does not block deletion", { owner: { blockOwnerDeletion: false } }),
  writing("POST", PODS, "two owners", (uids: Uids) => {
    const owner = { apiVersion: "v1", kind: "Node", name: "n3", uid: uids["node n3"] };
    const ownerReferences = [
      { ...owner, controller: true },
      { ...owner, uid: "y" },
    ];
    return pod("static-n3", "n3", {}, { annotations: MIRROR, ownerReferences });
  }),
  creation("node that is not there", { nodeName: "n4", owner: { name: "n4" } }, "system:node:n4"),
  creation("a service account", { spec: { serviceAccountName: "default" } }),
  creation("a pull secret", { spec: { imagePullSecrets: [{ name: "x" }] } }),
  creation(
    "a secret in env",
    containing({ env: [{ name: "E", valueFrom: { secretKeyRef: { name: "x", key: "k" } } }] }),
  ),
  creation(
    "a config map in env",
    containing({ env: [{ name: "E", valueFrom: { configMapKeyRef: { name: "x", key: "k" } } }] }),
  ),
  creation(
    "a field in env",
    containing({ env: [{ name: "E", valueFrom: { fieldRef: { fieldPath: "metadata.name" } } }] }),
  ),
  creation("a secret in envFrom", containing({ envFrom: [{ secretRef: { name: "x", optional: true } }] })),
  creation("a config map in envFrom of an init container", {
    spec: { initContainers: [{ ...container, name: "i", envFrom: [{ configMapRef: { name: "x" } }] }] },
  }),
  creation("a resource claim", { spec: { resourceClaims: [{ name: "r", resourceClaimName: "x" }] } }),
  ...Object.entries(VOLUMES).map(([type, source]) =>
    creation(`volume: ${type}`, { spec: { volumes: [{ name: "v", ...source }] } }),
  ),
  creation("node without a name", {}, "system:node:"),
];

const status = (name: string, podName: string, patch: object) =>
  writing("PATCH", `${PODS}/${podName}/status`, `status: ${name}`, patch);
const eviction = (name: string, podName: string, metadata: object, as?: string) =>
  writing(
    "POST",
    `${PODS}/${podName}/eviction`,
    `eviction: ${name}`,
    { apiVersion: "policy/v1", kind: "Eviction", metadata },
    as,
  );

export const POD_WRITES: readonly WriteRow[] = [
  writing("PATCH", `${PODS}/labelled`, "update of its own", { metadata: { labels: { app: "y" } } }),
  writing("PATCH", `${PODS}/everything`, "update of another's", { metadata: { labels: { app: "y" } } }),
  writing("DELETE", `${PODS}/labelled`, "delete its own"),
  writing("DELETE", `${PODS}/mirror-n3`, "delete its own mirror pod"),
  writing("DELETE", `${PODS}/everything`, "delete another's"),
  writing("DELETE", `${PODS}/unbound`, "delete nobody's"),
  writing("DELETE", `${PODS}/nothing`, "delete what is not there"),
  writing("DELETE", PODS, "delete all"),
  status("phase", "labelled", { status: { phase: "Running" } }),
  status("phase of another's", "everything", { status: { phase: "Running" } }),
  status("phase of nobody's", "unbound", { status: { phase: "Running" } }),
  status("phase of what is not there", "nothing", { status: { phase: "Running" } }),
  status("a new label", "labelled", { metadata: { labels: { new: "" } } }),
  status("another value", "labelled", { metadata: { labels: { app: "y" } } }),
  status("no labels", "labelled", { metadata: { labels: null } }),
  status("the same labels", "labelled", { metadata: { labels: { app: "x" } } }),
  status("a first label", "tokens", { metadata: { labels: { new: "" } } }),
  status("empty labels", "tokens", { metadata: { labels: {} } }),
  status("an annotation", "labelled", { metadata: { annotations: { a: "b" } } }),
  status("the mirror annotation", "labelled", { metadata: { annotations: MIRROR } }),
  status("a finalizer", "labelled", { metadata: { finalizers: ["example.com/x"] } }),
  status("an owner", "labelled", {
    metadata: { ownerReferences: [{ apiVersion: "v1", kind: "Node", name: "n3", uid: "u" }] },
  }),
  status("a node's name", "labelled", { spec: { nodeName: "n1" } }),
  status("a made claim", "claiming", { status: { resourceClaimStatuses: [{ name: "r", resourceClaimName: "c" }] } }),
  status("a made claim that is none", "claiming", { status: { resourceClaimStatuses: [{ name: "r" }] } }),
  status("no made claims", "claiming", { status: { resourceClaimStatuses: [] } }),
  status("a claim for extended resources", "claiming", {
    status: {
      extendedResourceClaimStatus: {
        resourceClaimName: "c",
        requestMappings: [{ containerName: "c", resourceName: "example.com/r", requestName: "r" }],
      },
    },
  }),
  writing("POST", `${PODS}/labelled/binding`, "binding", {
    apiVersion: "v1",
    kind: "Binding",
    metadata: { name: "labelled" },
    target: { apiVersion: "v1", kind: "Node", name: "n3" },
  }),
  writing("PATCH", `${PODS}/labelled/ephemeralcontainers`, "ephemeral containers", {
    spec: { ephemeralContainers: [{ name: "d", image: "example.com/d" }] },
  }),
  writing("PATCH", `${PODS}/labelled/resize`, "resize", { metadata: { annotations: { a: "b" } } }),
  eviction("its own", "labelled", { name: "labelled" }),
  eviction("its own, without a name", "labelled", {}),
  eviction("its own, named otherwise", "labelled", { name: "everything" }),
  eviction("another's", "everything", { name: "everything" }),
  eviction("another's, named as its own", "everything", { name: "labelled" }),
  eviction("nobody's", "unbound", { name: "unbound" }),
  eviction("what is not there", "nothing", { name: "nothing" }),
  eviction("its own", "labelled", { name: "labelled" }, "system:node:"),
];
