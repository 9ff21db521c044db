import { csr } from "../csr-body.ts";
import { get, patch, post, put, type Row } from "../row.ts";

const created = (name: string, metadata: object): Row => ({
  name: `create: ${name}`,
  asked: [post(csr({ metadata }))],
});

const long = (length: number, character = "a"): string => character.repeat(length);

const NAMES: readonly Row[] = [
  created("a name of lower case", { name: "plain.$name" }),
  created("upper case, underscores and spaces", { name: "Node_CSR x $name" }),
  created("non-ASCII", { name: "ü-$name-日本" }),
  created("punctuation", { name: "~!@#$&*()+=[]{}|;:',<>?-$name" }),
  created("leading dot", { name: ".$name" }),
  created("dot", { name: "." }),
  created("two dots", { name: ".." }),
  created("slash", { name: "a/$name" }),
  created("percent", { name: "a%$name" }),
  created("slash and percent", { name: "a/%$name" }),
  created("control characters", { name: "a\u0001\n$name" }),
  created("a name of 253 characters", { name: `$name${long(240)}`.slice(0, 253) }),
  created("a name of 1000 characters", { name: `$name${long(1000)}` }),
  created("no name", { name: "" }),
  created("name null", { name: null }),
  created("name number", { name: 7 }),
  created("generateName", { name: undefined, generateName: "generated-$name-" }),
  created("generateName of 60 characters", { name: undefined, generateName: `generated-${long(47)}-xx` }),
  created("generateName with a slash", { name: undefined, generateName: "generated-a/$name-" }),
  created("generateName dot", { name: undefined, generateName: "." }),
  created("generateName with upper case", { name: undefined, generateName: "generated-Node_$name-" }),
  created("generateName non-ASCII, long", { name: undefined, generateName: `generated-${long(23, "ü")}a-${long(70)}` }),
  created("name and generateName", { generateName: "generated-" }),
  created("name and bad generateName", { generateName: "a/b" }),
  created("a namespace", { namespace: "default" }),
  created("another namespace", { namespace: "Not A Namespace" }),
];

