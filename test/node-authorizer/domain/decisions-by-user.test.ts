import { expect, test } from "@jest/globals";
import type { AccessQuestion } from "../../../services/node-authorizer/domain/questions.ts";
import { nodeUser } from "../../builders/node-questions.ts";
import { verdictOf } from "./decided-cluster.ts";

test.each<{ name: string; user: AccessQuestion["user"]; verdict: string; hasReason: boolean }>([
  { name: "a node", user: nodeUser("node1"), verdict: "allow", hasReason: false },
  { name: "a node without a name", user: nodeUser(""), verdict: "noOpinion", hasReason: true },
  {
    name: "a node's name without the group",
    user: { username: "system:node:node1", groups: ["system:nodes2"] },
    verdict: "noOpinion",
    hasReason: false,
  },
  {
    name: "the group without a node's name",
    user: { username: "system:nodes:node1", groups: ["system:nodes"] },
    verdict: "noOpinion",
    hasReason: false,
  },
  {
    name: "a prefix in capitals",
    user: { username: "System:Node:node1", groups: ["system:nodes"] },
    verdict: "noOpinion",
    hasReason: false,
  },
  { name: "nobody", user: undefined, verdict: "noOpinion", hasReason: false },
])("$name may list services: $verdict", ({ user, verdict, hasReason }) => {
  const answer = verdictOf({ user, verb: "list", resource: "services" });
  expect(answer.verdict).toBe(verdict);
  expect(answer.reason !== "").toBe(hasReason);
});

test("a node's name is taken as it is, colons and capitals included", () => {
  const lease = { verb: "get", group: "coordination.k8s.io", resource: "leases", namespace: "kube-node-lease" };
  expect(verdictOf({ ...lease, user: nodeUser("A:b"), name: "A:b" }).verdict).toBe("allow");
  expect(verdictOf({ ...lease, user: nodeUser("A:b"), name: "b" }).verdict).toBe("noOpinion");
  expect(verdictOf({ ...lease, user: nodeUser("A:b"), name: "a:b" }).verdict).toBe("noOpinion");
});

test.each<{ name: string; question: Partial<AccessQuestion>; reason: string }>([
  {
    name: "no relationship",
    question: { resource: "secrets", namespace: "ns", name: "other" },
    reason: "nothing on this node",
  },
  {
    name: "an unknown object",
    question: { resource: "secrets", namespace: "ns", name: "?" },
    reason: "nothing on this node",
  },
  { name: "no namespace", question: { resource: "secrets", name: "own" }, reason: "within a namespace" },
  { name: "no name", question: { resource: "secrets", namespace: "ns" }, reason: "names no object" },
  {
    name: "a verb",
    question: { verb: "delete", resource: "secrets", namespace: "ns", name: "own" },
    reason: "get, list and watch",
  },
  { name: "a static miss", question: { verb: "list", resource: "namespaces" }, reason: "" },
  {
    name: "an unlisted pod verb",
    question: { verb: "patch", resource: "pods", namespace: "ns", name: "own" },
    reason: "",
  },
  { name: "an unlisted node verb", question: { verb: "delete", resource: "nodes", name: "node1" }, reason: "" },
  { name: "no selector", question: { verb: "list", resource: "pods" }, reason: "spec.nodeName" },
])("the reason for $name says so, and names no other node", ({ question, reason }) => {
  const answer = verdictOf(question);
  expect(answer).toEqual({ verdict: "noOpinion", reason: expect.any(String) });
  if (reason === "") expect(answer.reason).toBe("");
  expect(answer.reason).toContain(reason);
  expect(answer.reason).not.toContain("node2");
});
