import { expect, test } from "@jest/globals";
import type { FeatureGates } from "../../../services/node-authorizer/domain/feature-gates.ts";
import type { AccessQuestion, FieldRequirement } from "../../../services/node-authorizer/domain/questions.ts";
import { verdictOf } from "./decided-cluster.ts";

const PCR = { PodCertificateRequest: true };
const VERBS = ["get", "list", "watch", "create", "update", "patch", "delete", "deletecollection", "impersonate"];

/**
 * Kinds that are decided by a path: which verbs, on which subresource, with which gates. `own` names node1's object, `other`
 * node2's; a row is asked for both, and for what nobody refers to.
 */
const BY_PATH: readonly {
  readonly group?: string;
  readonly resource: string;
  readonly subresource?: string;
  readonly verbs: readonly string[];
  readonly namespace: string;
  readonly gates?: Partial<FeatureGates>;
  /** Verbs that do not look at the path. */
  readonly always?: readonly string[];
}[] = [
  { resource: "secrets", verbs: ["get", "list", "watch"], namespace: "ns" },
  { resource: "configmaps", verbs: ["get", "list", "watch"], namespace: "ns" },
  { resource: "secrets", subresource: "status", verbs: [], namespace: "ns" },
  { resource: "configmaps", subresource: "x", verbs: [], namespace: "ns" },
  { resource: "persistentvolumeclaims", verbs: ["get"], namespace: "ns" },
  { resource: "persistentvolumeclaims", subresource: "status", verbs: ["update", "patch"], namespace: "ns" },
  { resource: "persistentvolumeclaims", subresource: "x", verbs: [], namespace: "ns" },
  { resource: "persistentvolumes", verbs: ["get"], namespace: "" },
  { resource: "persistentvolumes", subresource: "status", verbs: [], namespace: "" },
  { group: "resource.k8s.io", resource: "resourceclaims", verbs: ["get"], namespace: "ns" },
  { group: "resource.k8s.io", resource: "resourceclaims", subresource: "status", verbs: [], namespace: "ns" },
  { group: "storage.k8s.io", resource: "volumeattachments", verbs: ["get"], namespace: "" },
  { group: "storage.k8s.io", resource: "volumeattachments", subresource: "status", verbs: [], namespace: "" },
  { resource: "serviceaccounts", verbs: ["get"], namespace: "ns" },
  { resource: "serviceaccounts", subresource: "token", verbs: ["create"], namespace: "ns" },
  { resource: "serviceaccounts", subresource: "x", verbs: [], namespace: "ns" },
  {
    group: "resource.k8s.io",
    resource: "resourceslices",
    verbs: ["get", "update", "patch", "delete"],
    namespace: "",
    always: ["create"],
  },
  { group: "resource.k8s.io", resource: "resourceslices", subresource: "status", verbs: [], namespace: "" },
  { resource: "pods", verbs: ["get", "list", "watch"], namespace: "ns", always: ["create", "delete"] },
  { resource: "pods", subresource: "status", verbs: [], namespace: "ns", always: ["update", "patch"] },
  { resource: "pods", subresource: "eviction", verbs: [], namespace: "ns", always: ["create"] },
  ...["log", "exec", "attach", "portforward", "proxy", "binding", "ephemeralcontainers", "resize"].map(
    (subresource) => ({ resource: "pods", subresource, verbs: [], namespace: "ns" }),
  ),
  {
    group: "certificates.k8s.io",
    resource: "podcertificaterequests",
    verbs: ["get"],
    namespace: "ns",
    gates: PCR,
    always: ["create"],
  },
  {
    group: "certificates.k8s.io",
    resource: "podcertificaterequests",
    subresource: "status",
    verbs: [],
    namespace: "ns",
    gates: PCR,
  },
];

