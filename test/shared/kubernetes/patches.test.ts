import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import type { JsonObject } from "../../../services/shared/kubernetes/json-object.ts";
import { applyJsonPatch, readJsonPatch } from "../../../services/shared/kubernetes/json-patch.ts";
import { applyMergePatch } from "../../../services/shared/kubernetes/merge-patch.ts";
import { applyStrategicMergePatch } from "../../../services/shared/kubernetes/strategic-merge-patch.ts";
import { StatusError } from "../../../services/shared/status-error.ts";

const invalid = expect.objectContaining({ name: "StatusError", reason: "Invalid" });
const badRequest = expect.objectContaining({ name: "StatusError", reason: "BadRequest" });
const tooLarge = expect.objectContaining({ name: "StatusError", reason: "RequestEntityTooLarge" });

/** Prototype pollution would show on every object. */
function expectCleanPrototypes(): void {
  expect(Object.keys(Object.prototype)).toEqual([]);
  expect(({} as JsonObject)["polluted"]).toBeUndefined();
}

const jsonPatch = (document: JsonObject, patch: unknown) =>
  applyJsonPatch(document, readJsonPatch(patch, JSON.stringify(patch).length));

describe("JSON patch", () => {
  const document = () => ({ a: 1, list: ["x", "y"], map: { "k/1": "v", "~": "t" } });

  test.each([
    { name: "no operations", patch: [], result: document() },
    { name: "add", patch: [{ op: "add", path: "/b", value: 2 }], result: { ...document(), b: 2 } },
    { name: "add null", patch: [{ op: "add", path: "/b", value: null }], result: { ...document(), b: null } },
    {
      name: "add into a list",
      patch: [{ op: "add", path: "/list/1", value: "z" }],
      result: { ...document(), list: ["x", "z", "y"] },
    },
    {
      name: "add at the end",
      patch: [{ op: "add", path: "/list/-", value: "z" }],
      result: { ...document(), list: ["x", "y", "z"] },
    },
    { name: "replace", patch: [{ op: "replace", path: "/a", value: 3 }], result: { ...document(), a: 3 } },
    {
      name: "replace what is not there, as Kubernetes allows",
      patch: [{ op: "replace", path: "/b", value: 3 }],
      result: { ...document(), b: 3 },
    },
    {
      name: "replace in a list",
      patch: [{ op: "replace", path: "/list/1", value: "z" }],
      result: { ...document(), list: ["x", "z"] },
    },
    { name: "remove", patch: [{ op: "remove", path: "/list/0" }], result: { ...document(), list: ["y"] } },
    {
      name: "escaped pointers",
      patch: [
        { op: "remove", path: "/map/k~11" },
        { op: "remove", path: "/map/~0" },
      ],
      result: { ...document(), map: {} },
    },
    {
      name: "move",
      patch: [{ op: "move", from: "/a", path: "/c" }],
      result: { list: ["x", "y"], map: document().map, c: 1 },
    },
    { name: "copy", patch: [{ op: "copy", from: "/a", path: "/c" }], result: { ...document(), c: 1 } },
    { name: "nothing", patch: null, result: document() },
    { name: "add without a value", patch: [{ op: "add", path: "/c" }], result: { ...document(), c: null } },
    { name: "copy of nothing", patch: [{ op: "copy", from: "/b", path: "/c" }], result: { ...document(), c: null } },
    { name: "test that nothing is there", patch: [{ op: "test", path: "/b", value: null }], result: document() },
    {
      name: "add at the end, counted from the end",
      patch: [{ op: "add", path: "/list/-1", value: "z" }],
      result: { ...document(), list: ["x", "y", "z"] },
    },
    {
      name: "remove the last but one",
      patch: [{ op: "remove", path: "/list/-2" }],
      result: { ...document(), list: ["y"] },
    },
    { name: "test that holds", patch: [{ op: "test", path: "/list", value: ["x", "y"] }], result: document() },
    { name: "the whole document", patch: [{ op: "replace", path: "", value: { b: 1 } }], result: { b: 1 } },
  ])("$name", ({ patch, result }) => {
    const before = document();
    expect(jsonPatch(before, patch)).toEqual(result);
    expect(before).toEqual(document());
  });

  test.each([
    { name: "a test that does not hold", patch: [{ op: "test", path: "/a", value: 2 }] },
    { name: "a test of what is not there", patch: [{ op: "test", path: "/zz", value: 2 }] },
    { name: "replacing what a list lacks", patch: [{ op: "replace", path: "/list/2", value: 1 }] },
    { name: "replacing below what is not there", patch: [{ op: "replace", path: "/b/c", value: 1 }] },
    { name: "removing what is not there", patch: [{ op: "remove", path: "/b" }] },
    { name: "adding below what is not there", patch: [{ op: "add", path: "/b/c", value: 1 }] },
    { name: "adding behind the end of a list", patch: [{ op: "add", path: "/list/3", value: 1 }] },
    { name: "a list index that is none", patch: [{ op: "add", path: "/list/x", value: 1 }] },
    { name: "moving what is not there", patch: [{ op: "move", from: "/b", path: "/c" }] },
    { name: "copying what is not there", patch: [{ op: "copy", from: "/b/c", path: "/c" }] },
    { name: "testing without a value", patch: [{ op: "test", path: "/a" }] },
    { name: "an index before the first", patch: [{ op: "remove", path: "/list/-3" }] },
    { name: "removing the whole document", patch: [{ op: "remove", path: "" }] },
    { name: "adding the whole document", patch: [{ op: "add", path: "", value: {} }] },
    { name: "copying the whole document", patch: [{ op: "copy", from: "", path: "/c" }] },
    { name: "the prototype", patch: [{ op: "add", path: "/__proto__/polluted", value: 1 }] },
    { name: "the prototype of a value", patch: [{ op: "add", path: "/map/__proto__/polluted", value: 1 }] },
    { name: "the constructor's prototype", patch: [{ op: "add", path: "/constructor/prototype/polluted", value: 1 }] },
    { name: "copying to the prototype", patch: [{ op: "copy", from: "/map", path: "/__proto__" }] },
    { name: "an inherited method", patch: [{ op: "add", path: "/toString/polluted", value: 1 }] },
  ])("$name is Invalid", ({ patch }) => {
    expect(() => jsonPatch(document(), patch)).toThrow(invalid);
    expectCleanPrototypes();
  });

  test.each([
    { name: "an operation that is null", patch: [null] },
    { name: "an unknown operation", patch: [{ op: "_get", path: "/a" }] },
    { name: "an inherited operation", patch: [{ op: "constructor", path: "/a" }] },
    { name: "no path", patch: [{ op: "remove" }] },
    { name: "a path without a slash", patch: [{ op: "remove", path: "a" }] },
    { name: "a copy without from", patch: [{ op: "copy", path: "/a" }] },
  ])("$name is Invalid too", ({ patch }) => {
    expect(() => jsonPatch(document(), patch)).toThrow(invalid);
  });

  test.each([{}, ["add"], "add", 1])("%j is no patch", (patch) => {
    expect(() => jsonPatch(document(), patch)).toThrow(badRequest);
  });

  test("10000 operations are applied, 10001 refused", () => {
    const operations = (count: number) => Array.from({ length: count }, () => ({ op: "test", path: "/a", value: 1 }));
    expect(jsonPatch({ a: 1 }, readJsonPatchOf(operations(10_000)))).toEqual({ a: 1 });
    expect(() => jsonPatch({ a: 1 }, operations(10_001))).toThrow(tooLarge);
  });

  /** Only so much work is allowed in all; these operations stand for shorter text than they are. */
  function readJsonPatchOf(operations: readonly object[]): readonly object[] {
    return Object.assign(operations, { toJSON: () => [] });
  }

  test("copies that double do not fill the memory", () => {
    const doubling = Array.from({ length: 40 }, (_, i) => ({ op: "copy", from: "/a", path: `/a/c${i}` }));
    expect(() => jsonPatch({ a: { b: "x".repeat(1_000) } }, doubling)).toThrow(tooLarge);
  });

  test("many operations on a large object are refused", () => {
    const moves = Array.from({ length: 1_000 }, () => ({ op: "move", from: "/a", path: "/a" }));
    expect(() => jsonPatch({ a: "x".repeat(300_000) }, moves)).toThrow(tooLarge);
  });
});

