import { expect, test } from "@jest/globals";
import fc from "fast-check";
import type { ClusterEvent } from "../../../services/node-authorizer/domain/cluster-objects.ts";
import { type ObjectRef, objectRefOf } from "../../../services/node-authorizer/domain/graph/object-kind.ts";
import { createNodeAuthorizer, type NodeAuthorizer } from "../../../services/node-authorizer/domain/node-authorizer.ts";
import { accessQuestion, nodeUser } from "../../builders/node-questions.ts";
import { decidedCluster } from "./decided-cluster.ts";
import { eventOf, NODES, plannedEvents } from "./plans.ts";

/** node1 runs `app` (a claim whose volume has a secret), `agent` of a DaemonSet and mirror pod `kube-proxy`; node2 runs `twin`. */
const EVENTS: readonly ClusterEvent[] = [
  pod("app", "node1", ["own", "both"], { volumes: [{ name: "v", persistentVolumeClaim: { claimName: "data" } }] }),
  pod(
    "agent",
    "node1",
    ["both", "daemon"],
    {},
    { ownerReferences: [{ kind: "DaemonSet", name: "d", controller: true }] },
  ),
  pod("kube-proxy", "node1", [], {}, { annotations: { "kubernetes.io/config.mirror": "" } }),
  pod("twin", "node2", ["both", "foreign"]),
  pod("waiting", "", ["later"]),
  {
    type: "ADDED",
    kind: "PersistentVolume",
    object: {
      metadata: { name: "pv" },
      spec: {
        claimRef: { namespace: "ns", name: "data" },
        csi: { driver: "d", nodeStageSecretRef: { namespace: "storage", name: "key" } },
      },
    },
  },
  { type: "ADDED", kind: "PersistentVolume", object: { metadata: { name: "loose" }, spec: {} } },
  { type: "ADDED", kind: "VolumeAttachment", object: { metadata: { name: "attached" }, spec: { nodeName: "node1" } } },
];

function pod(
  name: string,
  nodeName: string,
  secrets: readonly string[],
  spec: object = {},
  metadata: object = {},
): ClusterEvent {
  const imagePullSecrets = secrets.map((secret) => ({ name: secret }));
  const object = { metadata: { name, namespace: "ns", ...metadata }, spec: { nodeName, imagePullSecrets, ...spec } };
  return { type: "ADDED", kind: "Pod", object };
}

function built(): NodeAuthorizer {
  const authorizer = createNodeAuthorizer();
  for (const event of EVENTS) authorizer.apply(event);
  return authorizer;
}

function shown(objects: readonly ObjectRef[]): readonly string[] {
  return objects.map(({ kind, namespace, name }) => `${kind} ${namespace}/${name}`);
}

test.each<{ resource: string; group?: string; namespace?: string; name: string; path: readonly string[] }>([
  { resource: "secrets", name: "own", path: ["secret ns/own", "pod ns/app"] },
  {
    resource: "secrets",
    namespace: "storage",
    name: "key",
    path: ["secret storage/key", "persistentVolume /pv", "persistentVolumeClaim ns/data", "pod ns/app"],
  },
  {
    resource: "persistentvolumes",
    namespace: "",
    name: "pv",
    path: ["persistentVolume /pv", "persistentVolumeClaim ns/data", "pod ns/app"],
  },
  { resource: "persistentvolumeclaims", name: "data", path: ["persistentVolumeClaim ns/data", "pod ns/app"] },
  { resource: "pods", name: "app", path: ["pod ns/app"] },
  {
    group: "storage.k8s.io",
    resource: "volumeattachments",
    namespace: "",
    name: "attached",
    path: ["volumeAttachment /attached"],
  },
])("the path behind $resource $name", ({ group = "", resource, namespace = "ns", name, path }) => {
  const explanation = built().explain(accessQuestion({ group, resource, namespace, name }));
  expect(shown(explanation.path)).toEqual([...path, "node /node1"]);
  expect(explanation).toEqual(expect.objectContaining({ verdict: "allow", reason: "", missing: undefined }));
});

