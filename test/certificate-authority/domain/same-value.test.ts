import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { isSameValue } from "../../../services/certificate-authority/domain/same-value.ts";

test.each<{ name: string; left: unknown; right: unknown; same: boolean }>([
  { name: "keys in another order", left: { a: 1, b: 2 }, right: { b: 2, a: 1 }, same: true },
  { name: "an undefined member", left: { a: 1, b: undefined }, right: { a: 1 }, same: true },
  { name: "a label without a value against none", left: { a: "" }, right: {}, same: false },
  { name: "undefined against an inherited member", left: { toString: undefined, a: 1 }, right: { a: 1 }, same: true },
  { name: "a member more", left: { a: 1 }, right: { a: 1, b: 2 }, same: false },
  { name: "a member less", left: { a: 1, b: 2 }, right: { a: 1 }, same: false },
  { name: "false against nothing", left: { a: 1, b: false }, right: { a: 1 }, same: false },
  { name: "zero against nothing", left: { a: 1, b: 0 }, right: { a: 1 }, same: false },
  { name: "null against nothing", left: { a: 1, b: null }, right: { a: 1 }, same: false },
  { name: "a list against a map", left: [1], right: { 0: 1 }, same: false },
  { name: "a map against a list", left: { 0: 1 }, right: [1], same: false },
  { name: "lists in another order", left: [1, 2], right: [2, 1], same: false },
  { name: "a longer list", left: [1], right: [1, undefined], same: false },
  { name: "text against a number", left: "1", right: 1, same: false },
])("isSameValue: $name", ({ left, right, same }) => {
  expect(isSameValue(left, right)).toBe(same);
});

test("property: a copy says the same, and the relation has no sides", () => {
  fc.assert(
    fc.property(fc.jsonValue(), fc.jsonValue(), (left, right) => {
      expect(isSameValue(left, structuredClone(left))).toBe(true);
      expect(isSameValue(left, right)).toBe(isSameValue(right, left));
    }),
  );
});
