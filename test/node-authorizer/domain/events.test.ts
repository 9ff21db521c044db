import { expect, test } from "@jest/globals";
import type { ClusterEvent, Pod, WatchedKind } from "../../../services/node-authorizer/domain/cluster-objects.ts";
import { DEFAULT_FEATURE_GATES } from "../../../services/node-authorizer/domain/feature-gates.ts";
import { createNodeAuthorizer } from "../../../services/node-authorizer/domain/node-authorizer.ts";

const ON = { ...DEFAULT_FEATURE_GATES, PodCertificateRequest: true };

interface PodFields {
  readonly uid?: string;
  readonly node?: string;
  readonly secret?: string;
  readonly ephemeral?: readonly string[];
  readonly claims?: readonly (string | null)[];
  readonly extended?: string;
  readonly phase?: string;
  readonly deletionTimestamp?: string;
}

/** Pod ns/p on node1 that reads secret `s`, but for what is given. */
function pod({ uid = "1", node = "node1", secret = "s", ephemeral = [], claims, extended, ...rest }: PodFields): Pod {
  const { phase, deletionTimestamp } = rest;
  return {
    metadata: { name: "p", namespace: "ns", uid, ...(deletionTimestamp && { deletionTimestamp }) },
    spec: {
      ...(node !== "" && { nodeName: node }),
      imagePullSecrets: [{ name: secret }],
      ephemeralContainers: ephemeral.map((name) => ({ envFrom: [{ secretRef: { name } }] })),
      resourceClaims: (claims ?? []).map((_, index) => ({ name: `${index}`, resourceClaimTemplateName: "t" })),
    },
    status: {
      ...(phase && { phase }),
      ...(claims && {
        resourceClaimStatuses: claims.map((name, index) => ({ name: `${index}`, resourceClaimName: name })),
      }),
      ...(extended && { extendedResourceClaimStatus: { resourceClaimName: extended } }),
    },
  } as Pod;
}

function event(type: ClusterEvent["type"], fields: PodFields = {}): ClusterEvent {
  return { type, kind: "Pod", object: pod(fields) };
}

function granted(events: readonly ClusterEvent[]): readonly string[] {
  const authorizer = createNodeAuthorizer({ featureGates: ON });
  for (const each of events) authorizer.apply(each);
  return ["node1", "node2"].flatMap((node) =>
    authorizer.readableBy(node).objects.map(({ name, kind }) => `${node} ${kind} ${name}`),
  );
}

const BOUND = ["node1 pod p", "node1 secret s"];
const MOVED = ["node2 pod p", "node2 secret s"];