const META: readonly Row[] = [
  created("uid, timestamps and selfLink are wiped", {
    uid: "mine",
    creationTimestamp: "2001-01-01T00:00:00Z",
    deletionTimestamp: "2001-01-01T00:00:00Z",
    deletionGracePeriodSeconds: 5,
    selfLink: "/x",
    generation: 7,
  }),
  created("creationTimestamp null", { creationTimestamp: null }),
  {
    name: "create: generation, then an update",
    given: [post(csr({ metadata: { generation: 7 } }))],
    asked: [
      put("", csr()),
      put("", csr({ metadata: { generation: 9 } })),
      put("", csr({ metadata: { generation: 5 } })),
    ],
  },
  {
    name: "create: generateName, then an update",
    given: [post(csr({ metadata: { generateName: "x-" } }))],
    asked: [put("", csr()), get()],
  },
  created("generation negative", { generation: -1 }),
  created("a resourceVersion", { resourceVersion: "1" }),
  created("resourceVersion 0", { resourceVersion: "0" }),
  created("resourceVersion garbage", { resourceVersion: "x" }),
  created("managedFields", {
    managedFields: [
      { manager: "m", operation: "Update", apiVersion: "v1", time: null, fieldsType: "FieldsV1", fieldsV1: { a: {} } },
    ],
  }),
  created("managedFields with a bad operation", { managedFields: [{ manager: "m", operation: "Bogus" }] }),
  created("managedFields with a bad type", { managedFields: [{ fieldsType: "FieldsV9", operation: "Update" }] }),
  created("labels", { labels: { a: "b", "example.com/k": "v.1_2-3", empty: "" } }),
  created("labels null", { labels: null }),
  created("label value null", { labels: { a: null } }),
  created("label value number", { labels: { a: 1 } }),
  created("label key with a space", { labels: { "a b": "" } }),
  created("label key empty", { labels: { "": "x" } }),
  created("label key of 63", { labels: { [long(63)]: "x" } }),
  created("label key of 64", { labels: { [long(64)]: "x" } }),
  created("label prefix of 253", { labels: { [`${long(253)}/x`]: "x" } }),
  created("label prefix of 254", { labels: { [`${long(254)}/x`]: "x" } }),
  created("label prefix upper case", { labels: { "Example.com/x": "x" } }),
  created("label prefix empty", { labels: { "/x": "x" } }),
  created("label two slashes", { labels: { "a/b/c": "x" } }),
  created("label value of 63", { labels: { a: long(63) } }),
  created("label value of 64", { labels: { a: long(64) } }),
  created("label value with a slash", { labels: { a: "b/c" } }),
  created("label value with a trailing dash", { labels: { a: "b-" } }),
  created("several bad labels", { labels: { "a b": "c d", "e f": "ok" } }),
  created("annotations", { annotations: { A: "anything\n at all", "Example.com/UPPER": "" } }),
  created("annotation key with a space", { annotations: { "a b": "" } }),
  created("annotation key empty", { annotations: { "": "" } }),
  created("annotations of 256 KiB", { annotations: { a: long(262_143) } }),
  created("annotations of 256 KiB and one", { annotations: { a: long(262_144) } }),
  created("annotations of 256 KiB in octets", { annotations: { a: long(131_072, "ü") } }),
  created("finalizers", { finalizers: ["example.com/held", "orphan"] }),
  created("finalizer unqualified", { finalizers: ["held"] }),
  created("finalizer empty", { finalizers: [""] }),
  created("finalizer bad", { finalizers: ["a b/c"] }),
  created("finalizer kubernetes", { finalizers: ["kubernetes"] }),
  created("finalizers orphan and foreground", { finalizers: ["orphan", "foregroundDeletion"] }),
  created("finalizer twice", { finalizers: ["example.com/a", "example.com/a"] }),
  created("ownerReferences", {
    ownerReferences: [{ apiVersion: "v1", kind: "Node", name: "n", uid: "u", controller: true }],
  }),
  created("ownerReference empty", { ownerReferences: [{}] }),
  created("ownerReference without version", {
    ownerReferences: [{ apiVersion: "g/", kind: "K", name: "n", uid: "u" }],
  }),
  created("ownerReference with three parts", {
    ownerReferences: [{ apiVersion: "a/b/c", kind: "K", name: "n", uid: "u" }],
  }),
  created("ownerReference of an event", {
    ownerReferences: [{ apiVersion: "v1", kind: "Event", name: "n", uid: "u" }],
  }),
  created("two controllers", {
    ownerReferences: ["1", "2"].map((uid) => ({ apiVersion: "v1", kind: "K", name: "n", uid, controller: true })),
  }),
  created("the same owner twice", {
    ownerReferences: ["1", "1"].map((uid) => ({ apiVersion: "v1", kind: "K", name: "n", uid })),
  }),
  created("the same owner's uid twice", {
    ownerReferences: ["a", "b", "a"].map((name) => ({ apiVersion: "v1", kind: "K", name, uid: "1" })),
  }),
  {
    name: "update: the same owner twice",
    given: [post(csr())],
    asked: [
      put(
        "",
        csr({
          metadata: { ownerReferences: ["1", "1"].map((uid) => ({ apiVersion: "v1", kind: "K", name: "n", uid })) },
        }),
      ),
      patch("merge", "", {
        metadata: { ownerReferences: ["2", "2"].map((uid) => ({ apiVersion: "v1", kind: "K", name: "n", uid })) },
      }),
    ],
  },
  created("blockOwnerDeletion", {
    ownerReferences: [
      { apiVersion: "v1", kind: "K", name: "n", uid: "1", blockOwnerDeletion: false, controller: false },
    ],
  }),
];

/** Names and metadata of new objects. */
export const CREATE_NAMES: readonly Row[] = [...NAMES, ...META];