describe("JSON merge patch (RFC 7386 appendix A)", () => {
  test.each([
    [{ a: "b" }, { a: "c" }, { a: "c" }],
    [{ a: "b" }, { b: "c" }, { a: "b", b: "c" }],
    [{ a: "b" }, { a: null }, {}],
    [{ a: "b", b: "c" }, { a: null }, { b: "c" }],
    [{ a: ["b"] }, { a: "c" }, { a: "c" }],
    [{ a: "c" }, { a: ["b"] }, { a: ["b"] }],
    [{ a: { b: "c" } }, { a: { b: "d", c: null } }, { a: { b: "d" } }],
    [{ a: [{ b: "c" }] }, { a: [1] }, { a: [1] }],
    [
      ["a", "b"],
      ["c", "d"],
      ["c", "d"],
    ],
    [{ a: "b" }, ["c"], ["c"]],
    [{ a: "foo" }, null, null],
    [{ a: "foo" }, "bar", "bar"],
    [{ e: null }, { a: 1 }, { e: null, a: 1 }],
    [[1, 2], { a: "b", c: null }, { a: "b" }],
    [{}, { a: { bb: { ccc: null } } }, { a: { bb: {} } }],
  ])("%j with %j", (document, patch, result) => {
    const before = structuredClone(document);
    expect(applyMergePatch(document, patch)).toEqual(result);
    expect(document).toEqual(before);
  });

  test("a key named as the prototype is a key", () => {
    const result = applyMergePatch({}, JSON.parse('{"__proto__":{"polluted":1},"a":{"constructor":{"prototype":{}}}}'));
    expect(JSON.stringify(result)).toBe('{"__proto__":{"polluted":1},"a":{"constructor":{"prototype":{}}}}');
    expectCleanPrototypes();
  });
});

