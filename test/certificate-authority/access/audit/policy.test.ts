import { expect, test } from "@jest/globals";
import {
  type AuditedAttributes,
  type AuditRule,
  policyEvaluator,
} from "../../../../services/certificate-authority/access/audit/policy.ts";
import type { UserInfo } from "../../../../services/shared/user-info.ts";
import { user } from "../../../builders/users.ts";

const ALICE = user("alice", "team:a");

function rule(overrides: Partial<AuditRule>): AuditRule {
  const everything = { users: [], userGroups: [], verbs: [], resources: [], namespaces: [], nonResourceUrls: [] };
  return { level: "Metadata", ...everything, omitStages: [], ...overrides };
}

function onResource(overrides: Partial<AuditedAttributes> = {}): AuditedAttributes {
  return {
    isResource: true,
    verb: "get",
    apiGroup: "certificates.k8s.io",
    resource: "certificatesigningrequests",
    subresource: "",
    namespace: "",
    name: "csr-1",
    path: "/apis/certificates.k8s.io/v1/certificatesigningrequests/csr-1",
    ...overrides,
  };
}

function onPath(path: string, verb = "get"): AuditedAttributes {
  const none = { apiGroup: "", resource: "", subresource: "", namespace: "", name: "" };
  return { isResource: false, verb, ...none, path };
}

const CSRS = "certificatesigningrequests";
const among = (...resources: string[]) => ({
  resources: [{ group: "certificates.k8s.io", resources, resourceNames: [] }],
});
const named = (...resourceNames: string[]) => ({
  resources: [{ group: "certificates.k8s.io", resources: ["*"], resourceNames }],
});
const approval = onResource({ subresource: "approval" });

