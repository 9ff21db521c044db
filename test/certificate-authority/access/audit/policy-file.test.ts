import { join } from "node:path";
import { expect, test } from "@jest/globals";
import { parsePolicy, readPolicyFile } from "../../../../services/certificate-authority/access/audit/policy-file.ts";

const HEAD = "apiVersion: audit.k8s.io/v1\nkind: Policy\n";
const EXAMPLE = join(import.meta.dirname, "../../../../config/audit/policy.yaml");

test("a policy as administrators of Kubernetes write it", () => {
  const text = `${HEAD}metadata: { name: default }
omitStages: [RequestReceived]
omitManagedFields: true
rules:
  - level: None
    users: ["system:kube-proxy"]
    verbs: ["watch"]
    resources: [{ group: "", resources: ["endpoints", "services/status"] }]
  - level: None
    nonResourceURLs: ["/healthz*", "/version"]
    userGroups: null
  - level: Request
    omitManagedFields: false
    namespaces: ["kube-system"]
    resources: [{ group: "certificates.k8s.io", resources: ["*"], resourceNames: ["a"] }]
    omitStages: [Panic]
`;
  const everything = {
    users: [],
    userGroups: [],
    verbs: [],
    resources: [],
    namespaces: [],
    nonResourceUrls: [],
    omitStages: [],
  };
  expect(parsePolicy(text, "policy.yaml")).toEqual({
    omitStages: ["RequestReceived"],
    rules: [
      {
        ...everything,
        level: "None",
        users: ["system:kube-proxy"],
        verbs: ["watch"],
        resources: [{ group: "", resources: ["endpoints", "services/status"], resourceNames: [] }],
      },
      { ...everything, level: "None", nonResourceUrls: ["/healthz*", "/version"] },
      {
        ...everything,
        level: "Request",
        namespaces: ["kube-system"],
        resources: [{ group: "certificates.k8s.io", resources: ["*"], resourceNames: ["a"] }],
        omitStages: ["Panic"],
      },
    ],
  });
});

test.each([
  { name: "no rules", text: `${HEAD}rules: []\n`, says: "rules" },
  { name: "rules left out", text: HEAD, says: "rules" },
  { name: "a rule without a level", text: `${HEAD}rules: [{}]\n`, says: "rules[0].level" },
  { name: "an unknown level", text: `${HEAD}rules: [{ level: All }]\n`, says: "rules[0].level" },
  { name: "an unknown stage", text: `${HEAD}omitStages: [Done]\nrules: [{ level: None }]\n`, says: "omitStages[0]" },
  {
    name: "an unknown stage of a rule",
    text: `${HEAD}rules: [{ level: None, omitStages: [x] }]\n`,
    says: "rules[0].omitStages[0]",
  },
  { name: "an unknown field", text: `${HEAD}rules: [{ level: None, user: [a] }]\n`, says: "user" },
  {
    name: "paths and resources in one rule",
    text: `${HEAD}rules: [{ level: None, nonResourceURLs: ["/a"], resources: [{}] }]\n`,
    says: "rules[0].nonResourceURLs",
  },
  {
    name: "paths and namespaces in one rule",
    text: `${HEAD}rules: [{ level: None, nonResourceURLs: ["/a"], namespaces: [a] }]\n`,
    says: "rules[0].nonResourceURLs",
  },
  {
    name: "a path without a slash",
    text: `${HEAD}rules: [{ level: None, nonResourceURLs: ["a"] }]\n`,
    says: "rules[0].nonResourceURLs[0]",
  },
  {
    name: "a star in the middle",
    text: `${HEAD}rules: [{ level: None, nonResourceURLs: ["/a*b"] }]\n`,
    says: "rules[0].nonResourceURLs[0]",
  },
  {
    name: "a group with its version",
    text: `${HEAD}rules: [{ level: None, resources: [{ group: a.b/v1 }] }]\n`,
    says: "rules[0].resources[0].group",
  },
  {
    name: "names without resources",
    text: `${HEAD}rules: [{ level: None, resources: [{ resourceNames: [a] }] }]\n`,
    says: "rules[0].resources[0].resourceNames",
  },
  {
    name: "another version",
    text: "apiVersion: audit.k8s.io/v1beta1\nkind: Policy\nrules: [{ level: None }]\n",
    says: "apiVersion",
  },
  { name: "no YAML", text: "a: [", says: "not valid YAML" },
])("refused: $name", ({ text, says }) => {
  expect(() => parsePolicy(text, "policy.yaml")).toThrow(says);
  expect(() => parsePolicy(text, "policy.yaml")).toThrow("policy.yaml");
});

test("the example policy is one", () => {
  expect(readPolicyFile(EXAMPLE).rules.length).toBeGreaterThan(3);
});

test("a missing file is named", () => {
  expect(() => readPolicyFile("/nowhere/policy.yaml")).toThrow("cannot read the audit policy /nowhere/policy.yaml");
});