describe("strategic merge patch", () => {
  const owner = (uid: string, name = uid) => ({ uid, name });
  const meta = (metadata: JsonObject) => ({ metadata });

  test.each<{ name: string; document: JsonObject; patch: JsonObject; result: JsonObject }>([
    {
      name: "objects merge, null removes",
      document: { a: 1, b: { c: 1, d: 2 } },
      patch: { b: { c: null, e: 3 }, f: 4 },
      result: { a: 1, b: { d: 2, e: 3 }, f: 4 },
    },
    {
      name: "lists are atomic",
      document: { status: { conditions: [{ type: "A" }, { type: "B" }] } },
      patch: { status: { conditions: [{ type: "B", status: "True" }] } },
      result: { status: { conditions: [{ type: "B", status: "True" }] } },
    },
    {
      name: "directives in an atomic list are none",
      document: {},
      patch: { list: [{ $patch: "replace", a: 1, b: null }] },
      result: { list: [{ $patch: "replace", a: 1, b: null }] },
    },
    {
      name: "finalizers are a set",
      document: meta({ finalizers: ["a", "b"] }),
      patch: meta({ finalizers: ["b", "c"] }),
      result: meta({ finalizers: ["a", "b", "c"] }),
    },
    {
      name: "a list named finalizers elsewhere is atomic",
      document: { spec: { finalizers: ["a"] } },
      patch: { spec: { finalizers: ["b"] } },
      result: { spec: { finalizers: ["b"] } },
    },
    {
      name: "finalizers can be taken out",
      document: meta({ finalizers: ["a", "b", "c"] }),
      patch: meta({ "$deleteFromPrimitiveList/finalizers": ["a", "c", "z"] }),
      result: meta({ finalizers: ["b"] }),
    },
    {
      name: "the last finalizer taken out leaves no list",
      document: meta({ name: "n", finalizers: ["a"] }),
      patch: meta({ "$deleteFromPrimitiveList/finalizers": ["a"] }),
      result: meta({ name: "n" }),
    },
    {
      name: "finalizers are ordered",
      document: meta({ finalizers: ["a", "s", "b"] }),
      patch: meta({ "$setElementOrder/finalizers": ["c", "b", "a"], finalizers: ["c"] }),
      result: meta({ finalizers: ["c", "s", "b", "a"] }),
    },
    {
      name: "an order for a list that is not there",
      document: meta({}),
      patch: meta({ "$setElementOrder/finalizers": ["a"] }),
      result: meta({}),
    },
    {
      name: "owners merge by uid",
      document: meta({ ownerReferences: [owner("1"), owner("2")] }),
      patch: meta({ ownerReferences: [{ uid: "2", name: "new" }, owner("3")] }),
      result: meta({ ownerReferences: [owner("1"), owner("2", "new"), owner("3")] }),
    },
    {
      name: "new owners come in the patch's order, before those they do not follow",
      document: meta({ ownerReferences: [owner("1"), owner("2")] }),
      patch: meta({ ownerReferences: [owner("3"), owner("2", "new")] }),
      result: meta({ ownerReferences: [owner("3"), owner("1"), owner("2", "new")] }),
    },
    {
      name: "an owner is deleted",
      document: meta({ ownerReferences: [owner("1"), owner("2")] }),
      patch: meta({ ownerReferences: [{ uid: "1", $patch: "delete" }] }),
      result: meta({ ownerReferences: [owner("2")] }),
    },
    {
      name: "an owner is replaced",
      document: meta({ ownerReferences: [{ ...owner("1"), controller: true }] }),
      patch: meta({ ownerReferences: [{ uid: "1", name: "n", $patch: "replace" }] }),
      result: meta({ ownerReferences: [owner("1", "n")] }),
    },
    {
      name: "all owners are replaced",
      document: meta({ ownerReferences: [owner("1"), owner("2")] }),
      patch: meta({ ownerReferences: [{ $patch: "replace" }, owner("3")] }),
      result: meta({ ownerReferences: [owner("3")] }),
    },
    {
      name: "owners are ordered",
      document: meta({ ownerReferences: [owner("1"), owner("2")] }),
      patch: meta({ "$setElementOrder/ownerReferences": [{ uid: "2" }, { uid: "1" }] }),
      result: meta({ ownerReferences: [owner("2"), owner("1")] }),
    },
    {
      name: "owners are ordered while one is deleted",
      document: meta({ ownerReferences: [owner("1"), owner("2"), owner("3")] }),
      patch: meta({
        "$setElementOrder/ownerReferences": [{ uid: "3" }, { uid: "1" }],
        ownerReferences: [{ uid: "2", $patch: "delete" }],
      }),
      result: meta({ ownerReferences: [owner("3"), owner("1")] }),
    },
    {
      name: "deletions that are no list delete nothing",
      document: meta({ finalizers: ["a"] }),
      patch: meta({ "$deleteFromPrimitiveList/finalizers": "a" }),
      result: meta({ finalizers: ["a"] }),
    },
    {
      name: "an object is replaced",
      document: meta({ labels: { a: "1", b: "2" } }),
      patch: meta({ labels: { $patch: "replace", c: "3" } }),
      result: meta({ labels: { c: "3" } }),
    },
    {
      name: "an object is deleted",
      document: meta({ labels: { a: "1" } }),
      patch: meta({ labels: { $patch: "delete" } }),
      result: meta({ labels: {} }),
    },
    {
      name: "only some keys are retained",
      document: { spec: { a: 1, b: 2, c: 3 } },
      patch: { spec: { $retainKeys: ["a", "d"], d: 4 } },
      result: { spec: { a: 1, d: 4 } },
    },
    {
      name: "an object in place of a scalar",
      document: { a: 1 },
      patch: { a: { b: null, c: 2 } },
      result: { a: { c: 2 } },
    },
  ])("$name", ({ document, patch, result }) => {
    const before = structuredClone(document);
    expect(applyStrategicMergePatch(document, patch)).toEqual(result);
    expect(document).toEqual(before);
  });

  test.each<{ name: string; patch: JsonObject }>([
    { name: "an unknown directive", patch: { $patch: "explode" } },
    { name: "a directive that is no text", patch: { metadata: { $patch: 1 } } },
    { name: "a directive to merge", patch: { metadata: { $patch: "merge" } } },
    {
      name: "an order that leaves out what is merged",
      patch: meta({ "$setElementOrder/finalizers": ["a"], finalizers: ["b"] }),
    },
    { name: "an order that is no list", patch: meta({ "$setElementOrder/finalizers": "a" }) },
    { name: "keys to retain that are no list", patch: { $retainKeys: "a" } },
    { name: "an owner without uid", patch: meta({ ownerReferences: [{ name: "n" }] }) },
    { name: "an owner that is no object", patch: meta({ ownerReferences: ["n"] }) },
  ])("$name is refused", ({ patch }) => {
    const document = meta({ finalizers: ["a"], ownerReferences: [owner("1")] });
    expect(() => applyStrategicMergePatch(document, patch)).toThrow(badRequest);
  });

  test("a key named as the prototype is a key", () => {
    const result = applyStrategicMergePatch({}, JSON.parse('{"__proto__":{"polluted":1}}'));
    expect(JSON.stringify(result)).toBe('{"__proto__":{"polluted":1}}');
    expectCleanPrototypes();
  });
});

