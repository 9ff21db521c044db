import { expect, test } from "@jest/globals";
import type { RbacObject } from "../../../services/certificate-authority/access/rbac/objects.ts";
import { compilePolicy, requireRoles } from "../../../services/certificate-authority/access/rbac/policy.ts";
import type { AccessAttributes } from "../../../services/certificate-authority/domain/authorization.ts";
import type { UserInfo } from "../../../services/shared/user-info.ts";
import { clusterRole, clusterRoleBinding, policyRule, subject } from "../../builders/rbac.ts";
import { onPath, onResource, user } from "../../builders/users.ts";

const alice = user("alice", "team-a");

/** What alice may do by one rule, given to her alone. */
function allowedBy(rule: Parameters<typeof policyRule>[0], attributes: AccessAttributes): boolean {
  const policy = compilePolicy([
    clusterRole("r", policyRule(rule)),
    clusterRoleBinding("b", "r", subject("User", "alice")),
  ]);
  return policy.decide(alice, attributes).allowed;
}

const csrRule = { verbs: ["get"], apiGroups: ["certificates.k8s.io"], resources: ["certificatesigningrequests"] };

test.each([
  { name: "an exact match", rule: {}, asked: {}, allowed: true },
  { name: "another verb", rule: {}, asked: { verb: "list" }, allowed: false },
  { name: "any verb", rule: { verbs: ["*"] }, asked: { verb: "list" }, allowed: true },
  { name: "a verb that is asked as *", rule: {}, asked: { verb: "*" }, allowed: false },
  { name: "a verb's beginning", rule: { verbs: ["g*"] }, asked: {}, allowed: false },
  { name: "another group", rule: {}, asked: { group: "" }, allowed: false },
  { name: "the core group", rule: { apiGroups: [""] }, asked: { group: "" }, allowed: true },
  { name: "any group", rule: { apiGroups: ["*"] }, asked: { group: "x.example" }, allowed: true },
  { name: "the version does not matter", rule: {}, asked: { version: "*" }, allowed: true },
  { name: "another resource", rule: {}, asked: { resource: "signers" }, allowed: false },
  { name: "any resource", rule: { resources: ["*"] }, asked: { resource: "signers" }, allowed: true },
  { name: "a subresource of an allowed resource", rule: {}, asked: { subresource: "approval" }, allowed: false },
  {
    name: "the subresource named",
    rule: { resources: ["certificatesigningrequests/approval"] },
    asked: { subresource: "approval" },
    allowed: true,
  },
  {
    name: "the resource when its subresource is named",
    rule: { resources: ["certificatesigningrequests/approval"] },
    asked: {},
    allowed: false,
  },
  {
    name: "a subresource under any resource",
    rule: { resources: ["*/approval"] },
    asked: { subresource: "approval" },
    allowed: true,
  },
  {
    name: "another subresource than */approval",
    rule: { resources: ["*/approval"] },
    asked: { subresource: "status" },
    allowed: false,
  },
  { name: "no subresource under */approval", rule: { resources: ["*/approval"] }, asked: {}, allowed: false },
  {
    name: "a longer subresource than */approval",
    rule: { resources: ["*/approval"] },
    asked: { subresource: "x-approval" },
    allowed: false,
  },
  {
    name: "any subresource of one resource is no pattern",
    rule: { resources: ["certificatesigningrequests/*"] },
    asked: { subresource: "approval" },
    allowed: false,
  },
  { name: "no subresource under */", rule: { resources: ["*/"] }, asked: {}, allowed: false },
  { name: "* covers subresources", rule: { resources: ["*"] }, asked: { subresource: "approval" }, allowed: true },
  { name: "the name named", rule: { resourceNames: ["a", "b"] }, asked: { name: "b" }, allowed: true },
  { name: "another name", rule: { resourceNames: ["a", "b"] }, asked: { name: "c" }, allowed: false },
  { name: "no name where names are listed", rule: { resourceNames: ["a"] }, asked: {}, allowed: false },
  { name: "* is a literal name", rule: { resourceNames: ["*"] }, asked: { name: "a" }, allowed: false },
  { name: "the literal name *", rule: { resourceNames: ["*"] }, asked: { name: "*" }, allowed: true },
  {
    name: "a domain's wildcard is literal too",
    rule: { resourceNames: ["kubernetes.io/*"] },
    asked: { name: "kubernetes.io/x" },
    allowed: false,
  },
  { name: "the empty name listed", rule: { resourceNames: [""] }, asked: {}, allowed: true },
])("a rule for resources: $name", ({ rule, asked, allowed }) => {
  expect(allowedBy({ ...csrRule, ...rule }, onResource(asked))).toBe(allowed);
});

