import { expect, test } from "@jest/globals";
import type { AdmissionQuestion } from "../../../services/node-authorizer/domain/questions.ts";
import { type AdmissionRow, admitted, checkAdmission } from "./admission-cluster.ts";

function create(object: object): Partial<AdmissionQuestion> {
  return { operation: "CREATE", resource: "nodes", name: "node1", object };
}

function update(oldObject: object, object: object, subresource = ""): Partial<AdmissionQuestion> {
  return { operation: "UPDATE", resource: "nodes", subresource, name: "node1", oldObject, object };
}

const labelled = (labels: object | null) => ({ metadata: { labels } });
const tainted = (taints: unknown) => ({ spec: { taints } });
const owned = (ownerReferences: unknown) => ({ metadata: { ownerReferences } });
const configured = (configSource: unknown) => ({ spec: { configSource } });
const taint = { key: "a", effect: "NoSchedule" };
const reference = { apiVersion: "v1", kind: "Pod", name: "p", uid: "u" };
const source = { configMap: { name: "m", namespace: "ns" } };

test.each<AdmissionRow>([
  { name: "itself", question: create({}), code: 200 },
  { name: "another", question: { ...create({}), name: "node2" }, code: 403 },
  { name: "without a name", question: { ...create({}), name: "" }, code: 403 },
  { name: "with taints and owners", question: create({ ...tainted([taint]), ...owned([reference]) }), code: 200 },
  { name: "with a configSource", question: create(configured(source)), code: 403, says: "configSource" },
  { name: "with a configSource of null", question: create(configured(null)), code: 200 },
  { name: "with an allowed label", question: create(labelled({ "kubernetes.io/os": "linux", mine: "x" })), code: 200 },
  {
    name: "with a forbidden label",
    question: create(labelled({ "node-role.kubernetes.io/worker": "" })),
    code: 403,
    says: "node-role.kubernetes.io/worker",
  },
  { name: "with labels that are no map", question: create({ metadata: { labels: ["a"] } }), code: 403 },
  { name: "without an object", question: { operation: "CREATE", resource: "nodes", name: "node1" }, code: 403 },
])("creating a node, $name: $code", checkAdmission);

test.each<AdmissionRow>([
  { name: "nothing", question: update({}, {}), code: 200 },
  { name: "another node", question: { ...update({}, {}), name: "node2" }, code: 403 },
  { name: "another node's status", question: { ...update({}, {}, "status"), name: "node2" }, code: 403 },
  {
    name: "unschedulable and more",
    question: update({}, { spec: { unschedulable: true, podCIDR: "x" }, status: { a: 1 } }),
    code: 200,
  },
  { name: "configSource to a new one", question: update({}, configured(source)), code: 403, says: "configSource" },
  { name: "configSource to an empty one", question: update({}, configured({})), code: 403, says: "configSource" },
  {
    name: "configSource to the same",
    question: update(configured(source), configured({ configMap: { ...source.configMap } })),
    code: 200,
  },
  { name: "configSource to none", question: update(configured(source), {}), code: 200 },
  { name: "a taint added", question: update({}, tainted([taint])), code: 403, says: "taint" },
  { name: "a taint removed", question: update(tainted([taint]), {}), code: 403, says: "taint" },
  {
    name: "a taint's value",
    question: update(tainted([taint]), tainted([{ ...taint, value: "x" }])),
    code: 403,
    says: "taint",
  },
  {
    name: "the order of taints",
    question: update(tainted([taint, { ...taint, key: "b" }]), tainted([{ ...taint, key: "b" }, taint])),
    code: 403,
    says: "taint",
  },
  { name: "no taints to null", question: update(tainted([]), tainted(null)), code: 200 },
  {
    name: "how a taint's time is written",
    question: update(
      tainted([{ ...taint, timeAdded: "2026-01-01T00:00:00Z" }]),
      tainted([{ ...taint, timeAdded: "2026-01-01T01:00:00+01:00" }]),
    ),
    code: 200,
  },
  { name: "an owner added", question: update({}, owned([reference])), code: 403, says: "ownerReferences" },
  { name: "an owner removed", question: update(owned([reference]), {}), code: 403, says: "ownerReferences" },
  { name: "no owners to null", question: update(owned([]), owned(null)), code: 200 },
  {
    name: "an owner's controller",
    question: update(owned([reference]), owned([{ ...reference, controller: false }])),
    code: 403,
    says: "ownerReferences",
  },
  { name: "a taint through its status", question: update({}, tainted([taint]), "status"), code: 403, says: "taint" },
  {
    name: "a free label",
    question: update(labelled({ mine: "a" }), labelled({ mine: "b", "example.com/x": "y" })),
    code: 200,
  },
  {
    name: "a forbidden label added",
    question: update({}, labelled({ "node-restriction.kubernetes.io/a": "b", "k8s.io/x": "y" })),
    code: 403,
    says: "k8s.io/x, node-restriction.kubernetes.io/a",
  },
  {
    name: "a forbidden label removed",
    question: update(labelled({ "kubernetes.io/role": "x" }), labelled(null)),
    code: 403,
    says: "kubernetes.io/role",
  },
  {
    name: "a forbidden label's value",
    question: update(labelled({ "kubernetes.io/role": "x" }), labelled({ "kubernetes.io/role": "y" })),
    code: 403,
    says: "kubernetes.io/role",
  },
  {
    name: "a forbidden label with an empty value",
    question: update({}, labelled({ "kubernetes.io/role": "" })),
    code: 403,
    says: "kubernetes.io/role",
  },
  {
    name: "not a forbidden label that others have set",
    question: update(labelled({ "kubernetes.io/role": "x" }), labelled({ "kubernetes.io/role": "x", mine: "a" })),
    code: 200,
  },
  {
    name: "a label called as a method",
    question: update({}, labelled({ toString: "x", "k8s.io/toString": "x" })),
    code: 403,
    says: "k8s.io/toString",
  },
  { name: "what has no old node", question: { ...update({}, {}), oldObject: undefined }, code: 403 },
])("updating a node, $name: $code", checkAdmission);