test.each<{ name: string; events: readonly ClusterEvent[]; grants: readonly string[] }>([
  { name: "a pod is added", events: [event("ADDED")], grants: BOUND },
  { name: "a pod is added without a node", events: [event("ADDED", { node: "" })], grants: [] },
  { name: "it is bound", events: [event("ADDED", { node: "" }), event("MODIFIED")], grants: BOUND },
  { name: "an update comes first", events: [event("MODIFIED")], grants: BOUND },
  {
    name: "it is added again with other references",
    events: [event("ADDED"), event("ADDED", { secret: "t" })],
    grants: ["node1 pod p", "node1 secret t"],
  },
  {
    name: "other references come in an update, which cannot be",
    events: [event("ADDED"), event("MODIFIED", { secret: "t" })],
    grants: BOUND,
  },
  {
    name: "another pod of that name comes as an update",
    events: [event("ADDED"), event("MODIFIED", { uid: "2", secret: "t" })],
    grants: ["node1 pod p", "node1 secret t"],
  },
  {
    name: "another pod of that name comes as an update, on another node",
    events: [event("ADDED"), event("MODIFIED", { uid: "2", node: "node2" })],
    grants: MOVED,
  },
  {
    name: "another pod of that name comes as an update, not bound yet",
    events: [event("ADDED"), event("MODIFIED", { uid: "2", node: "" })],
    grants: [],
  },
  { name: "the node changes", events: [event("ADDED"), event("MODIFIED", { node: "node2" })], grants: MOVED },
  { name: "an update without a node", events: [event("ADDED"), event("MODIFIED", { node: "" })], grants: BOUND },
  {
    name: "an ephemeral container is added",
    events: [event("ADDED"), event("MODIFIED", { ephemeral: ["e"] })],
    grants: ["node1 pod p", "node1 secret e", "node1 secret s"],
  },
  {
    name: "an ephemeral container changes, which cannot be",
    events: [event("ADDED", { ephemeral: ["e"] }), event("MODIFIED", { ephemeral: ["f"] })],
    grants: ["node1 pod p", "node1 secret e", "node1 secret s"],
  },
  {
    name: "a claim has been made",
    events: [event("ADDED"), event("MODIFIED", { claims: ["c"] })],
    grants: ["node1 pod p", "node1 resourceClaim c", "node1 secret s"],
  },
  {
    name: "a claim status says none",
    events: [event("ADDED", { claims: ["c"] }), event("MODIFIED", { claims: [null] })],
    grants: BOUND,
  },
  {
    name: "a claim for extended resources comes alone",
    events: [event("ADDED"), event("MODIFIED", { extended: "x" })],
    grants: ["node1 pod p", "node1 resourceClaim x", "node1 secret s"],
  },
  { name: "it has succeeded", events: [event("ADDED"), event("MODIFIED", { phase: "Succeeded" })], grants: BOUND },
  {
    name: "it is being deleted",
    events: [event("ADDED"), event("MODIFIED", { deletionTimestamp: "2026-01-01T00:00:00Z" })],
    grants: BOUND,
  },
  { name: "it is deleted", events: [event("ADDED"), event("DELETED")], grants: [] },
  { name: "what was not known is deleted", events: [event("DELETED")], grants: [] },
  {
    name: "it is deleted and made again",
    events: [event("ADDED"), event("DELETED"), event("ADDED", { uid: "2" })],
    grants: BOUND,
  },
])("pod: $name", ({ events, grants }) => {
  expect(granted(events)).toEqual(grants);
});

test("a secret that one pod names many times is withdrawn with it, however many nodes share it", () => {
  const authorizer = createNodeAuthorizer();
  const apply = (type: ClusterEvent["type"], node: number) => {
    const metadata = { name: `p${node}`, namespace: "ns", uid: `${node}` };
    const imagePullSecrets = [{ name: "s" }, { name: "s" }, { name: "s" }];
    authorizer.apply({ type, kind: "Pod", object: { metadata, spec: { nodeName: `n${node}`, imagePullSecrets } } });
  };
  for (let node = 0; node < 300; node += 1) apply("ADDED", node);
  const secret = { kind: "secret", namespace: "ns", name: "s" } as const;
  expect(authorizer.nodesThatRead(secret)).toHaveLength(300);
  apply("DELETED", 7);
  expect(authorizer.nodesThatRead(secret)).toHaveLength(299);
  expect(authorizer.readableBy("n7").objects).toEqual([]);
});

function volume(type: ClusterEvent["type"], spec: object): ClusterEvent {
  return { type, kind: "PersistentVolume", object: { metadata: { name: "v" }, spec } };
}

const CLAIM_POD: ClusterEvent = {
  type: "ADDED",
  kind: "Pod",
  object: {
    metadata: { name: "q", namespace: "ns" },
    spec: { nodeName: "node1", volumes: [{ name: "v", persistentVolumeClaim: { claimName: "c" } }] },
  },
};
const claimRef = { namespace: "ns", name: "c" };
const csi = (name: string) => ({ driver: "d", nodeStageSecretRef: { name, namespace: "d" } });