test.each<{
  name: string;
  rule: Partial<AuditRule>;
  asks: AuditedAttributes;
  as?: UserInfo | "nobody";
  matches: boolean;
}>([
  { name: "an empty rule matches resources", rule: {}, asks: onResource(), matches: true },
  { name: "an empty rule matches paths", rule: {}, asks: onPath("/version"), matches: true },
  { name: "an empty rule matches nobody", rule: {}, asks: onResource(), as: "nobody", matches: true },
  { name: "a user", rule: { users: ["bob", "alice"] }, asks: onResource(), matches: true },
  { name: "another user", rule: { users: ["bob"] }, asks: onResource(), matches: false },
  { name: "users are no patterns", rule: { users: ["*"] }, asks: onResource(), matches: false },
  { name: "a user, and nobody asks", rule: { users: ["alice"] }, asks: onResource(), as: "nobody", matches: false },
  { name: "one of the groups", rule: { userGroups: ["x", "team:a"] }, asks: onResource(), matches: true },
  { name: "no group", rule: { userGroups: ["team:b"] }, asks: onResource(), matches: false },
  {
    name: "a group, and nobody asks",
    rule: { userGroups: ["team:a"] },
    asks: onResource(),
    as: "nobody",
    matches: false,
  },
  {
    name: "user and group must both match",
    rule: { users: ["alice"], userGroups: ["x"] },
    asks: onResource(),
    matches: false,
  },
  { name: "a verb", rule: { verbs: ["list", "get"] }, asks: onResource(), matches: true },
  { name: "another verb", rule: { verbs: ["list"] }, asks: onResource(), matches: false },
  { name: "verbs are no patterns", rule: { verbs: ["*"] }, asks: onResource(), matches: false },
  { name: "a resource", rule: among("nodes", CSRS), asks: onResource(), matches: true },
  { name: "another resource", rule: among("nodes"), asks: onResource(), matches: false },
  { name: "every resource of the group", rule: among(), asks: onResource(), matches: true },
  { name: "every resource of the group by star", rule: among("*"), asks: onResource(), matches: true },
  {
    name: "another group",
    rule: { resources: [{ group: "", resources: [CSRS], resourceNames: [] }] },
    asks: onResource(),
    matches: false,
  },
  {
    name: "the core group",
    rule: { resources: [{ group: "", resources: ["secrets"], resourceNames: [] }] },
    asks: onResource({ apiGroup: "", resource: "secrets" }),
    matches: true,
  },
  { name: "a resource is not its subresource", rule: among(CSRS), asks: approval, matches: false },
  { name: "a subresource", rule: among(`${CSRS}/approval`), asks: approval, matches: true },
  { name: "another subresource", rule: among(`${CSRS}/status`), asks: approval, matches: false },
  { name: "a subresource is not its resource", rule: among(`${CSRS}/approval`), asks: onResource(), matches: false },
  { name: "star takes subresources in", rule: among("*"), asks: approval, matches: true },
  { name: "all subresources of a resource", rule: among(`${CSRS}/*`), asks: approval, matches: true },
  {
    name: "all subresources, the resource itself included",
    rule: among(`${CSRS}/*`),
    asks: onResource(),
    matches: true,
  },
  { name: "all subresources of another resource", rule: among("nodes/*"), asks: approval, matches: false },
  { name: "a subresource of all resources", rule: among("*/approval"), asks: approval, matches: true },
  { name: "another subresource of all resources", rule: among("*/status"), asks: approval, matches: false },
  { name: "a subresource of all is no resource", rule: among("*/"), asks: onResource(), matches: false },
  { name: "a resource on a path", rule: among("*"), asks: onPath("/version"), matches: false },
  { name: "a name", rule: named("csr-0", "csr-1"), asks: onResource(), matches: true },
  { name: "another name", rule: named("csr-0"), asks: onResource(), matches: false },
  { name: "a name where none is asked for", rule: named("csr-1"), asks: onResource({ name: "" }), matches: false },
  { name: "the empty name", rule: named(""), asks: onResource({ name: "" }), matches: true },
  {
    name: "names without resources are passed over",
    rule: { resources: [{ group: "certificates.k8s.io", resources: [], resourceNames: ["x"] }] },
    asks: onResource(),
    matches: true,
  },
  {
    name: "a namespace",
    rule: { namespaces: ["kube-system"] },
    asks: onResource({ namespace: "kube-system" }),
    matches: true,
  },
  {
    name: "another namespace",
    rule: { namespaces: ["default"] },
    asks: onResource({ namespace: "kube-system" }),
    matches: false,
  },
  { name: "no namespace is the empty one", rule: { namespaces: [""] }, asks: onResource(), matches: true },
  { name: "a namespace on a path", rule: { namespaces: [""] }, asks: onPath("/version"), matches: false },
  { name: "a path", rule: { nonResourceUrls: ["/healthz", "/version"] }, asks: onPath("/version"), matches: true },
  {
    name: "a path is not what begins like it",
    rule: { nonResourceUrls: ["/version"] },
    asks: onPath("/version/x"),
    matches: false,
  },
  { name: "a path with a star", rule: { nonResourceUrls: ["/v1/*"] }, asks: onPath("/v1/issuers"), matches: true },
  {
    name: "a star needs the slash before it",
    rule: { nonResourceUrls: ["/v1/*"] },
    asks: onPath("/v1"),
    matches: false,
  },
  { name: "a star in mid-word", rule: { nonResourceUrls: ["/health*"] }, asks: onPath("/healthz"), matches: true },
  { name: "every path", rule: { nonResourceUrls: ["*"] }, asks: onPath("/x/y"), matches: true },
  { name: "every path is no resource", rule: { nonResourceUrls: ["*"] }, asks: onResource(), matches: false },
])("$name", ({ rule: given, asks, as = ALICE, matches }) => {
  const evaluator = policyEvaluator({ omitStages: [], rules: [rule(given)] });
  expect(evaluator.decide(as === "nobody" ? undefined : as, asks).level).toBe(matches ? "Metadata" : "None");
});

test("the first rule that matches decides, whatever its level", () => {
  const evaluator = policyEvaluator({
    omitStages: [],
    rules: [
      rule({ level: "None", users: ["alice"], verbs: ["get"] }),
      rule({ level: "RequestResponse", users: ["alice"] }),
      rule({ level: "Request" }),
    ],
  });
  const levelOf = (asking: UserInfo, verb: string) => evaluator.decide(asking, onResource({ verb })).level;
  expect([levelOf(ALICE, "get"), levelOf(ALICE, "list"), levelOf(user("bob"), "get")]).toEqual([
    "None",
    "RequestResponse",
    "Request",
  ]);
});

test("stages that the policy leaves out are left out of every rule", () => {
  const evaluator = policyEvaluator({
    omitStages: ["RequestReceived"],
    rules: [rule({ users: ["alice"], omitStages: ["Panic", "RequestReceived"] }), rule({})],
  });
  expect([...evaluator.decide(ALICE, onResource()).omitStages]).toEqual(["RequestReceived", "Panic"]);
  expect([...evaluator.decide(user("bob"), onResource()).omitStages]).toEqual(["RequestReceived"]);
});