test.each<AdmissionRow>([
  { name: "itself", question: { operation: "DELETE", resource: "nodes", name: "node1" }, code: 200 },
  { name: "another", question: { operation: "DELETE", resource: "nodes", name: "node2" }, code: 403 },
])("deleting a node, $name: $code", checkAdmission);

test.each([
  ...[
    "kubernetes.io/hostname",
    "topology.kubernetes.io/zone",
    "topology.kubernetes.io/region",
    "failure-domain.beta.kubernetes.io/zone",
    "failure-domain.beta.kubernetes.io/region",
    "beta.kubernetes.io/instance-type",
    "node.kubernetes.io/instance-type",
    "kubernetes.io/os",
    "kubernetes.io/arch",
    "beta.kubernetes.io/os",
    "beta.kubernetes.io/arch",
    "kubelet.kubernetes.io/anything",
    "a.kubelet.kubernetes.io/x",
    "node.kubernetes.io/anything",
    "a.node.kubernetes.io/x",
    "example.com/x",
    "mykubernetes.io/x",
    "myk8s.io/x",
    "kubernetes.io",
    "plain",
  ].map((key) => ({ key, code: 200 })),
  ...[
    "node-restriction.kubernetes.io/a",
    "x.node-restriction.kubernetes.io/a",
    "xnode-restriction.kubernetes.io/a",
    "node-role.kubernetes.io/worker",
    "node-role.kubernetes.io/control-plane",
    "kubernetes.io/role",
    "kubernetes.io/hostname/x",
    "topology.kubernetes.io/rack",
    "notnode.kubernetes.io/x",
    "notkubelet.kubernetes.io/x",
    "k8s.io/x",
    "a.k8s.io/x",
    "node.k8s.io/x",
  ].map((key) => ({ key, code: 403 })),
])("label $key: $code", ({ key, code }) => {
  checkAdmission({ name: "", question: create(labelled({ [key]: "x" })), code, says: code === 403 ? key : "" });
});

function claimStatus(oldObject: object, object: object): Partial<AdmissionQuestion> {
  const question = { operation: "UPDATE", resource: "persistentvolumeclaims", subresource: "status" } as const;
  return { ...question, namespace: "ns", name: "c", oldObject, object };
}

const CLAIM = {
  metadata: { name: "c", resourceVersion: "1", creationTimestamp: "2026-01-01T00:00:00Z", labels: { a: "b" } },
  spec: { resources: { requests: { storage: "1Gi" } }, accessModes: ["ReadWriteOnce"], volumeName: "v" },
  status: { phase: "Bound", capacity: { storage: "1Gi" } },
};
const withSpec = (spec: object) => ({ ...CLAIM, spec: { ...CLAIM.spec, ...spec } });
const withStatus = (status: object) => ({ ...CLAIM, status: { ...CLAIM.status, ...status } });
const withMetadata = (metadata: object) => ({ ...CLAIM, metadata: { ...CLAIM.metadata, ...metadata } });