test("any patch of any kind is applied or refused", () => {
  const key = fc.constantFrom(
    "a",
    "metadata",
    "finalizers",
    "ownerReferences",
    "uid",
    "$patch",
    "$retainKeys",
    "__proto__",
    "constructor",
    "$setElementOrder/finalizers",
    "$deleteFromPrimitiveList/finalizers",
    "$setElementOrder/ownerReferences",
  );
  const { value } = fc.letrec<{ value: unknown }>((tie) => ({
    value: fc.oneof(
      { maxDepth: 4 },
      fc.constantFrom(null, 1, "a", "replace", "delete", "merge"),
      fc.array(tie("value"), { maxLength: 3 }),
      fc.array(fc.tuple(key, tie("value")), { maxLength: 4 }).map((entries) => Object.fromEntries(entries)),
    ),
  }));
  const object = fc
    .array(fc.tuple(key, value), { maxLength: 4 })
    .map((entries) => Object.fromEntries(entries) as JsonObject);
  const pointer = fc
    .array(fc.constantFrom("a", "metadata", "0", "-", "__proto__", "constructor", "prototype", "~1", "~0", ""), {
      maxLength: 4,
    })
    .map((parts) => parts.map((part) => `/${part}`).join(""));
  const operation = fc.record({
    op: fc.constantFrom("add", "remove", "replace", "move", "copy", "test"),
    path: pointer,
    from: pointer,
    value,
  });
  fc.assert(
    fc.property(object, object, fc.array(operation, { maxLength: 5 }), (document, patch, operations) => {
      const before = JSON.stringify(document);
      for (const apply of [
        () => applyMergePatch(document, patch),
        () => applyStrategicMergePatch(document, patch),
        () => jsonPatch(document, operations),
      ]) {
        try {
          apply();
        } catch (error) {
          expect(error).toBeInstanceOf(StatusError);
        }
        expect(JSON.stringify(document)).toBe(before);
      }
      expectCleanPrototypes();
    }),
    { numRuns: 2_000 },
  );
});