test.each<{ name: string; question: Parameters<typeof accessQuestion>[0]; missing: string | undefined }>([
  {
    name: "a node with nothing",
    question: { user: nodeUser("node9"), resource: "secrets", namespace: "ns", name: "own" },
    missing: "nothing is bound to node node9: no pod, attachment or resource slice",
  },
  {
    name: "a secret nobody names",
    question: { resource: "secrets", namespace: "ns", name: "own2" },
    missing: "no pod or volume refers to secret ns/own2; its pods in namespace ns: agent, app, kube-proxy",
  },
  {
    name: "a config map in a namespace without pods",
    question: { resource: "configmaps", namespace: "empty", name: "x" },
    missing: "no pod refers to configMap empty/x; the node has no pods in namespace empty",
  },
  {
    name: "a secret of another node",
    question: { resource: "secrets", namespace: "ns", name: "foreign" },
    missing:
      "nothing on node node1 refers to secret ns/foreign; 1 other node may use it; its pods in namespace ns: agent, app, kube-proxy",
  },
  {
    name: "a secret of a volume that is not in use",
    question: { user: nodeUser("node2"), resource: "secrets", namespace: "storage", name: "key" },
    missing:
      "nothing on node node2 refers to secret storage/key; 1 other node may use it; the node has no pods in namespace storage",
  },
  {
    name: "a pod elsewhere",
    question: { resource: "pods", namespace: "ns", name: "twin" },
    missing: "pod ns/twin is bound to node node2, not to node1",
  },
  {
    name: "a pod that waits",
    question: { resource: "pods", namespace: "ns", name: "waiting" },
    missing: "pod ns/waiting is not bound to any node",
  },
  {
    name: "a pod not known",
    question: { resource: "pods", namespace: "ns", name: "x" },
    missing: "pod ns/x is not known",
  },
  {
    name: "a volume without a claim",
    question: { resource: "persistentvolumes", name: "loose" },
    missing: "volume loose has no claim (spec.claimRef)",
  },
  {
    name: "a volume not known",
    question: { resource: "persistentvolumes", name: "x" },
    missing: "volume x is not known",
  },
  {
    name: "a volume in use elsewhere",
    question: { user: nodeUser("node2"), resource: "persistentvolumes", name: "pv" },
    missing: "no pod on node node2 uses the volume's claim ns/data",
  },
  {
    name: "a question without an object",
    question: { verb: "list", resource: "secrets", namespace: "ns" },
    missing: undefined,
  },
  { name: "a question about no path", question: { verb: "list", resource: "services" }, missing: undefined },
  { name: "another node's Node", question: { resource: "nodes", name: "node2" }, missing: undefined },
  {
    name: "nobody",
    question: { user: undefined, resource: "secrets", namespace: "ns", name: "own" },
    missing: undefined,
  },
])("what is missing for $name", ({ question, missing }) => {
  const explanation = built().explain(accessQuestion(question));
  expect(explanation.missing).toBe(missing);
  expect(explanation.path).toEqual([]);
});

test("a claimed volume's secret that no pod uses is told from one that nobody names", () => {
  const authorizer = built();
  authorizer.apply({ type: "DELETED", kind: "Pod", object: { metadata: { name: "app", namespace: "ns" } } });
  const { missing } = authorizer.explain(accessQuestion({ resource: "secrets", namespace: "storage", name: "key" }));
  expect(missing).toBe("secret storage/key is referred to, but by nothing that is in use on any node");
});

test("a create that needs no path has none, even where the object is unknown", () => {
  const question = accessQuestion({ verb: "create", resource: "pods", namespace: "ns", name: "x" });
  expect(built().explain(question)).toEqual({ verdict: "allow", reason: "", path: [], missing: undefined });
});

test("everything a node reads", () => {
  expect(shown(built().readableBy("node1").objects)).toEqual([
    "persistentVolume /pv",
    "persistentVolumeClaim ns/data",
    "pod ns/agent",
    "pod ns/app",
    "pod ns/kube-proxy",
    "secret ns/both",
    "secret ns/daemon",
    "secret ns/own",
    "secret storage/key",
    "volumeAttachment /attached",
  ]);
  expect(built().readableBy("nobody")).toEqual({ node: "nobody", objects: [] });
});