test.each<{ name: string; next: object; old?: object; isAllowed: boolean }>([
  { name: "nothing", next: CLAIM, isAllowed: true },
  {
    name: "resourceVersion and managedFields",
    next: withMetadata({ resourceVersion: "2", managedFields: [{}] }),
    isAllowed: true,
  },
  { name: "capacity", next: withStatus({ capacity: { storage: "2Gi" } }), isAllowed: true },
  { name: "conditions", next: withStatus({ conditions: [{ type: "Resizing" }] }), isAllowed: true },
  {
    name: "allocated resources",
    next: withStatus({ allocatedResources: { storage: "2Gi" }, allocatedResourceStatuses: { storage: "x" } }),
    isAllowed: true,
  },
  { name: "the phase", next: withStatus({ phase: "Lost" }), isAllowed: false },
  { name: "a label", next: withMetadata({ labels: { a: "b", c: "" } }), isAllowed: false },
  { name: "an annotation with an empty value", next: withMetadata({ annotations: { a: "" } }), isAllowed: false },
  { name: "empty annotations", next: withMetadata({ annotations: {} }), isAllowed: true },
  { name: "a finalizer", next: withMetadata({ finalizers: ["f"] }), isAllowed: false },
  {
    name: "no finalizers as null",
    next: withMetadata({ finalizers: null }),
    old: withMetadata({ finalizers: [] }),
    isAllowed: true,
  },
  { name: "the same quantity", next: withSpec({ resources: { requests: { storage: "1024Mi" } } }), isAllowed: true },
  { name: "another quantity", next: withSpec({ resources: { requests: { storage: "1025Mi" } } }), isAllowed: false },
  {
    name: "a quantity of zero for none",
    next: withSpec({ resources: { requests: { storage: "1Gi", x: "0" } } }),
    isAllowed: false,
  },
  { name: "the same instant", next: withMetadata({ creationTimestamp: "2026-01-01T01:00:00+01:00" }), isAllowed: true },
  { name: "another instant", next: withMetadata({ creationTimestamp: "2026-01-01T00:00:01Z" }), isAllowed: false },
  { name: "the volume", next: withSpec({ volumeName: "w" }), isAllowed: false },
  { name: "an empty class for none", next: withSpec({ storageClassName: "" }), isAllowed: false },
  { name: "an empty selector for none", next: withSpec({ selector: {} }), isAllowed: false },
  { name: "an unknown field", next: withSpec({ future: { x: "y" } }), isAllowed: false },
  { name: "an access mode", next: withSpec({ accessModes: ["ReadWriteOnce", "ReadWriteMany"] }), isAllowed: false },
  { name: "the whole spec", next: { ...CLAIM, spec: null }, isAllowed: false },
])("updating a claim's status with $name: $isAllowed", ({ next, old = CLAIM, isAllowed }) => {
  expect(admitted(claimStatus(old, next)).code).toBe(isAllowed ? 200 : 403);
  expect(admitted(claimStatus(next, old)).code).toBe(isAllowed ? 200 : 403);
});

test("allocated resources are not the node's without RecoverVolumeExpansionFailure", () => {
  const next = withStatus({ allocatedResources: { storage: "2Gi" } });
  expect(admitted(claimStatus(CLAIM, next), { RecoverVolumeExpansionFailure: false }).code).toBe(403);
});

test.each<AdmissionRow>([
  { name: "CREATE", question: { ...claimStatus(CLAIM, CLAIM), operation: "CREATE" }, code: 403 },
  { name: "DELETE", question: { ...claimStatus(CLAIM, CLAIM), operation: "DELETE" }, code: 403 },
  { name: "UPDATE of the claim", question: { ...claimStatus(CLAIM, CLAIM), subresource: "" }, code: 403 },
  {
    name: "CREATE of a claim",
    question: { ...claimStatus(CLAIM, CLAIM), subresource: "", operation: "CREATE" },
    code: 403,
  },
  { name: "no old claim", question: { ...claimStatus(CLAIM, CLAIM), oldObject: undefined }, code: 403 },
])("other writes to claims, $name: $code", checkAdmission);
