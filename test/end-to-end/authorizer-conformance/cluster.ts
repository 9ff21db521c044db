/** An object of the API, as it is posted. */
export interface ApiObject {
  readonly apiVersion: string;
  readonly kind: string;
  readonly metadata: Readonly<Record<string, unknown>> & { readonly name: string; readonly namespace?: string };
  readonly [field: string]: unknown;
}

/** Names no pod sets itself; the API server wants one. */
const IMAGE = "example.com/c";

const container = { name: "c", image: IMAGE };

function core(kind: string, name: string, rest: object = {}, metadata: object = {}): ApiObject {
  return { apiVersion: "v1", kind, metadata: { name, ...metadata }, ...rest };
}

export function pod(name: string, nodeName: string | undefined, spec: object = {}, metadata: object = {}): ApiObject {
  const whole = { ...(nodeName !== undefined && { nodeName }), containers: [container], ...spec };
  return core("Pod", name, { spec: whole }, { namespace: "shop", ...metadata });
}

export const MIRROR = { "kubernetes.io/config.mirror": "" };

const secretRef = (name: string) => ({ name });
const envOf = (name: string) => [{ name: "E", valueFrom: { secretKeyRef: { name, key: "k" } } }];

/** Every place of a pod that names something; each name says which. */
const EVERYWHERE = {
  imagePullSecrets: [{ name: "pull" }],
  initContainers: [
    { name: "i", image: IMAGE, env: envOf("init-env"), envFrom: [{ secretRef: secretRef("init-all") }] },
  ],
  containers: [
    {
      ...container,
      env: [...envOf("env"), { name: "M", valueFrom: { configMapKeyRef: { name: "env", key: "k", optional: true } } }],
      envFrom: [{ secretRef: { name: "all", optional: true } }, { configMapRef: { name: "all" } }],
    },
  ],
  volumes: [
    { name: "v1", secret: { secretName: "volume" } },
    { name: "v2", configMap: { name: "volume" } },
    { name: "v3", projected: { sources: [{ secret: { name: "projected" } }, { configMap: { name: "projected" } }] } },
    { name: "v4", csi: { driver: "csi.example.com", nodePublishSecretRef: secretRef("csi") } },
    { name: "v5", azureFile: { secretName: "azure", shareName: "s" } },
    { name: "v6", cephfs: { monitors: ["m"], secretRef: secretRef("ceph") } },
    { name: "v7", cinder: { volumeID: "x", secretRef: secretRef("cinder") } },
    { name: "v8", flexVolume: { driver: "d/d", secretRef: secretRef("flex") } },
    { name: "v9", rbd: { monitors: ["m"], image: "i", secretRef: secretRef("rbd") } },
    { name: "v10", scaleIO: { gateway: "g", system: "s", volumeName: "v", secretRef: secretRef("scale") } },
    {
      name: "v11",
      iscsi: { targetPortal: "1.2.3.4", iqn: "iqn.2001-04.com.example:x", lun: 0, secretRef: secretRef("iscsi") },
    },
    { name: "v12", storageos: { volumeName: "v", secretRef: secretRef("storageos") } },
    { name: "v13", persistentVolumeClaim: { claimName: "data" } },
    { name: "v14", ephemeral: { volumeClaimTemplate: { spec: claimSpec() } } },
    { name: "v15", glusterfs: { endpoints: "gluster", path: "p" } },
  ],
  resourceClaims: [
    { name: "named", resourceClaimName: "claim-named" },
    { name: "made", resourceClaimTemplateName: "template" },
    { name: "none", resourceClaimTemplateName: "template" },
  ],
};

/** @param volumeName - binds the claim. */
function claimSpec(volumeName?: string) {
  const resources = { requests: { storage: "1Gi" } };
  return { accessModes: ["ReadWriteOnce"], resources, ...(volumeName !== undefined && { volumeName }) };
}

function claim(name: string, volumeName?: string): ApiObject {
  return core("PersistentVolumeClaim", name, { spec: claimSpec(volumeName) }, { namespace: "shop" });
}

