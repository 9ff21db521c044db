import { test } from "@jest/globals";
import { type AdmissionRow, checkAdmission } from "./admission-cluster.ts";

const POD = { resource: "pods", namespace: "ns" };

test.each<AdmissionRow>([
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
])("deleting $name: $code", checkAdmission);

const EVICTION = { ...POD, subresource: "eviction", operation: "CREATE" } as const;

test.each<AdmissionRow>([
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
])("evicting $name: $code", checkAdmission);

test.each<AdmissionRow>([
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
])("other writes to pods, $name: $code", checkAdmission);
