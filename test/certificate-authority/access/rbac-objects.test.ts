import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "@jest/globals";
import {
  RbacObjectsError,
  readRbacFiles,
  readRbacObjects,
} from "../../../services/certificate-authority/access/rbac/read-objects.ts";
import { temporaryDirectory } from "../../builders/temporary-directory.ts";

const apiVersion = "rbac.authorization.k8s.io/v1";
const rule = { verbs: ["get"], apiGroups: ["certificates.k8s.io"], resources: ["certificatesigningrequests"] };
const role = { apiVersion, kind: "ClusterRole", metadata: { name: "viewer" }, rules: [rule] };
const group = { kind: "Group", apiGroup: "rbac.authorization.k8s.io", name: "viewers" };
const binding = {
  apiVersion,
  kind: "ClusterRoleBinding",
  metadata: { name: "viewers" },
  roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "viewer" },
  subjects: [group],
};
const namespaced = { name: "x", namespace: "ns" };

function problemsOf(...documents: readonly unknown[]): readonly string[] {
  try {
    readRbacObjects([{ origin: "f.yaml", documents }]);
  } catch (error) {
    if (error instanceof RbacObjectsError) return error.problems;
    throw error;
  }
  return [];
}

test("the four kinds are read", () => {
  const localRole = { ...role, kind: "Role", metadata: namespaced };
  const localBinding = {
    ...binding,
    kind: "RoleBinding",
    metadata: namespaced,
    subjects: [{ kind: "ServiceAccount", name: "bot" }],
  };
  const objects = readRbacObjects([{ origin: "f.yaml", documents: [role, binding, localRole, localBinding] }]);
  const full = {
    verbs: ["get"],
    apiGroups: ["certificates.k8s.io"],
    resources: ["certificatesigningrequests"],
    resourceNames: [],
    nonResourceURLs: [],
  };
  expect(objects).toEqual([
    { kind: "ClusterRole", name: "viewer", namespace: "", labels: {}, rules: [full], aggregatedFrom: undefined },
    {
      kind: "ClusterRoleBinding",
      name: "viewers",
      namespace: "",
      roleRef: { kind: "ClusterRole", name: "viewer" },
      subjects: [{ kind: "Group", name: "viewers", namespace: "" }],
    },
    { kind: "Role", name: "x", namespace: "ns", labels: {}, rules: [full], aggregatedFrom: undefined },
    {
      kind: "RoleBinding",
      name: "x",
      namespace: "ns",
      roleRef: { kind: "ClusterRole", name: "viewer" },
      subjects: [{ kind: "ServiceAccount", name: "bot", namespace: "ns" }],
    },
  ]);
});

test("lists are opened, empty documents and server-set fields ignored, lists may be null", () => {
  const exported = {
    ...role,
    metadata: {
      name: "viewer",
      uid: "u",
      resourceVersion: "7",
      creationTimestamp: "x",
      managedFields: [],
      annotations: { a: "b" },
    },
    rules: null,
  };
  const list = { apiVersion: "v1", kind: "List", metadata: {}, items: [exported, { ...binding, subjects: null }] };
  expect(problemsOf(null, list, undefined)).toEqual([]);
});

const withRule = (overrides: object) => ({ ...role, rules: [rule, { ...rule, ...overrides }] });
const paths = (...nonResourceURLs: readonly string[]) => ({ ...role, rules: [{ verbs: ["get"], nonResourceURLs }] });

