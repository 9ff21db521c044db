import { expect, test } from "@jest/globals";
import {
  validateClusterRole,
  validateClusterRoleBinding,
  validateRoleRefUntouched,
} from "../../../services/certificate-authority/domain/rbac/rules.ts";
import { apiBinding, apiRole } from "../../builders/rbac-objects.ts";

const RULE = { verbs: ["get"], apiGroups: ["g"], resources: ["things"] };
const told = (errors: readonly { reason: string; field: string }[]) =>
  errors.map(({ reason, field }) => `${reason.replace("FieldValue", "")} ${field}`);

test.each<{ name: string; rule: object; errors: readonly string[] }>([
  { name: "a whole one", rule: RULE, errors: [] },
  { name: "a path", rule: { verbs: ["get"], nonResourceURLs: ["/a"] }, errors: [] },
  {
    name: "nothing",
    rule: { verbs: [] },
    errors: ["Required rules[0].verbs", "Required rules[0].apiGroups", "Required rules[0].resources"],
  },
  {
    name: "a path and a group",
    rule: { ...RULE, nonResourceURLs: ["/a"] },
    errors: ["Invalid rules[0].nonResourceURLs"],
  },
  { name: "a path without verbs", rule: { verbs: [], nonResourceURLs: ["/a"] }, errors: ["Required rules[0].verbs"] },
])("a rule with $name", ({ rule, errors }) => {
  expect(told(validateClusterRole(apiRole("a", { rules: [rule as typeof RULE] })))).toEqual(errors);
});

const SELECTOR = "aggregationRule.clusterRoleSelectors[0]";
const expression = (more: object) => ({ matchExpressions: [{ key: "a", operator: "In", values: ["b"], ...more }] });

test.each<{ name: string; selectors: readonly object[]; errors: readonly string[] }>([
  { name: "labels", selectors: [{ matchLabels: { a: "b" } }], errors: [] },
  { name: "everything", selectors: [{}], errors: [] },
  { name: "nothing", selectors: [], errors: ["Required aggregationRule.clusterRoleSelectors"] },
  {
    name: "bad labels",
    selectors: [{ matchLabels: { "a b": "c d" } }],
    errors: [`Invalid ${SELECTOR}.matchLabels`, `Invalid ${SELECTOR}.matchLabels`, `Invalid ${SELECTOR}`],
  },
  {
    name: "In without values",
    selectors: [expression({ values: [] })],
    errors: [`Required ${SELECTOR}.matchExpressions[0].values`, `Invalid ${SELECTOR}`],
  },
  {
    name: "Exists with values",
    selectors: [expression({ operator: "Exists" })],
    errors: [`Forbidden ${SELECTOR}.matchExpressions[0].values`, `Invalid ${SELECTOR}`],
  },
  {
    name: "an unknown operator",
    selectors: [expression({ operator: "Like" })],
    errors: [`Invalid ${SELECTOR}.matchExpressions[0].operator`, `Invalid ${SELECTOR}`],
  },
])("an aggregation of $name", ({ selectors, errors }) => {
  const aggregationRule = { clusterRoleSelectors: selectors };
  expect(told(validateClusterRole(apiRole("a", { rules: null, aggregationRule })))).toEqual(errors);
});

const GROUP = "rbac.authorization.k8s.io";

test.each<{ name: string; subject: object; errors: readonly string[] }>([
  { name: "a user", subject: { kind: "User", apiGroup: GROUP, name: "a b" }, errors: [] },
  {
    name: "a group of no API group",
    subject: { kind: "Group", name: "a" },
    errors: ["NotSupported subjects[0].apiGroup"],
  },
  { name: "a service account", subject: { kind: "ServiceAccount", name: "a", namespace: "n" }, errors: [] },
  {
    name: "a service account of nowhere",
    subject: { kind: "ServiceAccount", name: "a" },
    errors: ["Required subjects[0].namespace"],
  },
  {
    name: "a service account of bad name",
    subject: { kind: "ServiceAccount", name: "A b", namespace: "n" },
    errors: ["Invalid subjects[0].name"],
  },
  {
    name: "a robot",
    subject: { kind: "Robot", name: "" },
    errors: ["Required subjects[0].name", "NotSupported subjects[0].kind"],
  },
])("a binding to $name", ({ subject, errors }) => {
  const subjects = [subject as { kind: string; name: string }];
  expect(told(validateClusterRoleBinding(apiBinding("a", "b", { subjects })))).toEqual(errors);
});

test("a binding names a ClusterRole, once and for all", () => {
  const { roleRef } = apiBinding("a", "b");
  expect(told(validateClusterRoleBinding({ roleRef: { apiGroup: "x", kind: "Role", name: "" } }))).toEqual([
    "NotSupported roleRef.apiGroup",
    "NotSupported roleRef.kind",
    "Required roleRef.name",
  ]);
  expect(told(validateClusterRoleBinding({ roleRef: { ...roleRef, name: "a/b" } }))).toEqual(["Invalid roleRef.name"]);
  expect(validateRoleRefUntouched(roleRef, { ...roleRef })).toEqual([]);
  expect(told(validateRoleRefUntouched(roleRef, { ...roleRef, name: "c" }))).toEqual(["Invalid roleRef"]);
});
