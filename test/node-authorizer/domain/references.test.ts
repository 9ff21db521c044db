import { expect, test } from "@jest/globals";
import type { Pod } from "../../../services/node-authorizer/domain/cluster-objects.ts";
import { createNodeAuthorizer } from "../../../services/node-authorizer/domain/node-authorizer.ts";

type PodSpec = NonNullable<Pod["spec"]>;

/** What node1 can read because of one pod, as `kind namespace/name`, the pod itself left out. */
function readBecauseOf(spec: object, status: object = {}, annotations: Record<string, string> = {}): readonly string[] {
  const authorizer = createNodeAuthorizer({ changeLogSize: 0 });
  const metadata = { name: "p", namespace: "ns", annotations };
  const object = { metadata, spec: { nodeName: "node1", ...spec }, status } as Pod;
  authorizer.apply({ type: "ADDED", kind: "Pod", object });
  return shown(authorizer);
}

function shown(authorizer: ReturnType<typeof createNodeAuthorizer>): readonly string[] {
  const { objects } = authorizer.readableBy("node1");
  return objects.flatMap(({ kind, namespace, name }) => (kind === "pod" ? [] : [`${kind} ${namespace}/${name}`]));
}

const volume = (source: object) => ({ volumes: [{ name: "v", ...source }] });
const secretRef = { secretRef: { name: "s" } };
const variable = (valueFrom: object) => ({ env: [{ name: "V", valueFrom }] });

test.each<{ place: string; spec: object; status?: object; reads: readonly string[] }>([
  { place: "nothing", spec: {}, reads: [] },
  { place: "serviceAccountName", spec: { serviceAccountName: "a" }, reads: ["serviceAccount ns/a"] },
  {
    place: "serviceAccountName without a mounted token",
    spec: { serviceAccountName: "a", automountServiceAccountToken: false },
    reads: ["serviceAccount ns/a"],
  },
  { place: "imagePullSecrets", spec: { imagePullSecrets: [{ name: "s" }, { name: "" }] }, reads: ["secret ns/s"] },
  ...(["initContainers", "containers", "ephemeralContainers"] as const).flatMap((kind) => [
    {
      place: `${kind} secretKeyRef`,
      spec: { [kind]: [variable({ secretKeyRef: { name: "s" } })] },
      reads: ["secret ns/s"],
    },
    { place: `${kind} envFrom secretRef`, spec: { [kind]: [{ envFrom: [secretRef] }] }, reads: ["secret ns/s"] },
    {
      place: `${kind} configMapKeyRef`,
      spec: { [kind]: [variable({ configMapKeyRef: { name: "m", optional: true } })] },
      reads: ["configMap ns/m"],
    },
    {
      place: `${kind} envFrom configMapRef`,
      spec: { [kind]: [{ envFrom: [{ configMapRef: { name: "m" } }] }] },
      reads: ["configMap ns/m"],
    },
  ]),
  { place: "secret volume", spec: volume({ secret: { secretName: "s", optional: true } }), reads: ["secret ns/s"] },
  { place: "configMap volume", spec: volume({ configMap: { name: "m" } }), reads: ["configMap ns/m"] },
  {
    place: "projected volume",
    spec: volume({
      projected: {
        sources: [
          { secret: { name: "s" } },
          { configMap: { name: "m" } },
          { serviceAccountToken: { audience: "a" } },
          { clusterTrustBundle: { name: "b" } },
          { podCertificate: { signerName: "c" } },
          { downwardAPI: {} },
        ],
      },
    }),
    reads: ["configMap ns/m", "secret ns/s"],
  },
  { place: "azureFile volume", spec: volume({ azureFile: { secretName: "s" } }), reads: ["secret ns/s"] },
  {
    place: "csi volume",
    spec: volume({ csi: { driver: "d", nodePublishSecretRef: { name: "s" } } }),
    reads: ["secret ns/s"],
  },
  ...["cephfs", "cinder", "flexVolume", "rbd", "scaleIO", "iscsi", "storageos"].map((type) => ({
    place: `${type} volume`,
    spec: volume({ [type]: secretRef }),
    reads: ["secret ns/s"],
  })),
  { place: "glusterfs volume", spec: volume({ glusterfs: { endpoints: "e" } }), reads: [] },
  { place: "hostPath volume", spec: volume({ hostPath: { path: "/" } }), reads: [] },
  {
    place: "persistentVolumeClaim volume",
    spec: volume({ persistentVolumeClaim: { claimName: "c" } }),
    reads: ["persistentVolumeClaim ns/c"],
  },
  {
    place: "ephemeral volume",
    spec: volume({ ephemeral: { volumeClaimTemplate: {} } }),
    reads: ["persistentVolumeClaim ns/p-v"],
  },
  {
    place: "resourceClaimName",
    spec: { resourceClaims: [{ name: "r", resourceClaimName: "c" }] },
    reads: ["resourceClaim ns/c"],
  },
  {
    place: "resourceClaimTemplateName with its status",
    spec: { resourceClaims: [{ name: "r", resourceClaimTemplateName: "t" }] },
    status: {
      resourceClaimStatuses: [
        { name: "x", resourceClaimName: "y" },
        { name: "r", resourceClaimName: "made" },
      ],
    },
    reads: ["resourceClaim ns/made"],
  },
  {
    place: "resourceClaimTemplateName without a status",
    spec: { resourceClaims: [{ name: "r", resourceClaimTemplateName: "t" }] },
    reads: [],
  },
  {
    place: "resourceClaimTemplateName with a status of none",
    spec: { resourceClaims: [{ name: "r", resourceClaimTemplateName: "t" }] },
    status: { resourceClaimStatuses: [{ name: "r", resourceClaimName: null }] },
    reads: [],
  },
  {
    place: "a status without a claim of the pod",
    spec: {},
    status: { resourceClaimStatuses: [{ name: "r", resourceClaimName: "c" }] },
    reads: [],
  },
  {
    place: "extendedResourceClaimStatus",
    spec: {},
    status: { extendedResourceClaimStatus: { resourceClaimName: "e", requestMappings: [] } },
    reads: ["resourceClaim ns/e"],
  },
  { place: "runtimeClassName", spec: { runtimeClassName: "r", priorityClassName: "p" }, reads: [] },
  {
    place: "null everywhere",
    spec: {
      containers: null,
      initContainers: [null],
      volumes: [null],
      imagePullSecrets: [null],
      resourceClaims: [null],
    },
    status: { resourceClaimStatuses: null, extendedResourceClaimStatus: null },
    reads: [],
  },
  {
    place: "other types than they should be",
    spec: { containers: "x", volumes: [{ secret: "s" }, 7], serviceAccountName: 5, imagePullSecrets: { name: "s" } },
    status: { resourceClaimStatuses: 3 },
    reads: [],
  },
])("a pod's $place", ({ spec, status, reads }) => {
  expect(readBecauseOf(spec, status)).toEqual(reads);
});