test.each([
  { urls: ["/healthz"], verb: "get", path: "/healthz", allowed: true },
  { urls: ["/healthz"], verb: "post", path: "/healthz", allowed: false },
  { urls: ["/healthz"], verb: "get", path: "/healthz/", allowed: false },
  { urls: ["/healthz"], verb: "get", path: "/Healthz", allowed: false },
  { urls: ["/healthz/*"], verb: "get", path: "/healthz/ping", allowed: true },
  { urls: ["/healthz/*"], verb: "get", path: "/healthz/", allowed: true },
  { urls: ["/healthz/*"], verb: "get", path: "/healthz", allowed: false },
  { urls: ["/healthz*"], verb: "get", path: "/healthzx", allowed: true },
  { urls: ["*"], verb: "get", path: "/anything", allowed: true },
  { urls: ["*"], verb: "get", path: "", allowed: true },
  { urls: [], verb: "get", path: "", allowed: false },
])("a rule for $urls answers $allowed to $verb $path", ({ urls, verb, path, allowed }) => {
  expect(allowedBy({ verbs: ["get"], nonResourceURLs: urls }, onPath(verb, path))).toBe(allowed);
});

test("a rule for resources grants no path, a rule for paths no resource", () => {
  expect(allowedBy({ verbs: ["*"], apiGroups: ["*"], resources: ["*"] }, onPath("get", "/x"))).toBe(false);
  expect(allowedBy({ verbs: ["*"], nonResourceURLs: ["*"] }, onResource())).toBe(false);
});

const reader = clusterRole("reader", csrRule);

test.each<{ name: string; asking: UserInfo; bound: ReturnType<typeof subject>; allowed: boolean }>([
  { name: "the user", asking: alice, bound: subject("User", "alice"), allowed: true },
  { name: "another user", asking: alice, bound: subject("User", "bob"), allowed: false },
  { name: "a group of the user", asking: alice, bound: subject("Group", "team-a"), allowed: true },
  { name: "another group", asking: alice, bound: subject("Group", "team-b"), allowed: false },
  { name: "a group called as the user", asking: alice, bound: subject("Group", "alice"), allowed: false },
  { name: "a user called as the group", asking: alice, bound: subject("User", "team-a"), allowed: false },
  {
    name: "a service account",
    asking: user("system:serviceaccount:ns:bot"),
    bound: subject("ServiceAccount", "bot", "ns"),
    allowed: true,
  },
  {
    name: "a service account of another namespace",
    asking: user("system:serviceaccount:other:bot"),
    bound: subject("ServiceAccount", "bot", "ns"),
    allowed: false,
  },
])("a binding to $name", ({ asking, bound, allowed }) => {
  const policy = compilePolicy([reader, clusterRoleBinding("b", "reader", bound)]);
  expect(policy.decide(asking, onResource()).allowed).toBe(allowed);
});

test("the reason names binding, role and subject; a refusal has none", () => {
  const policy = compilePolicy([reader, clusterRoleBinding("readers", "reader", subject("Group", "team-a"))]);
  expect(policy.decide(alice, onResource())).toEqual({
    allowed: true,
    reason: 'RBAC: allowed by ClusterRoleBinding "readers" of ClusterRole "reader" to Group "team-a"',
  });
  expect(policy.decide(user("bob"), onResource())).toEqual({ allowed: false, reason: "" });
});

test.each(["system:masters", "gatehouse:administrators"])("%s hold every rule without any binding", (group) => {
  const rules = compilePolicy([]).rulesFor(user("root", group), "");
  expect(rules).toEqual([
    policyRule({ verbs: ["*"], apiGroups: ["*"], resources: ["*"] }),
    policyRule({ verbs: ["*"], nonResourceURLs: ["*"] }),
  ]);
  expect(compilePolicy([]).rulesFor(user(group), "")).toEqual([]);
});

test("what a ClusterRole grants can be asked", () => {
  expect(compilePolicy([reader]).rulesOfClusterRole("reader")).toEqual(reader.rules);
  expect(compilePolicy([reader]).rulesOfClusterRole("gone")).toBeUndefined();
});