test.each<{ name: string; events: readonly ClusterEvent[]; grants: readonly string[] }>([
  {
    name: "added after the pod",
    events: [CLAIM_POD, volume("ADDED", { claimRef, csi: csi("a") })],
    grants: ["v", "a"],
  },
  {
    name: "added before the pod",
    events: [volume("ADDED", { claimRef, csi: csi("a") }), CLAIM_POD],
    grants: ["v", "a"],
  },
  {
    name: "its secret changes",
    events: [CLAIM_POD, volume("ADDED", { claimRef, csi: csi("a") }), volume("MODIFIED", { claimRef, csi: csi("b") })],
    grants: ["v", "b"],
  },
  {
    name: "its claim is taken away",
    events: [CLAIM_POD, volume("ADDED", { claimRef, csi: csi("a") }), volume("MODIFIED", { csi: csi("a") })],
    grants: [],
  },
  {
    name: "it gets a claim",
    events: [CLAIM_POD, volume("ADDED", { csi: csi("a") }), volume("MODIFIED", { claimRef, csi: csi("a") })],
    grants: ["v", "a"],
  },
  {
    name: "nothing of it changes",
    events: [CLAIM_POD, volume("ADDED", { claimRef, csi: csi("a") }), volume("MODIFIED", { claimRef, csi: csi("a") })],
    grants: ["v", "a"],
  },
  {
    name: "it is deleted",
    events: [CLAIM_POD, volume("ADDED", { claimRef, csi: csi("a") }), volume("DELETED", {})],
    grants: [],
  },
])("volume: $name", ({ events, grants }) => {
  const expected = grants.map((name) => `node1 ${name === "v" ? "persistentVolume" : "secret"} ${name}`);
  expect(granted(events)).toEqual(["node1 persistentVolumeClaim c", "node1 pod q", ...expected].sort());
});

type BoundKind = "VolumeAttachment" | "ResourceSlice" | "PodCertificateRequest";
const SHOWN = {
  VolumeAttachment: "volumeAttachment",
  ResourceSlice: "resourceSlice",
  PodCertificateRequest: "podCertificateRequest",
} as const;

function bound(kind: BoundKind, type: ClusterEvent["type"], nodeName: string | null, uid = "1"): ClusterEvent {
  return { kind, type, object: { metadata: { name: "o", namespace: "ns", uid }, spec: { nodeName } } };
}

test.each<BoundKind>(["VolumeAttachment", "ResourceSlice", "PodCertificateRequest"])("%s events", (kind) => {
  const on = (node: string) => [`${node} ${SHOWN[kind]} o`];
  const isRebuilt = kind === "VolumeAttachment";
  expect(granted([bound(kind, "ADDED", "node1")])).toEqual(on("node1"));
  expect(granted([bound(kind, "ADDED", null)])).toEqual([]);
  expect(granted([bound(kind, "ADDED", "")])).toEqual([]);
  expect(granted([bound(kind, "ADDED", "node1"), bound(kind, "MODIFIED", "node1")])).toEqual(on("node1"));
  const moved = granted([bound(kind, "ADDED", "node1"), bound(kind, "MODIFIED", "node2")]);
  expect(moved).toEqual(on(isRebuilt ? "node2" : "node1"));
  const made = granted([bound(kind, "ADDED", "node1"), bound(kind, "MODIFIED", "node2", "2")]);
  expect(made).toEqual(on("node2"));
  expect(granted([bound(kind, "ADDED", "node1"), bound(kind, "DELETED", "node1")])).toEqual([]);
  expect(granted([bound(kind, "ADDED", "node1"), bound(kind, "ADDED", "node2")])).toEqual(on("node2"));
});

test("pod certificate requests are nothing without their feature", () => {
  const authorizer = createNodeAuthorizer();
  expect(authorizer.apply(bound("PodCertificateRequest", "ADDED", "node1"))).toBe(false);
  expect(authorizer.sizes().edges).toBe(0);
  expect(authorizer.watchedKinds).not.toContain("PodCertificateRequest");
  expect(createNodeAuthorizer({ featureGates: ON }).watchedKinds).toContain("ServiceAccount");
});

