import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { sameQuantity } from "../../../services/node-authorizer/domain/admission/quantity.ts";

test.each([
  ["1Gi", "1024Mi", true],
  ["1Gi", "1073741824", true],
  ["1G", "1Gi", false],
  ["0.5", "500m", true],
  ["1e3", "1k", true],
  ["1E3", "1k", true],
  ["1E", "1000P", true],
  ["1e-3", "1m", true],
  ["1000u", "1m", true],
  ["1000n", "1u", true],
  ["+1", "1", true],
  ["-1", "1", false],
  ["-1", "-1000m", true],
  [".5", "0.5", true],
  ["5.", "5", true],
  ["1Ei", "1024Pi", true],
  ["0", "0Gi", true],
  [1, "1", true],
  ["", "0", false],
  ["x", "x", false],
  ["1.2.3", "1.2.3", false],
  ["1e999999999", "1e999999999", false],
  ["9".repeat(1_000), "1", false],
  [null, null, false],
])("%j and %j: %j", (left, right, isSame) => {
  expect(sameQuantity(left, right)).toBe(isSame);
  expect(sameQuantity(right, left)).toBe(isSame);
});

test("whole amounts are the same as with any suffix that divides them", () => {
  fc.assert(
    fc.property(fc.integer({ min: -1_000_000, max: 1_000_000 }), (amount) => {
      expect(sameQuantity(`${amount}Ki`, `${amount * 1024}`)).toBe(true);
      expect(sameQuantity(`${amount}k`, `${amount * 1000}`)).toBe(true);
      expect(sameQuantity(`${amount}`, `${amount}000m`)).toBe(true);
      expect(sameQuantity(`${amount}`, `${amount + 1}`)).toBe(false);
    }),
  );
});
