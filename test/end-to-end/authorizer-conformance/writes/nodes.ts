import { type WriteRow, writing } from "./write-row.ts";

const NODES = "/api/v1/nodes";

const creation = (name: string, metadata: object = {}, rest: object = {}, as = "system:node:n4") =>
  writing(
    "POST",
    NODES,
    `create: ${name}`,
    { apiVersion: "v1", kind: "Node", metadata: { name: "n4", ...metadata }, ...rest },
    as,
  );
const update = (name: string, patch: object, node = "n3") =>
  writing("PATCH", `${NODES}/${node}`, `update: ${name}`, patch);
const status = (name: string, patch: object, node = "n3") =>
  writing("PATCH", `${NODES}/${node}/status`, `status: ${name}`, patch);

/** Around every border of what nodes may call themselves. */
const KEYS = [
  ...["kubernetes.io/hostname", "topology.kubernetes.io/zone", "topology.kubernetes.io/region", "kubernetes.io/os"],
  ...["failure-domain.beta.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/region", "kubernetes.io/arch"],
  ...["beta.kubernetes.io/instance-type", "node.kubernetes.io/instance-type", "beta.kubernetes.io/os"],
  ...["beta.kubernetes.io/arch", "kubelet.kubernetes.io/x", "a.kubelet.kubernetes.io/x", "node.kubernetes.io/anything"],
  ...[
    "a.node.kubernetes.io/x",
    "notnode.kubernetes.io/x",
    "notkubelet.kubernetes.io/x",
    "node-role.kubernetes.io/worker",
  ],
  ...["kubernetes.io/role", "kubernetes.io/x", "topology.kubernetes.io/rack", "k8s.io/x", "a.k8s.io/x", "xk8s.io/x"],
  ...["node.k8s.io/x", "mykubernetes.io/x", "a.kubernetes.io.example.com/x", "example.com/x", "plain"],
  ...["node-restriction.kubernetes.io/x", "a.node-restriction.kubernetes.io/x", "xnode-restriction.kubernetes.io/a"],
  ...["node-restriction.kubernetes.io.example.com/x", "node-restriction.k8s.io/x", "Kubernetes.io/x"],
];

const TAINT = { key: "k", effect: "NoSchedule" };
const OWNER = { apiVersion: "v1", kind: "Pod", name: "p", uid: "u" };
const CONFIG_SOURCE = { configMap: { namespace: "shop", name: "x", uid: "u", kubeletConfigKey: "k" } };

export const NODE_WRITES: readonly WriteRow[] = [
  creation("itself"),
  creation("another", { name: "n5" }),
  creation("with a taint", {}, { spec: { taints: [TAINT] } }),
  creation("with an owner", { ownerReferences: [OWNER] }),
  creation("unschedulable", {}, { spec: { unschedulable: true } }),
  creation("with a provider id", {}, { spec: { providerID: "p://x" } }),
  creation("with a config source", {}, { spec: { configSource: CONFIG_SOURCE } }),
  creation("as nobody", {}, {}, "system:node:"),
  // Some builds let a new node name its role, which Kubernetes does not.
  ...KEYS.filter((key) => !key.startsWith("node-role.")).map((key) =>
    creation(`label ${key}`, { labels: { [key]: "x" } }),
  ),
  ...KEYS.map((key) => update(`label ${key}`, { metadata: { labels: { [key]: "x" } } })),
  status("a label that is restricted", { metadata: { labels: { "node-restriction.kubernetes.io/x": "x" } } }),
  status("a label that is free", { metadata: { labels: { "example.com/x": "x" } } }),
  update("a label that is there, the same", { metadata: { labels: { "kubernetes.io/role": "admin" } } }),
  update("a label that is there, gone", { metadata: { labels: { "kubernetes.io/role": null } } }),
  update("a label that is there, another", { metadata: { labels: { "kubernetes.io/role": "x" } } }),
  update("all labels gone", { metadata: { labels: null } }),
  update("a new taint", { spec: { taints: [TAINT] } }),
  update("the same taints", { spec: { taints: [{ key: "there", effect: "NoSchedule" }] } }),
  update("no taints", { spec: { taints: null } }),
  update("a value for a taint", { spec: { taints: [{ key: "there", value: "v", effect: "NoSchedule" }] } }),
  update("empty taints", { spec: { taints: [] } }),
  update("an owner", { metadata: { ownerReferences: [OWNER] } }),
  update("no owners", { metadata: { ownerReferences: [] } }),
  update("unschedulable", { spec: { unschedulable: true } }),
  update("an address range", { spec: { podCIDR: "10.1.0.0/24", podCIDRs: ["10.1.0.0/24"] } }),
  update("a provider id", { spec: { providerID: "p://x" } }),
  update("an annotation", { metadata: { annotations: { a: "b" } } }),
  update("a finalizer", { metadata: { finalizers: ["example.com/x"] } }),
  update("a config source", { spec: { configSource: CONFIG_SOURCE } }),
  update("another node", { metadata: { annotations: { a: "b" } } }, "n1"),
  status("conditions", { status: { conditions: [{ type: "Ready", status: "True" }] } }),
  status("a taint", { spec: { taints: [TAINT] } }),
  status("an owner", { metadata: { ownerReferences: [OWNER] } }),
  status("another node", { status: { phase: "Running" } }, "n1"),
  writing("DELETE", `${NODES}/n3`, "delete itself"),
  writing("DELETE", `${NODES}/n1`, "delete another"),
  writing("DELETE", NODES, "delete all"),
];
