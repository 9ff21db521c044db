import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { IntLists } from "../../../../services/node-authorizer/domain/graph/int-lists.ts";
import { IntTable, NONE } from "../../../../services/node-authorizer/domain/graph/int-table.ts";
import { nameHash } from "../../../../services/node-authorizer/domain/graph/name-hash.ts";
import { NameTable } from "../../../../services/node-authorizer/domain/graph/name-table.ts";
import { NodeCounts } from "../../../../services/node-authorizer/domain/graph/node-counts.ts";
import { Nodes } from "../../../../services/node-authorizer/domain/graph/nodes.ts";
import { ReferenceSet } from "../../../../services/node-authorizer/domain/graph/reference-set.ts";
import { Uids } from "../../../../services/node-authorizer/domain/graph/uids.ts";

const NAMES = 3_000;

test("names keep their integers while they are there, and share none", () => {
  fc.assert(
    fc.property(fc.infiniteStream(fc.nat(NAMES - 1)), fc.nat(NAMES - 1), (draws, favourite) => {
      const table = new NameTable(2);
      const known = new Map<number, number>();
      for (let turn = 0; turn < 8_000; turn += 1) {
        // One name comes and goes all the time, as the pod of a StatefulSet does.
        const name = turn % 3 === 0 ? favourite : draws.next().value;
        const [kind, namespace, text] = [name % 2, `ns${name % 7}`, `name${name}`];
        expect(table.find(kind, namespace, text)).toBe(known.get(name) ?? NONE);
        const id = known.get(name);
        if (id === undefined) known.set(name, table.findOrAdd(kind, namespace, text));
        else {
          expect(table.findOrAdd(kind, namespace, text)).toBe(id);
          expect([table.kindOf(id), table.namespaceOf(id), table.nameOf(id)]).toEqual([kind, namespace, text]);
          table.remove(id);
          known.delete(name);
        }
      }
      const ids = [...table.ids(0), ...table.ids(1)];
      expect(new Set(ids)).toEqual(new Set(known.values()));
      expect(new Set(ids).size).toBe(ids.length);
      expect(table.sizeOf(0) + table.sizeOf(1)).toBe(known.size);
      expect(table.end).toBeLessThanOrEqual(NAMES);
    }),
    { numRuns: 3 },
  );
});

test("a table of integers keeps all values of a key, beside others that would have its place", () => {
  // Few keys, and neighbours: long runs, of which something goes in the middle.
  const step = fc.record({ key: fc.integer({ min: -4, max: 4 }), value: fc.nat(9), isAddition: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 500, size: "max" }), (steps) => {
      const table = new IntTable();
      const expected = new Map<number, number[]>();
      for (const { key, value, isAddition } of steps) {
        const values = expected.get(key) ?? [];
        expected.set(key, isAddition ? [...values, value] : without(values, value));
        const place = placesOf(table, key).find((each) => table.valueAt(each) === value);
        if (isAddition) table.insert(key, value);
        else if (place !== undefined) table.removeAt(place);
        else expect(values).not.toContain(value);
      }
      for (const [key, values] of expected) {
        const found = placesOf(table, key).map((place) => table.valueAt(place));
        expect(found.toSorted(byValue)).toEqual(values.toSorted(byValue));
      }
      const all = [...expected].flatMap(([key, values]) => values.map(() => key));
      expect([...table.keys()].toSorted(byValue)).toEqual(all.toSorted(byValue));
      expect(table.size).toBe(all.length);
    }),
  );
});

function placesOf(table: IntTable, key: number): readonly number[] {
  const places: number[] = [];
  for (let place = table.first(key); place !== NONE; place = table.next(key, place)) places.push(place);
  return places;
}

function without(values: readonly number[], value: number): number[] {
  const at = values.indexOf(value);
  return at === -1 ? [...values] : values.toSpliced(at, 1);
}

function byValue(left: number, right: number): number {
  return left - right;
}

test("names of one hash are told apart", () => {
  const [first, second] = ofOneHash();
  const table = new NameTable();
  const nodes = new Nodes();
  const [id, other] = [table.findOrAdd(0, "", first), table.findOrAdd(0, "", second)];
  const [node, otherNode] = [nodes.acquire(first), nodes.acquire(second)];
  expect([table.find(0, "", first), table.find(0, "", second)]).toEqual([id, other]);
  expect([nodes.find(first), nodes.findByUser(`system:node:${second}`)]).toEqual([node, otherNode]);
  table.remove(id);
  nodes.release(node);
  expect([table.find(0, "", first), table.find(0, "", second)]).toEqual([NONE, other]);
  expect([nodes.find(first), nodes.findByUser(`system:node:${second}`)]).toEqual([NONE, otherNode]);
});