test.each<{ name: string; document: unknown; problems: readonly (string | RegExp)[] }>([
  { name: "no object", document: "text", problems: [/^f\.yaml\[0\]: /] },
  { name: "another kind", document: { ...role, kind: "Pod" }, problems: [/^f\.yaml\[0\]\.kind: /] },
  { name: "another version", document: { ...role, apiVersion: "v1" }, problems: [/^f\.yaml\[0\]\.apiVersion: /] },
  { name: "an unknown key", document: { ...role, rulez: [] }, problems: ["f.yaml[0].rulez: unknown key"] },
  {
    name: "an unknown key in a rule",
    document: withRule({ resourcename: ["x"] }),
    problems: ["f.yaml[0].rules[1].resourcename: unknown key"],
  },
  {
    name: "an unknown key in metadata",
    document: { ...role, metadata: { name: "x", nam: 1 } },
    problems: ["f.yaml[0].metadata.nam: unknown key"],
  },
  {
    name: "a namespace on a cluster role",
    document: { ...role, metadata: namespaced },
    problems: ["f.yaml[0].metadata.namespace: unknown key"],
  },
  { name: "no name", document: { ...role, metadata: {} }, problems: [/^f\.yaml\[0\]\.metadata\.name: /] },
  {
    name: "a name with a slash",
    document: { ...role, metadata: { name: "a/b" } },
    problems: [/^f\.yaml\[0\]\.metadata\.name: must not be/],
  },
  {
    name: "no verbs",
    document: withRule({ verbs: [] }),
    problems: ["f.yaml[0].rules[1].verbs: at least one verb is required"],
  },
  {
    name: "no groups",
    document: withRule({ apiGroups: [] }),
    problems: ["f.yaml[0].rules[1].apiGroups: a rule for resources needs at least one API group"],
  },
  {
    name: "no resources",
    document: withRule({ resources: [] }),
    problems: ["f.yaml[0].rules[1].resources: a rule for resources needs at least one resource"],
  },
  {
    name: "an empty resource",
    document: withRule({ resources: [""] }),
    problems: ["f.yaml[0].rules[1].resources[0]: must not be empty"],
  },
  {
    name: "resources and paths in one rule",
    document: withRule({ nonResourceURLs: ["/x"] }),
    problems: ["f.yaml[0].rules[1].nonResourceURLs: a rule applies either to resources or to paths, not to both"],
  },
  {
    name: "a path without slash",
    document: paths("/ok", "healthz"),
    problems: [/^f\.yaml\[0\]\.rules\[0\]\.nonResourceURLs\[1\]: must be/],
  },
  { name: "a star inside a path", document: paths("/a*b"), problems: [/nonResourceURLs\[0\]: must be/] },
  { name: "two stars", document: paths("/a**"), problems: [/nonResourceURLs\[0\]: must be/] },
  {
    name: "paths in a namespaced role",
    document: { ...paths("/x"), kind: "Role", metadata: namespaced },
    problems: ["f.yaml[0].rules[0].nonResourceURLs: a Role is of one namespace and cannot grant paths"],
  },
  {
    name: "an aggregation without selectors",
    document: { ...role, aggregationRule: { clusterRoleSelectors: [] } },
    problems: ["f.yaml[0].aggregationRule.clusterRoleSelectors: at least one selector is required"],
  },
  {
    name: "In without values",
    document: {
      ...role,
      aggregationRule: { clusterRoleSelectors: [{ matchExpressions: [{ key: "k", operator: "In" }] }] },
    },
    problems: [/clusterRoleSelectors\[0\]\.matchExpressions\[0\]\.values: In and NotIn need values/],
  },
  {
    name: "Exists with values",
    document: {
      ...role,
      aggregationRule: {
        clusterRoleSelectors: [{ matchExpressions: [{ key: "k", operator: "Exists", values: ["x"] }] }],
      },
    },
    problems: [/matchExpressions\[0\]\.values: In and NotIn need values/],
  },
  {
    name: "a subject of another kind",
    document: { ...binding, subjects: [group, { kind: "Robot", name: "x" }] },
    problems: [/^f\.yaml\[0\]\.subjects\[1\]\.kind: /],
  },
  {
    name: "a subject without name",
    document: { ...binding, subjects: [{ kind: "User", name: "" }] },
    problems: ["f.yaml[0].subjects[0].name: must not be empty"],
  },
  {
    name: "a user in another group",
    document: { ...binding, subjects: [{ ...group, apiGroup: "v1" }] },
    problems: [/^f\.yaml\[0\]\.subjects\[0\]\.apiGroup: /],
  },
  {
    name: "a service account without namespace",
    document: { ...binding, subjects: [{ kind: "ServiceAccount", name: "bot" }] },
    problems: ["f.yaml[0].subjects[0].namespace: a ServiceAccount needs its namespace here"],
  },
  {
    name: "a service account with a bad name",
    document: { ...binding, subjects: [{ kind: "ServiceAccount", name: "a:b", namespace: "ns" }] },
    problems: ["f.yaml[0].subjects[0].name: must be a DNS-1123 subdomain"],
  },
  {
    name: "a cluster binding to a Role",
    document: { ...binding, roleRef: { kind: "Role", name: "r" } },
    problems: [/^f\.yaml\[0\]\.roleRef\.kind: /],
  },
  {
    name: "a role reference without name",
    document: { ...binding, roleRef: { kind: "ClusterRole" } },
    problems: [/^f\.yaml\[0\]\.roleRef\.name: /],
  },
])("$name is refused by its path", ({ document, problems }) => {
  const found = problemsOf(document);
  expect(found).toHaveLength(problems.length);
  for (const [index, problem] of problems.entries()) {
    if (typeof problem === "string") expect(found[index]).toBe(problem);
    else expect(found[index]).toMatch(problem);
  }
});

test("every problem of every document is named, an object that occurs twice too", () => {
  const list = { kind: "ClusterRoleList", items: [role, { ...role, x: 1 }] };
  expect(problemsOf(list, { ...withRule({ verbs: [] }), y: 2 }, role)).toEqual([
    "f.yaml[0].items[1].x: unknown key",
    "f.yaml[1].rules[1].verbs: at least one verb is required",
    "f.yaml[1].y: unknown key",
    'f.yaml[2].metadata.name: ClusterRole "viewer" occurs twice',
  ]);
});

test("files are read with all their documents; those that cannot be are named together", () => {
  const directory = temporaryDirectory();
  const good = join(directory, "good.yaml");
  const bad = join(directory, "bad.yaml");
  const missing = join(directory, "missing.yaml");
  writeFileSync(good, `---\n${JSON.stringify(role)}\n---\n${JSON.stringify(binding)}\n---\n`);
  writeFileSync(bad, "kind: [");
  expect(readRbacFiles([good]).map(({ kind }) => kind)).toEqual(["ClusterRole", "ClusterRoleBinding"]);
  expect(readRbacFiles([])).toEqual([]);
  const problems = new RegExp(`${bad}: [^]*\\n[^]*${missing}: ENOENT`);
  expect(() => readRbacFiles([bad, good, missing])).toThrow(problems);
});