test.each(BY_PATH)("$resource/$subresource by path: $verbs", (row) => {
  const { group = "", resource, subresource = "", verbs, namespace, gates = {}, always = [] } = row;
  for (const verb of VERBS) {
    for (const name of ["own", "other", "nobodys", ""]) {
      const question = { verb, group, resource, subresource, namespace, name };
      const isAllowed = always.includes(verb) || (verbs.includes(verb) && name === "own");
      const { verdict } = verdictOf(question, gates);
      expect({ ...question, verdict }).toEqual({ ...question, verdict: isAllowed ? "allow" : "noOpinion" });
    }
  }
});

test.each(BY_PATH.filter(({ verbs }) => verbs.length > 0))(
  "$resource/$subresource: the namespace and the group count",
  ({ group = "", resource, subresource = "", verbs: [verb = ""], namespace, gates = {} }) => {
    const question = { verb, group, resource, subresource, namespace, name: "own" };
    expect(verdictOf({ ...question, namespace: namespace === "" ? "ns" : "" }, gates).verdict).toBe("noOpinion");
    expect(verdictOf({ ...question, namespace: "other" }, gates).verdict).toBe("noOpinion");
    expect(verdictOf({ ...question, group: "example.com" }, gates).verdict).toBe("noOpinion");
  },
);

function selector(
  ...requirements: readonly [key: string, operator: string, ...values: string[]][]
): FieldRequirement[] {
  return requirements.map(([key, operator, ...values]) => ({ key, operator, values }));
}

const SELECTORS: readonly { name: string; fieldSelector: readonly FieldRequirement[]; isOwn: boolean }[] = [
  { name: "none", fieldSelector: [], isOwn: false },
  { name: "In the node", fieldSelector: selector(["spec.nodeName", "In", "node1"]), isOwn: true },
  { name: "= the node", fieldSelector: selector(["spec.nodeName", "=", "node1"]), isOwn: true },
  {
    name: "In the node and more",
    fieldSelector: selector(["status.phase", "NotIn", "Failed"], ["spec.nodeName", "In", "node1"]),
    isOwn: true,
  },
  { name: "In another node", fieldSelector: selector(["spec.nodeName", "In", "node2"]), isOwn: false },
  { name: "In two nodes", fieldSelector: selector(["spec.nodeName", "In", "node1", "node2"]), isOwn: false },
  { name: "In no node", fieldSelector: selector(["spec.nodeName", "In"]), isOwn: false },
  { name: "NotIn", fieldSelector: selector(["spec.nodeName", "NotIn", "node1"]), isOwn: false },
  { name: "!=", fieldSelector: selector(["spec.nodeName", "!=", "node1"]), isOwn: false },
  { name: "Exists", fieldSelector: selector(["spec.nodeName", "Exists"]), isOwn: false },
  { name: "an unknown operator", fieldSelector: selector(["spec.nodeName", "Like", "node1"]), isOwn: false },
  { name: "another key", fieldSelector: selector(["nodeName", "In", "node1"]), isOwn: false },
  { name: "metadata.name", fieldSelector: selector(["metadata.name", "In", "node1"]), isOwn: false },
  { name: "an empty value", fieldSelector: selector(["spec.nodeName", "In", ""]), isOwn: false },
];

test.each(SELECTORS)("field selector $name: $isOwn", ({ fieldSelector, isOwn }) => {
  const verdict = isOwn ? "allow" : "noOpinion";
  for (const verb of ["list", "watch"]) {
    expect(verdictOf({ verb, resource: "pods", fieldSelector }).verdict).toBe(verdict);
    const pcr = { group: "certificates.k8s.io", resource: "podcertificaterequests", fieldSelector };
    expect(verdictOf({ verb, ...pcr }, PCR).verdict).toBe(verdict);
  }
  for (const verb of ["list", "watch", "deletecollection"]) {
    const slices = { verb, group: "resource.k8s.io", resource: "resourceslices", fieldSelector };
    expect(verdictOf(slices).verdict).toBe(verdict);
    const off = { AuthorizeNodeWithSelectors: false, AuthorizeWithSelectors: false };
    expect(verdictOf(slices, off).verdict).toBe("allow");
  }
  expect(verdictOf({ verb: "deletecollection", resource: "pods", fieldSelector }).verdict).toBe("noOpinion");
});

const OWNED = ["get", "update", "patch", "delete"];

