import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { CountedNames } from "../../../../services/node-authorizer/domain/graph/counted-names.ts";
import { fingerprintOf } from "../../../../services/node-authorizer/domain/graph/fingerprint.ts";
import { FingerprintTable } from "../../../../services/node-authorizer/domain/graph/fingerprint-table.ts";
import { IntLists } from "../../../../services/node-authorizer/domain/graph/int-lists.ts";
import { IntTable, NONE } from "../../../../services/node-authorizer/domain/graph/int-table.ts";
import { NameTable } from "../../../../services/node-authorizer/domain/graph/name-table.ts";
import { NodeCounts } from "../../../../services/node-authorizer/domain/graph/node-counts.ts";
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

test("a table of integers keeps the value of a key, beside others that would have its place", () => {
  // Few keys, and neighbours: long runs, of which something goes in the middle.
  const step = fc.record({ key: fc.integer({ min: -40, max: 40 }), value: fc.nat(9), isAddition: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 500, size: "max" }), (steps) => {
      const table = new IntTable();
      const expected = new Map<number, number>();
      for (const { key, value, isAddition } of steps) {
        const place = table.find(key);
        expect(place === NONE ? undefined : table.valueAt(place)).toBe(expected.get(key));
        if (isAddition && place === NONE) {
          table.insert(key, value);
          expected.set(key, value);
        } else if (isAddition) {
          table.setValueAt(place, value);
          expected.set(key, value);
        } else if (place !== NONE) {
          table.removeAt(place);
          expected.delete(key);
        }
      }
      for (const [key, value] of expected) expect(table.valueAt(table.find(key))).toBe(value);
      expect([...table.keys()].toSorted(byValue)).toEqual([...expected.keys()].toSorted(byValue));
      expect(table.size).toBe(expected.size);
    }),
  );
});

function byValue(left: number, right: number): number {
  return left - right;
}

test("fingerprints keep their values beside others that would have their place", () => {
  // Few places, and neighbours: long runs, of which something goes in the middle.
  const print = fc.record({ first: fc.integer({ min: -3, max: 3 }), second: fc.nat(3) });
  const step = fc.record({ print, value: fc.nat(9), isAddition: fc.boolean() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 500, size: "max" }), (steps) => {
      const table = new FingerprintTable();
      const expected = new Map<string, number>();
      for (const { print: each, value, isAddition } of steps) {
        const words = Int32Array.of(each.first, each.second);
        const known = expected.get(words.join());
        expect(table.find(words)).toBe(known ?? NONE);
        if (isAddition && known === undefined) {
          table.insert(words, value);
          expected.set(words.join(), value);
        } else if (!isAddition && known !== undefined) {
          table.remove(Int32Array.of(0, ...words), 1);
          expected.delete(words.join());
        }
      }
      for (const [key, value] of expected) expect(table.find(Int32Array.from(key.split(","), Number))).toBe(value);
      expect(table.size).toBe(expected.size);
    }),
  );
});

test("names of one fingerprint do not both come in", () => {
  const table = new NameTable(2, () => Int32Array.of(1, 2));
  const names = new CountedNames(() => Int32Array.of(1, 2));
  const [id, other] = [table.findOrAdd(0, "shop", "database"), names.acquire("worker-1")];
  for (const [kind, namespace, name] of [
    [1, "shop", "database"],
    [0, "blog", "database"],
    [0, "shop", "mail"],
  ] as const) {
    expect(() => table.findOrAdd(kind, namespace, name)).toThrow("two names have one fingerprint");
  }
  expect(() => names.acquire("worker-2")).toThrow("two names have one fingerprint");
  expect([table.findOrAdd(0, "shop", "database"), names.acquire("worker-1")]).toEqual([id, other]);
});

test("a name whose namespace does not come in leaves nothing behind", () => {
  const table = new NameTable(1, (_kind, namespace, name) => Int32Array.of(namespace === "" ? 1 : name.length, 2));
  const [id, gone] = [table.findOrAdd(0, "shop", "database"), table.findOrAdd(0, "shop", "mail")];
  table.remove(gone);
  expect(() => table.findOrAdd(0, "blog", "page")).toThrow("two names have one fingerprint");
  expect(() => table.findOrAdd(0, "blog", "picture")).toThrow("two names have one fingerprint");
  expect([table.find(0, "blog", "picture"), table.sizeOf(), [...table.ids()]]).toEqual([NONE, 1, [id]]);
  expect([table.findOrAdd(0, "shop", "mails"), table.nameOf(gone)]).toEqual([gone, "mails"]);
});

test("names that are made to have one fingerprint have many, whatever the key", () => {
  // Where a hash multiplies after each pair of characters, the second pair undoes what the first one changed, with any seed.
  const parts = ["aaaa", "a\u8061a\u8060"];
  const names = Array.from({ length: 4_096 }, (_, number) =>
    Array.from({ length: 12 }, (__, bit) => parts[(number >> bit) & 1]).join(""),
  );
  for (const word of [0, 1]) {
    const words = names.map((name) => fingerprintOf(0, "", name)[word] ?? 0);
    // Two of them may be the same by chance; that six are takes more tries than there will be.
    expect(new Set(words).size).toBeGreaterThan(4_090);
    // Tables place names by their last bits.
    expect(new Set(words.map((each) => each & 0xfff)).size).toBeGreaterThan(2_000);
  }
});

test("a fingerprint is of what is there: which kind, where namespace and name begin and end", () => {
  const names = ["", "\0", "\0\0", "\0\0\0", "a", "a\0", "ab", "ba", "abc", "abcd", "cdab", "a".repeat(256)];
  const all = names.flatMap((namespace) =>
    names.flatMap((name) => [0, 1, 2].map((kind) => fingerprintOf(kind, namespace, name).join())),
  );
  expect(new Set(all).size).toBe(all.length);
  for (const word of [0, 1])
    expect(new Set(all.map((each) => each.split(",")[word])).size).toBeGreaterThan(all.length - 3);
  for (const name of names) {
    expect(fingerprintOf(1, "ns", `prefix:${name}`, 7).join()).toBe(fingerprintOf(1, "ns", name).join());
  }
});

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
