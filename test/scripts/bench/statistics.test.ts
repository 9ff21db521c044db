import { expect, test } from "@jest/globals";
import { drift, median, percentile, ratios, sampleOf } from "../../../scripts/bench/statistics.ts";

test.each([
  { name: "an odd count", values: [3, 1, 2], expected: 2 },
  { name: "an even count", values: [4, 1, 3, 2], expected: 2.5 },
  { name: "one value", values: [7], expected: 7 },
  { name: "values that sort wrongly as text", values: [10, 9, 100], expected: 10 },
  { name: "nothing", values: [], expected: Number.NaN },
])("median of $name", ({ values, expected }) => {
  expect(median(values)).toBe(expected);
});

test.each([
  { percent: 50, expected: 50 },
  { percent: 51, expected: 51 },
  { percent: 99, expected: 99 },
  { percent: 99.1, expected: 100 },
  { percent: 100, expected: 100 },
  { percent: 0.5, expected: 1 },
])("percentile $percent of 1 to 100", ({ percent, expected }) => {
  const descending = Array.from({ length: 100 }, (_, index) => 100 - index);
  expect(percentile(descending, percent)).toBe(expected);
});

test("percentile of nothing is no number", () => {
  expect(percentile([], 99)).toBeNaN();
});

test("sampleOf keeps median and range", () => {
  expect(sampleOf([2, 9, 4])).toEqual({ median: 4, minimum: 2, maximum: 9, count: 3 });
});

test("ratios are taken inside each round, so that drift between rounds cancels out", () => {
  expect(ratios([100, 50, 200], [50, 25, 100])).toEqual([2, 2, 2]);
});

test("ratios leave out rounds that one side lacks, and division by nothing", () => {
  expect(ratios([1, 2, 3], [2, 0])).toEqual([0.5]);
  expect(ratios([], [1])).toEqual([]);
});

test.each([
  { values: [200, 260, 250], expected: 0.3 },
  { values: [5], expected: 0 },
  { values: [], expected: 0 },
])("drift of $values is $expected", ({ values, expected }) => {
  expect(drift(values)).toBeCloseTo(expected, 10);
});