test("a RoleBinding grants in its namespace only, by a Role of that namespace or a ClusterRole", () => {
  const roleIn = (namespace: string): RbacObject => ({
    kind: "Role",
    name: "r",
    namespace,
    labels: {},
    rules: [policyRule({ verbs: ["impersonate"], apiGroups: [""], resources: ["serviceaccounts"] })],
    aggregatedFrom: undefined,
  });
  const bind = (name: string, namespace: string, kind: "Role" | "ClusterRole", role: string): RbacObject => ({
    kind: "RoleBinding",
    name,
    namespace,
    roleRef: { kind, name: role },
    subjects: [subject("User", "alice")],
  });
  const policy = compilePolicy([
    roleIn("one"),
    reader,
    bind("b1", "one", "Role", "r"),
    bind("b2", "two", "ClusterRole", "reader"),
  ]);
  const account = onResource({ verb: "impersonate", group: "", resource: "serviceaccounts" });
  const allowed = (asked: AccessAttributes) => policy.decide(alice, asked).allowed;
  expect(allowed({ ...account, namespace: "one" })).toBe(true);
  expect(allowed({ ...account, namespace: "two" })).toBe(false);
  expect(allowed(account)).toBe(false);
  expect(allowed(onResource({ namespace: "two" }))).toBe(true);
  expect(allowed(onResource())).toBe(false);
});

test.each([
  { name: "a ClusterRole that does not exist", objects: [clusterRoleBinding("b", "gone", subject("User", "a"))] },
  {
    name: "a Role of another namespace",
    objects: [
      { ...reader, kind: "Role" as const, name: "r", namespace: "one" },
      {
        ...clusterRoleBinding("b", "r"),
        kind: "RoleBinding" as const,
        namespace: "two",
        roleRef: { kind: "Role" as const, name: "r" },
      },
    ],
  },
])("a binding to $name grants nothing, and is refused where files are read", ({ objects }) => {
  expect(compilePolicy(objects).rulesFor(user("a"), "two")).toEqual([]);
  expect(() => requireRoles(objects, objects)).toThrow(/"b" refers to (Cluster)?Role "(gone|r)", which does not exist/);
});

test("an aggregating role has the rules of every role its selectors reach, and not its own", () => {
  const labelled = (name: string, labels: Record<string, string>, verb: string) => ({
    ...clusterRole(name, { ...csrRule, verbs: [verb] }),
    labels,
  });
  const selector = (matchLabels: Record<string, string>) => ({ matchLabels, matchExpressions: [] });
  const policy = compilePolicy([
    {
      ...labelled("all", { level: "top" }, "delete"),
      aggregatedFrom: [selector({ to: "all" }), selector({ level: "mid" })],
    },
    {
      ...labelled("mid", { level: "mid" }, "update"),
      aggregatedFrom: [selector({ to: "mid" }), selector({ level: "top" })],
    },
    labelled("one", { to: "all" }, "get"),
    labelled("two", { to: "mid" }, "list"),
    labelled("none", { to: "other" }, "watch"),
    clusterRoleBinding("b", "all", subject("User", "alice")),
  ]);
  const verbs = ["get", "list", "watch", "update", "delete"];
  expect(verbs.filter((verb) => policy.decide(alice, onResource({ verb })).allowed)).toEqual(["get", "list"]);
});

test.each([
  { operator: "In" as const, values: ["a", "b"], matching: { k: "a" }, other: { k: "c" } },
  { operator: "NotIn" as const, values: ["a"], matching: {}, other: { k: "a" } },
  { operator: "Exists" as const, values: [], matching: { k: "" }, other: { j: "" } },
  { operator: "DoesNotExist" as const, values: [], matching: { j: "x" }, other: { k: "x" } },
])("a selector's $operator", ({ operator, values, matching, other }) => {
  const aggregating = (labels: Record<string, string>): boolean => {
    const selector = { matchLabels: {}, matchExpressions: [{ key: "k", operator, values }] };
    const policy = compilePolicy([
      { ...clusterRole("sum"), aggregatedFrom: [selector], labels: { k: "a" } },
      { ...reader, labels },
      clusterRoleBinding("b", "sum", subject("User", "alice")),
    ]);
    return policy.decide(alice, onResource()).allowed;
  };
  expect([aggregating(matching), aggregating(other)]).toEqual([true, false]);
});

test("rulesFor lists each rule once, those of the namespace too", () => {
  const policy = compilePolicy([
    reader,
    clusterRole("paths", { verbs: ["get"], nonResourceURLs: ["/x"] }),
    clusterRoleBinding("b1", "reader", subject("Group", "team-a"), subject("User", "alice")),
    { ...clusterRoleBinding("b2", "paths", subject("User", "alice")), kind: "RoleBinding", namespace: "ns" },
  ]);
  expect(policy.rulesFor(alice, "")).toEqual([policyRule(csrRule)]);
  expect(policy.rulesFor(alice, "ns")).toEqual([
    policyRule(csrRule),
    policyRule({ verbs: ["get"], nonResourceURLs: ["/x"] }),
  ]);
  expect(policy.rulesFor(user("bob"), "ns")).toEqual([]);
});