test.each<WatchedKind>(["Node", "PersistentVolumeClaim", "CSIDriver", "ServiceAccount"])("%s makes no edge", (kind) => {
  const authorizer = createNodeAuthorizer();
  authorizer.apply({ type: "ADDED", kind, object: { metadata: { name: "node1", namespace: "ns" } } });
  expect(authorizer.sizes().edges).toBe(0);
});

test("revision and events count what happened; the log tells what changed since", () => {
  const authorizer = createNodeAuthorizer();
  authorizer.apply(event("ADDED"));
  authorizer.apply(event("MODIFIED"));
  expect([authorizer.revision, authorizer.eventsApplied]).toEqual([1, 2]);
  authorizer.apply(event("MODIFIED", { ephemeral: ["e"] }));
  expect(authorizer.changesSince(1)).toEqual({
    revision: 2,
    oldestRevision: 0,
    isComplete: true,
    changes: [
      { revision: 2, change: "granted", node: "node1", object: { kind: "secret", namespace: "ns", name: "e" } },
    ],
  });
  expect(authorizer.changesSince(2).changes).toEqual([]);
});

test("a log that is full forgets the oldest, and says so", () => {
  const authorizer = createNodeAuthorizer({ changeLogSize: 2 });
  authorizer.apply(event("ADDED"));
  authorizer.apply(event("DELETED"));
  const { isComplete, oldestRevision, changes } = authorizer.changesSince(0);
  expect({ isComplete, oldestRevision }).toEqual({ isComplete: false, oldestRevision: 1 });
  expect(changes.map(({ change }) => change)).toEqual(["withdrawn", "withdrawn"]);
  expect(authorizer.changesSince(1).isComplete).toBe(true);
  const without = createNodeAuthorizer({ changeLogSize: 0 });
  without.apply(event("ADDED"));
  expect(without.changesSince(0)).toEqual({ revision: 1, oldestRevision: 1, isComplete: false, changes: [] });
});

test.each([-1, 1.5, Number.NaN, 1e9])("a change log of %d is refused", (changeLogSize) => {
  expect(() => createNodeAuthorizer({ changeLogSize })).toThrow(RangeError);
});

test("a list takes the place of what was known", () => {
  const authorizer = createNodeAuthorizer();
  const named = (name: string, uid: string) => ({
    metadata: { name, namespace: "ns", uid },
    spec: { nodeName: "node1" },
  });
  authorizer.replace("Pod", [named("a", "1"), named("b", "1")]);
  authorizer.replace("Pod", [named("b", "1"), named("c", "1")]);
  expect(authorizer.readableBy("node1").objects.map(({ name }) => name)).toEqual(["b", "c"]);
  for (const kind of authorizer.watchedKinds) authorizer.replace(kind, [{ metadata: { name: "x", namespace: "ns" } }]);
  for (const kind of authorizer.watchedKinds) authorizer.replace(kind, []);
  expect(authorizer.sizes().edges).toBe(0);
});

test.each<{ name: string; kind: WatchedKind; object: object | null; message: string }>([
  { name: "no metadata", kind: "Pod", object: {}, message: "Pod: metadata.name is missing" },
  { name: "null", kind: "Pod", object: null, message: "Pod: metadata.name is missing" },
  {
    name: "a number for a name",
    kind: "Node",
    object: { metadata: { name: 5 } },
    message: "Node: metadata.name is missing",
  },
  {
    name: "no namespace",
    kind: "Pod",
    object: { metadata: { name: "p" } },
    message: "Pod p: metadata.namespace is missing",
  },
])("an object with $name is refused, and nothing changes", ({ kind, object, message }) => {
  const authorizer = createNodeAuthorizer();
  const apply = () => authorizer.apply({ type: "ADDED", kind, object } as ClusterEvent);
  expect(apply).toThrow(message);
  expect(apply).toThrow(expect.objectContaining({ reason: "BadRequest" }));
  expect([authorizer.revision, authorizer.eventsApplied]).toEqual([0, 0]);
});