test.each<{ name: string; question: Partial<AccessQuestion>; allowed: readonly string[] }>([
  {
    name: "a lease of its name",
    question: { group: "coordination.k8s.io", resource: "leases", namespace: "kube-node-lease", name: "node1" },
    allowed: [...OWNED, "create"],
  },
  {
    name: "its lease with a subresource, which is not looked at",
    question: {
      ...{ group: "coordination.k8s.io", resource: "leases", subresource: "x" },
      ...{ namespace: "kube-node-lease", name: "node1" },
    },
    allowed: [...OWNED, "create"],
  },
  {
    name: "a lease of another name",
    question: { group: "coordination.k8s.io", resource: "leases", namespace: "kube-node-lease", name: "node2" },
    allowed: ["create"],
  },
  {
    name: "a lease elsewhere",
    question: { group: "coordination.k8s.io", resource: "leases", namespace: "kube-system", name: "node1" },
    allowed: [],
  },
  {
    name: "its CSINode",
    question: { group: "storage.k8s.io", resource: "csinodes", name: "node1" },
    allowed: [...OWNED, "create"],
  },
  {
    name: "a CSINode of another name",
    question: { group: "storage.k8s.io", resource: "csinodes", name: "node2" },
    allowed: ["create"],
  },
  {
    name: "its CSINode with a subresource",
    question: { group: "storage.k8s.io", resource: "csinodes", subresource: "status", name: "node1" },
    allowed: [],
  },
  {
    name: "its Node",
    question: { resource: "nodes", name: "node1" },
    allowed: ["get", "list", "watch", "create", "update", "patch"],
  },
  { name: "another Node", question: { resource: "nodes", name: "node2" }, allowed: ["create", "update", "patch"] },
  { name: "all Nodes", question: { resource: "nodes" }, allowed: ["create", "update", "patch"] },
  {
    name: "the status of Nodes",
    question: { resource: "nodes", subresource: "status", name: "node1" },
    allowed: ["update", "patch"],
  },
  { name: "nodes/proxy", question: { resource: "nodes", subresource: "proxy", name: "node1" }, allowed: [] },
  {
    name: "token reviews",
    question: { group: "authentication.k8s.io", resource: "tokenreviews" },
    allowed: ["create"],
  },
  {
    name: "access reviews",
    question: { group: "authorization.k8s.io", resource: "subjectaccessreviews" },
    allowed: ["create"],
  },
  {
    name: "local access reviews",
    question: { group: "authorization.k8s.io", resource: "localsubjectaccessreviews" },
    allowed: ["create"],
  },
  {
    name: "self access reviews",
    question: { group: "authorization.k8s.io", resource: "selfsubjectaccessreviews" },
    allowed: [],
  },
  { name: "services", question: { resource: "services" }, allowed: ["get", "list", "watch"] },
  { name: "services/status", question: { resource: "services", subresource: "status" }, allowed: [] },
  { name: "endpoints", question: { resource: "endpoints" }, allowed: ["get"] },
  { name: "events", question: { resource: "events" }, allowed: ["create", "update", "patch"] },
  {
    name: "events of their own group",
    question: { group: "events.k8s.io", resource: "events" },
    allowed: ["create", "update", "patch"],
  },
  { name: "events of another group", question: { group: "example.com", resource: "events" }, allowed: [] },
  {
    name: "certificate signing requests",
    question: { group: "certificates.k8s.io", resource: "certificatesigningrequests" },
    allowed: ["create", "get", "list", "watch"],
  },
  {
    name: "nodeclient approval",
    question: {
      ...{ group: "certificates.k8s.io", resource: "certificatesigningrequests", subresource: "nodeclient" },
    },
    allowed: [],
  },
  {
    name: "trust bundles, off",
    question: { group: "certificates.k8s.io", resource: "clustertrustbundles" },
    allowed: [],
  },
  {
    name: "CSI drivers",
    question: { group: "storage.k8s.io", resource: "csidrivers" },
    allowed: ["get", "list", "watch"],
  },
  {
    name: "runtime classes",
    question: { group: "node.k8s.io", resource: "runtimeclasses" },
    allowed: ["get", "list", "watch"],
  },
  { name: "namespaces", question: { resource: "namespaces" }, allowed: [] },
  { name: "endpoint slices", question: { group: "discovery.k8s.io", resource: "endpointslices" }, allowed: [] },
  { name: "storage classes", question: { group: "storage.k8s.io", resource: "storageclasses" }, allowed: [] },
  { name: "an audience", question: { resource: "https://kubernetes.default.svc" }, allowed: [] },
  {
    name: "secrets of another group",
    question: { group: "example.com", resource: "secrets", namespace: "ns", name: "own" },
    allowed: [],
  },
  {
    name: "pod certificate requests, off",
    question: { group: "certificates.k8s.io", resource: "podcertificaterequests", namespace: "ns", name: "own" },
    allowed: [],
  },
  { name: "a path", question: { isResourceRequest: false, resource: "" }, allowed: [] },
  { name: "a path with a resource's words", question: { isResourceRequest: false, resource: "services" }, allowed: [] },
])("$name: $allowed", ({ question, allowed }) => {
  const found = VERBS.filter((verb) => verdictOf({ ...question, verb }).verdict === "allow");
  expect(found.sort()).toEqual([...allowed].sort());
});