/** A volume that says it belongs to `claimName`, whether or not that knows of it. */
function volume(name: string, source: object, claimName?: string): ApiObject {
  const claimRef = claimName === undefined ? {} : { claimRef: { namespace: "shop", name: claimName } };
  return core("PersistentVolume", name, {
    spec: { capacity: { storage: "1Gi" }, accessModes: ["ReadWriteOnce"], ...source, ...claimRef },
  });
}

const inNamespace = (name: string, namespace: string) => ({ name, namespace });

function csiSource(driver: string) {
  return {
    csi: {
      driver,
      volumeHandle: "h",
      nodePublishSecretRef: inNamespace("csi-publish", "drivers"),
      nodeStageSecretRef: inNamespace("csi-stage", "drivers"),
      nodeExpandSecretRef: inNamespace("csi-expand", "drivers"),
      controllerPublishSecretRef: inNamespace("csi-controller-publish", "drivers"),
      controllerExpandSecretRef: inNamespace("csi-controller-expand", "drivers"),
    },
  };
}

const VOLUMES: readonly ApiObject[] = [
  volume("pv-csi", csiSource("csi.example.com"), "data"),
  volume("pv-free", csiSource("csi.example.com")),
  volume("pv-elsewhere", { hostPath: { path: "/x" } }, "of-nobody"),
  volume("pv-azure", { azureFile: { secretName: "pv-azure", shareName: "s" } }, "data"),
  volume("pv-azure-far", { azureFile: { secretName: "pv-azure", secretNamespace: "drivers", shareName: "s" } }, "data"),
  volume("pv-ceph", { cephfs: { monitors: ["m"], secretRef: { name: "pv-ceph" } } }, "data"),
  volume("pv-ceph-far", { cephfs: { monitors: ["m"], secretRef: inNamespace("pv-ceph", "drivers") } }, "data"),
  volume("pv-cinder", { cinder: { volumeID: "x", secretRef: inNamespace("pv-cinder", "drivers") } }, "data"),
  volume("pv-flex", { flexVolume: { driver: "d/d", secretRef: { name: "pv-flex" } } }, "data"),
  volume("pv-rbd", { rbd: { monitors: ["m"], image: "i", secretRef: { name: "pv-rbd" } } }, "data"),
  volume("pv-template", { hostPath: { path: "/y" } }, "everything-v14"),
  volume("pv-tokens", { csi: { driver: "claimed.example.com", volumeHandle: "t" } }, "tokens"),
];

const attachment = (name: string, nodeName: string): ApiObject => ({
  apiVersion: "storage.k8s.io/v1",
  kind: "VolumeAttachment",
  metadata: { name },
  spec: { attacher: "csi.example.com", nodeName, source: { persistentVolumeName: "pv-csi" } },
});

export const slice = (name: string, where: object): ApiObject => ({
  apiVersion: "resource.k8s.io/v1",
  kind: "ResourceSlice",
  metadata: { name },
  spec: { driver: "dra.example.com", pool: { name, generation: 1, resourceSliceCount: 1 }, ...where },
});

const driver = (name: string, audience: string): ApiObject => ({
  apiVersion: "storage.k8s.io/v1",
  kind: "CSIDriver",
  metadata: { name },
  spec: { tokenRequests: [{ audience }] },
});

const TOKEN_VOLUMES = [
  { name: "t1", projected: { sources: [{ serviceAccountToken: { path: "t", audience: "vault" } }] } },
  { name: "t2", csi: { driver: "csi.example.com" } },
  { name: "t3", persistentVolumeClaim: { claimName: "tokens" } },
  { name: "t4", azureFile: { secretName: "azure", shareName: "s" } },
];

const everyVerb = ["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection"];
const RBAC = "rbac.authorization.k8s.io";