test.each(["mirror", ""])("a mirror pod refers to nothing, whatever its annotation says (%j)", (value) => {
  const spec: PodSpec = { serviceAccountName: "a", imagePullSecrets: [{ name: "s" }] };
  expect(readBecauseOf(spec, {}, { "kubernetes.io/config.mirror": value })).toEqual([]);
});

const claimRef = { namespace: "ns", name: "c" };
const own = { secretRef: { name: "s", namespace: "own" } };

test.each<{ source: string; spec: object; reads: readonly string[] }>([
  { source: "no secret", spec: { hostPath: {} }, reads: [] },
  { source: "azureFile", spec: { azureFile: { secretName: "s" } }, reads: ["ns/s"] },
  {
    source: "azureFile with a namespace",
    spec: { azureFile: { secretName: "s", secretNamespace: "own" } },
    reads: ["own/s"],
  },
  {
    source: "azureFile with an empty one",
    spec: { azureFile: { secretName: "s", secretNamespace: "" } },
    reads: ["ns/s"],
  },
  ...["cephfs", "flexVolume", "rbd", "scaleIO", "iscsi"].flatMap((type) => [
    { source: type, spec: { [type]: secretRef }, reads: ["ns/s"] },
    { source: `${type} with a namespace`, spec: { [type]: own }, reads: ["own/s"] },
  ]),
  ...["cinder", "storageos"].flatMap((type) => [
    { source: `${type} with a namespace`, spec: { [type]: own }, reads: ["own/s"] },
    { source: `${type} without one, which no request can name`, spec: { [type]: secretRef }, reads: ["/s"] },
  ]),
  ...["nodePublishSecretRef", "nodeStageSecretRef", "nodeExpandSecretRef"].map((field) => ({
    source: `csi ${field}`,
    spec: { csi: { driver: "d", [field]: { name: "s", namespace: "driver" } } },
    reads: ["driver/s"],
  })),
  ...["controllerPublishSecretRef", "controllerExpandSecretRef"].map((field) => ({
    source: `csi ${field}, the controller's`,
    spec: { csi: { driver: "d", [field]: { name: "s", namespace: "driver" } } },
    reads: [],
  })),
])("a volume's $source", ({ spec, reads }) => {
  const authorizer = createNodeAuthorizer({ changeLogSize: 0 });
  const metadata = { name: "p", namespace: "ns" };
  const pod = { metadata, spec: { nodeName: "node1", ...volume({ persistentVolumeClaim: { claimName: "c" } }) } };
  authorizer.apply({ type: "ADDED", kind: "Pod", object: pod });
  authorizer.apply({
    type: "ADDED",
    kind: "PersistentVolume",
    object: { metadata: { name: "v" }, spec: { claimRef, ...spec } },
  });
  const secrets = shown(authorizer).flatMap((line) => (line.startsWith("secret ") ? [line.slice(7)] : []));
  expect(secrets).toEqual(reads);
  expect(shown(authorizer)).toContain("persistentVolume /v");
  authorizer.apply({ type: "MODIFIED", kind: "PersistentVolume", object: { metadata: { name: "v" }, spec } });
  expect(shown(authorizer)).toEqual(["persistentVolumeClaim ns/c"]);
});