test.each<{
  name: string;
  gates: Partial<FeatureGates>;
  question: Partial<AccessQuestion>;
  allowed: readonly string[];
}>([
  {
    name: "trust bundles, on",
    gates: { ClusterTrustBundle: true },
    question: { group: "certificates.k8s.io", resource: "clustertrustbundles" },
    allowed: ["get", "list", "watch"],
  },
  {
    name: "service accounts, neither feature",
    gates: { KubeletServiceAccountTokenForCredentialProviders: false },
    question: { resource: "serviceaccounts", namespace: "ns", name: "own" },
    allowed: [],
  },
  {
    name: "service accounts, for pod certificates",
    gates: { KubeletServiceAccountTokenForCredentialProviders: false, PodCertificateRequest: true },
    question: { resource: "serviceaccounts", namespace: "ns", name: "own" },
    allowed: ["get"],
  },
  {
    name: "pods without selectors",
    gates: { AuthorizeNodeWithSelectors: false, AuthorizeWithSelectors: false },
    question: { resource: "pods", namespace: "ns", name: "other" },
    allowed: ["get", "list", "watch", "create", "delete"],
  },
  {
    name: "pods/status without selectors",
    gates: { AuthorizeNodeWithSelectors: false, AuthorizeWithSelectors: false },
    question: { resource: "pods", subresource: "status", namespace: "ns", name: "other" },
    allowed: ["update", "patch"],
  },
  {
    name: "evictions without selectors",
    gates: { AuthorizeNodeWithSelectors: false, AuthorizeWithSelectors: false },
    question: { resource: "pods", subresource: "eviction", namespace: "ns", name: "other" },
    allowed: ["create"],
  },
  {
    name: "nodes without selectors",
    gates: { AuthorizeNodeWithSelectors: false, AuthorizeWithSelectors: false },
    question: { resource: "nodes", name: "node2" },
    allowed: ["get", "list", "watch", "create", "update", "patch"],
  },
  {
    name: "nodes/status without selectors",
    gates: { AuthorizeNodeWithSelectors: false, AuthorizeWithSelectors: false },
    question: { resource: "nodes", subresource: "status", name: "node2" },
    allowed: ["update", "patch"],
  },
  {
    name: "pod certificate requests without selectors",
    gates: { AuthorizeNodeWithSelectors: false, AuthorizeWithSelectors: false, ...PCR },
    question: { group: "certificates.k8s.io", resource: "podcertificaterequests", namespace: "ns", name: "own" },
    allowed: [],
  },
])("$name: $allowed", ({ gates, question, allowed }) => {
  const found = VERBS.filter((verb) => verdictOf({ ...question, verb }, gates).verdict === "allow");
  expect(found.sort()).toEqual([...allowed].sort());
});
