import { expect, test } from "@jest/globals";
import { createObjectCache } from "../../../services/certificate-authority/ledger/object-cache.ts";
import { storedCsr } from "../../builders/stored-csr.ts";

const at = (revision: number, name = "a") => storedCsr(name, { metadata: { resourceVersion: String(revision) } });

test("the object that is known at a revision stays the one given out", () => {
  const cache = createObjectCache(100);
  const first = at(5);
  expect(cache.put(first, 1)).toBe(first);
  expect(cache.put(at(5), 1)).toBe(first);
  expect(cache.get("a")).toBe(first);
});

test("a newer object replaces an older one, and is not replaced by it", () => {
  const cache = createObjectCache(100);
  const [older, newer] = [at(9), at(10)];
  cache.put(older, 1);
  expect(cache.put(newer, 1)).toBe(newer);
  const late = at(9);
  expect(cache.put(late, 1)).toBe(late);
  expect(cache.get("a")).toBe(newer);
});

test("a deletion drops what it deleted, not what was made after it", () => {
  const cache = createObjectCache(100);
  const madeAnew = at(7);
  cache.put(madeAnew, 1);
  cache.drop("a", 6);
  expect(cache.get("a")).toBe(madeAnew);
  cache.drop("a", 8);
  expect(cache.get("a")).toBeUndefined();
  cache.drop("unknown", 9);
});

test("the least recently used make room, by size", () => {
  const cache = createObjectCache(10);
  cache.put(at(1, "a"), 4);
  cache.put(at(2, "b"), 4);
  cache.get("a");
  cache.put(at(3, "c"), 4);
  cache.put(at(4, "larger than all"), 11);
  expect(["a", "b", "c", "larger than all"].map((name) => cache.get(name) !== undefined)).toEqual([
    true,
    false,
    true,
    false,
  ]);
});
