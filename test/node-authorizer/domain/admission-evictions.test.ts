import { expect, test } from "@jest/globals";
import type { FeatureGates } from "../../../services/node-authorizer/domain/feature-gates.ts";
import type { AdmissionQuestion } from "../../../services/node-authorizer/domain/questions.ts";
import { admitted } from "./admission-cluster.ts";

interface Row {
  readonly name: string;
  readonly question: Partial<AdmissionQuestion>;
  readonly code: number;
  /** Part of the message, in any case. */
  readonly says?: string;
  readonly gates?: Partial<FeatureGates>;
}

function check({ question, code, says = "", gates = {} }: Row): void {
  const verdict = admitted(question, gates);
  expect(verdict).toEqual(expect.objectContaining({ code }));
  expect(verdict.message.toLowerCase()).toContain(says.toLowerCase());
  expect(verdict.reason).toBe({ 403: "Forbidden", 404: "NotFound", 500: "InternalError" }[code] ?? "");
}

const POD = { resource: "pods", namespace: "ns" };

test.each<Row>([
  { name: "its pod", question: { ...POD, operation: "DELETE", name: "mine" }, code: 200 },
  { name: "its mirror pod", question: { ...POD, operation: "DELETE", name: "mirror" }, code: 200 },
  { name: "a pod elsewhere", question: { ...POD, operation: "DELETE", name: "theirs" }, code: 403, says: "nodeName" },
  { name: "a pod that is not bound", question: { ...POD, operation: "DELETE", name: "free" }, code: 403 },
  {
    name: "a pod that is not known",
    question: { ...POD, operation: "DELETE", name: "nobody" },
    code: 404,
    says: "nobody",
  },
  {
    name: "a pod of another namespace",
    question: { ...POD, namespace: "x", operation: "DELETE", name: "mine" },
    code: 404,
  },
  {
    name: "one of a collection, its own",
    question: { ...POD, operation: "DELETE", oldObject: { metadata: { name: "mine" } } },
    code: 200,
  },
  {
    name: "one of a collection, elsewhere",
    question: { ...POD, operation: "DELETE", oldObject: { metadata: { name: "theirs" } } },
    code: 403,
  },
])("deleting $name: $code", check);

const EVICTION = { ...POD, subresource: "eviction", operation: "CREATE" } as const;

test.each<Row>([
  { name: "its pod", question: { ...EVICTION, name: "mine", object: {} }, code: 200 },
  {
    name: "its pod, named by the object",
    question: { ...EVICTION, object: { metadata: { name: "mine" } } },
    code: 200,
  },
  {
    name: "a pod elsewhere, whatever the object says",
    question: { ...EVICTION, name: "theirs", object: { metadata: { name: "mine" } } },
    code: 403,
  },
  { name: "no pod", question: { ...EVICTION, object: {} }, code: 403 },
  { name: "a pod that is not known", question: { ...EVICTION, name: "nobody", object: {} }, code: 404, says: "nobody" },
  { name: "without an eviction", question: { ...EVICTION, name: "mine" }, code: 403 },
  ...(["UPDATE", "DELETE"] as const).map((operation) => ({
    name: `by ${operation}`,
    question: { ...EVICTION, operation, name: "mine", object: {} },
    code: 403,
  })),
])("evicting $name: $code", check);

test.each<Row>([
  { name: "UPDATE", question: { ...POD, operation: "UPDATE", name: "mine", object: {}, oldObject: {} }, code: 403 },
  {
    name: "CREATE of a status",
    question: { ...POD, operation: "CREATE", subresource: "status", name: "mine" },
    code: 403,
  },
  {
    name: "DELETE of a status",
    question: { ...POD, operation: "DELETE", subresource: "status", name: "mine" },
    code: 403,
  },
  ...["log", "exec", "binding", "ephemeralcontainers", "resize"].map((subresource) => ({
    name: `of ${subresource}`,
    question: { ...POD, operation: "UPDATE" as const, subresource, name: "mine", object: {}, oldObject: {} },
    code: 403,
    says: subresource,
  })),
])("other writes to pods, $name: $code", check);