test.each([
  { group: "", resource: "secrets", namespace: "ns", name: "both", nodes: ["node1", "node2"] },
  { group: "", resource: "secrets", namespace: "storage", name: "key", nodes: ["node1"] },
  { group: "", resource: "secrets", namespace: "ns", name: "nobody", nodes: [] },
  { group: "", resource: "persistentvolumes", namespace: "", name: "pv", nodes: ["node1"] },
  { group: "", resource: "persistentvolumes", namespace: "", name: "loose", nodes: [] },
  { group: "", resource: "persistentvolumes", namespace: "ns", name: "pv", nodes: [] },
  { group: "", resource: "pods", namespace: "ns", name: "twin", nodes: ["node2"] },
  { group: "", resource: "pods", namespace: "ns", name: "waiting", nodes: [] },
  { group: "", resource: "nodes", namespace: "", name: "node1", nodes: [] },
])("nodes that read $resource $namespace/$name: $nodes", ({ group, resource, namespace, name, nodes }) => {
  const object = objectRefOf(group, resource, namespace, name);
  if (object === undefined) throw new Error("no such kind");
  const found = built().nodesThatRead(object);
  expect(found.map(({ node }) => node)).toEqual(nodes);
  for (const { node, path } of found) expect([path[0], path.at(-1)?.name]).toEqual([object, node]);
});

test("the graph knows no kind for what it does not hold", () => {
  expect(objectRefOf("example.com", "secrets", "ns", "x")).toBeUndefined();
});

test("a drain takes away what only evicted pods use", () => {
  const { evicted, staying, lost, kept } = built().drain("node1");
  expect(shown(evicted)).toEqual(["pod ns/app"]);
  expect(shown(staying)).toEqual(["pod ns/agent", "pod ns/kube-proxy"]);
  expect(shown(lost)).toEqual([
    "persistentVolume /pv",
    "persistentVolumeClaim ns/data",
    "secret ns/own",
    "secret storage/key",
  ]);
  expect(shown(kept)).toEqual(["secret ns/both", "secret ns/daemon", "volumeAttachment /attached"]);
  expect(built().drain("nobody")).toEqual({ node: "nobody", evicted: [], staying: [], lost: [], kept: [] });
});

test("sizes tell what there is", () => {
  const { vertices, edges, tableBytes } = built().sizes();
  expect(vertices).toEqual({
    ...{ secret: 5, configMap: 0, persistentVolumeClaim: 1, resourceClaim: 0, serviceAccount: 0, volumeAttachment: 1 },
    ...{ resourceSlice: 0, podCertificateRequest: 0, pod: 4, persistentVolume: 1, node: 2 },
  });
  expect(edges).toBe(4 + 6 + 1 + 2 + 1);
  expect(tableBytes).toBeGreaterThan(0);
});

test("what a node reads, who reads it, and the paths agree after any events", () => {
  fc.assert(
    fc.property(plannedEvents, (events) => {
      const authorizer = createNodeAuthorizer({ changeLogSize: 0 });
      for (const event of [...decidedCluster(), ...events.map(eventOf)]) authorizer.apply(event);
      for (const node of NODES) {
        for (const object of authorizer.readableBy(node).objects) {
          const reader = authorizer.nodesThatRead(object).find((candidate) => candidate.node === node);
          expect(reader?.path[0]).toEqual(object);
          expect(reader?.path.length).toBe(PATH_LENGTHS[object.kind] ?? reader?.path.length);
        }
      }
    }),
    { numRuns: 100 },
  );
});

/** Secrets have two lengths. */
const PATH_LENGTHS: Readonly<Record<string, number>> = {
  pod: 2,
  configMap: 3,
  serviceAccount: 3,
  resourceClaim: 3,
  persistentVolumeClaim: 3,
  persistentVolume: 4,
  volumeAttachment: 2,
  resourceSlice: 2,
};