/** Lets node n3 write whatever it likes, so that only admission restricts it; but choose no audiences. */
const WRITER: readonly ApiObject[] = [
  {
    apiVersion: `${RBAC}/v1`,
    kind: "ClusterRole",
    metadata: { name: "writer" },
    rules: [{ apiGroups: ["*"], resources: ["*"], verbs: everyVerb }],
  },
  {
    apiVersion: `${RBAC}/v1`,
    kind: "ClusterRoleBinding",
    metadata: { name: "writer" },
    roleRef: { apiGroup: RBAC, kind: "ClusterRole", name: "writer" },
    subjects: ["system:node:n3", "system:node:"].map((name) => ({ apiGroup: RBAC, kind: "User", name })),
  },
  {
    apiVersion: `${RBAC}/v1`,
    kind: "ClusterRole",
    metadata: { name: "audience" },
    rules: [{ apiGroups: [""], resources: ["granted"], verbs: ["request-serviceaccounts-token-audience"] }],
  },
  {
    apiVersion: `${RBAC}/v1`,
    kind: "ClusterRoleBinding",
    metadata: { name: "audience" },
    roleRef: { apiGroup: RBAC, kind: "ClusterRole", name: "audience" },
    subjects: [{ apiGroup: RBAC, kind: "User", name: "system:node:n3" }],
  },
];

const CLAIMING = {
  resourceClaims: [{ name: "r", resourceClaimTemplateName: "template" }],
  containers: [{ ...container, resources: { limits: { "example.com/r": "1" } } }],
};

const thrice = [1, 2, 3].map((index) => ({
  name: `E${index}`,
  valueFrom: { secretKeyRef: { name: "thrice", key: "k" } },
}));

/** What the cluster holds, in the order in which it is made. */
export const CLUSTER: readonly ApiObject[] = [
  ...["shop", "drivers"].map((name) => core("Namespace", name)),
  ...["default", "builder"].map((name) => core("ServiceAccount", name, {}, { namespace: "shop" })),
  ...["n1", "n2"].map((name) => core("Node", name)),
  core(
    "Node",
    "n3",
    { spec: { taints: [{ key: "there", effect: "NoSchedule" }] } },
    { labels: { "kubernetes.io/role": "admin" } },
  ),
  ...WRITER,
  driver("csi.example.com", "inline-driver"),
  driver("claimed.example.com", "claimed-driver"),
  driver("file.csi.azure.com", "migrated-driver"),
  claim("data", "pv-csi"),
  claim("of-nobody"),
  claim("tokens", "pv-tokens"),
  ...VOLUMES,
  attachment("va-n1", "n1"),
  attachment("va-n2", "n2"),
  slice("slice-n1", { nodeName: "n1" }),
  slice("slice-n2", { nodeName: "n2" }),
  slice("slice-n3", { nodeName: "n3" }),
  slice("slice-all", { allNodes: true }),
  pod("everything", "n1", EVERYWHERE),
  pod("debugged", "n1"),
  pod("builder", "n1", { serviceAccountName: "builder" }),
  pod("mirror", "n1", { volumes: [{ name: "m", configMap: { name: "of-mirror" } }] }, { annotations: MIRROR }),
  pod("thrice", "n2", { containers: [{ ...container, env: thrice }] }),
  pod("finished", "n2", { containers: [{ ...container, envFrom: [{ secretRef: { name: "of-finished" } }] }] }),
  pod("unbound", undefined, { containers: [{ ...container, envFrom: [{ secretRef: { name: "of-unbound" } }] }] }),
  pod("tokens", "n3", { volumes: TOKEN_VOLUMES }),
  pod("lost", "n3", { volumes: [{ name: "l", persistentVolumeClaim: { claimName: "not-there" } }, ...TOKEN_VOLUMES] }),
  pod("labelled", "n3", {}, { labels: { app: "x" } }),
  pod("claiming", "n3", CLAIMING),
  pod("mirror-n3", "n3", {}, { annotations: MIRROR }),
];

/** What is written to a subresource afterwards: path of the object, and a merge patch. */
export const CHANGES: readonly { readonly path: string; readonly patch: object }[] = [
  {
    path: "/api/v1/namespaces/shop/pods/everything/status",
    patch: {
      status: {
        resourceClaimStatuses: [{ name: "made", resourceClaimName: "claim-made" }, { name: "none" }],
      },
    },
  },
  { path: "/api/v1/namespaces/shop/pods/finished/status", patch: { status: { phase: "Succeeded" } } },
  {
    path: "/api/v1/namespaces/shop/pods/debugged/ephemeralcontainers",
    patch: { spec: { ephemeralContainers: [{ name: "d", image: IMAGE, env: envOf("of-debugger") }] } },
  },
];