test("names that are made to have one hash have many, whatever the secret", () => {
  // Where a hash multiplies after each pair of characters, the second pair undoes what the first one changed, with any seed.
  const parts = ["aaaa", "a\u8061a\u8060"];
  const names = Array.from({ length: 4_096 }, (_, number) =>
    Array.from({ length: 12 }, (__, bit) => parts[(number >> bit) & 1]).join(""),
  );
  // Two of them may be the same by chance; that six are takes more tries than there will be.
  expect(new Set(names.map((name) => nameHash(name))).size).toBeGreaterThan(4_090);
  // Tables place names by their first bits.
  expect(new Set(names.map((name) => nameHash(name) >>> 20)).size).toBeGreaterThan(2_000);
});

test("a hash is of what is there: where a name begins, how long it is, and of which group", () => {
  const names = ["", "\0", "\0\0", "\0\0\0", "a", "a\0", "ab", "ba", "abc", "abcd", "cdab"];
  const hashes = names.flatMap((name) => [0, 1, 2].map((group) => nameHash(name, 0, group)));
  expect(new Set(hashes).size).toBe(hashes.length);
  for (const name of names) expect(nameHash(`prefix:${name}`, 7, 1)).toBe(nameHash(name, 0, 1));
});

/** By the birthday paradox, some 80,000 names will do. Without a namespace and of kind 0, a name hashes as it does alone. */
function ofOneHash(): readonly [string, string] {
  const known = new Map<number, string>();
  for (let number = 0; ; number += 1) {
    const name = `name${number}`;
    const hash = nameHash(name);
    const other = known.get(hash);
    if (other !== undefined) return [other, name];
    known.set(hash, name);
  }
}

test("counts of nodes are those of a map, while they grow and shrink", () => {
  const change = fc.record({ node: fc.nat(200), isAddition: fc.boolean() });
  fc.assert(
    fc.property(fc.array(change, { maxLength: 2_000, size: "max" }), (changes) => {
      const counts = new NodeCounts();
      const expected = new Map<number, number>();
      const apply = (node: number, by: number): void => {
        const count = (expected.get(node) ?? 0) + by;
        if (count < 0) return;
        if (count === 0) expected.delete(node);
        else expected.set(node, count);
        expect(counts.add(node, by)).toBe(count);
      };
      for (const { node, isAddition } of changes) apply(node, isAddition ? 1 : -1);
      for (let node = 0; node <= 201; node += 1) expect(counts.get(node)).toBe(expected.get(node) ?? 0);
      expect(new Set(counts.nodes())).toEqual(new Set(expected.keys()));
      for (const [node, count] of [...expected]) apply(node, -count);
      expect([counts.size, counts.bytes]).toEqual([0, new NodeCounts().bytes]);
    }),
    { numRuns: 30 },
  );
});

test("a set of references takes each once, in order, long or short", () => {
  fc.assert(
    fc.property(fc.array(fc.nat(120), { maxLength: 300, size: "max" }), fc.array(fc.nat(40)), (first, second) => {
      const set = new ReferenceSet();
      for (const values of [first, second]) {
        set.clear();
        for (const value of values) set.add(value);
        expect(Array.from({ length: set.length }, (_, index) => set.at(index))).toEqual([...new Set(values)]);
      }
    }),
  );
});

test("lists stay as they are while others come and go", () => {
  const list = fc.array(fc.nat(1_000), { maxLength: 80, size: "max" });
  fc.assert(
    fc.property(fc.array(fc.tuple(list, fc.nat(9)), { maxLength: 100 }), (steps) => {
      const lists = new IntLists();
      const kept: { start: number; values: readonly number[] }[] = [];
      for (const [values, place] of steps) {
        const old = kept[place];
        if (old !== undefined) {
          expect(old.values.map((_, index) => lists.at(old.start, index))).toEqual(old.values);
          lists.release(old.start, old.values.length);
        }
        kept[Math.min(place, kept.length)] = { start: lists.store(Int32Array.from(values), values.length), values };
      }
      for (const { start, values } of kept) expect(values.map((_, index) => lists.at(start, index))).toEqual(values);
    }),
  );
});

const UUID = "0a1b2c3d-4e5f-6789-abcd-ef0123456789";

test.each([
  { set: UUID, asked: UUID, isSame: true },
  { set: UUID, asked: `${UUID.slice(0, -1)}8`, isSame: false },
  { set: UUID, asked: `1${UUID.slice(1)}`, isSame: false },
  { set: UUID, asked: UUID.toUpperCase(), isSame: false },
  { set: UUID, asked: "", isSame: false },
  { set: "", asked: "", isSame: true },
  { set: "mine", asked: "mine", isSame: true },
  { set: "mine", asked: "", isSame: false },
  { set: UUID.replaceAll("-", "0"), asked: UUID, isSame: false },
  { set: `${UUID}é`.slice(1), asked: `${UUID}é`.slice(1), isSame: true },
])("uid $set is $asked: $isSame", ({ set, asked, isSame }) => {
  const uids = new Uids();
  uids.set(300, "another");
  uids.set(300, set);
  expect(uids.is(300, asked)).toBe(isSame);
});
