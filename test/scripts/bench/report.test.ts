import { expect, test } from "@jest/globals";
import type { Goal } from "../../../scripts/bench/goals.ts";
import { judge } from "../../../scripts/bench/judge.ts";
import { measurementTable, verdictTable } from "../../../scripts/bench/report.ts";
import { sampleOf } from "../../../scripts/bench/statistics.ts";

const goal: Goal = { id: "G9", title: "faster", unit: "x", direction: "atLeast", required: 5, stretch: 8, wide: 3 };

test("the table of verdicts names the margin that counted and marks a stretch", () => {
  const wide = { wide: true, refusal: undefined };
  const text = verdictTable([
    judge(goal, { kind: "measured", rounds: [8.5, 9, 7] }, wide),
    judge(goal, { kind: "skipped", reason: "left out" }, wide),
  ]);
  const [, measured, skipped] = text.split("\n");
  expect(measured).toMatch(/^PASS +G9 +faster +8\.50 \(7\.00-9\.00\) x +>= 5 \(here 3\) +>= 8 \*$/);
  expect(skipped).toMatch(/^SKIPPED +G9 +faster +- +>= 5 +>= 8 +left out$/);
});

test("the table of measurements leaves out what was not measured", () => {
  const [, line] = measurementTable([{ label: "query", p99Milliseconds: sampleOf([0.25]), note: "cold" }]).split("\n");
  expect(line).toMatch(/^query +0\.3 +cold$/);
});
