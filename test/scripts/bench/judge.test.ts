import { expect, test } from "@jest/globals";
import { GOALS, type Goal } from "../../../scripts/bench/goals.ts";
import { type Evidence, judge } from "../../../scripts/bench/judge.ts";
import { refusalToJudge } from "../../../scripts/bench/machine.ts";

const FULL = { wide: false, refusal: undefined };
const atLeast: Goal = { id: "A", title: "a", unit: "x", direction: "atLeast", required: 10, stretch: 14, wide: 5 };
const atMost: Goal = { id: "B", title: "b", unit: "ms", direction: "atMost", required: 2, stretch: 1.2 };

function rounds(...values: readonly number[]): Evidence {
  return { kind: "measured", rounds: values };
}

test.each([
  { name: "at least, reached exactly", goal: atLeast, evidence: rounds(10), verdict: "PASS", isStretch: false },
  { name: "at least, just missed", goal: atLeast, evidence: rounds(9.99), verdict: "FAIL", isStretch: false },
  { name: "at least, stretch exactly", goal: atLeast, evidence: rounds(14), verdict: "PASS", isStretch: true },
  { name: "at most, reached exactly", goal: atMost, evidence: rounds(2), verdict: "PASS", isStretch: false },
  { name: "at most, just missed", goal: atMost, evidence: rounds(2.01), verdict: "FAIL", isStretch: false },
  { name: "at most, stretch exactly", goal: atMost, evidence: rounds(1.2), verdict: "PASS", isStretch: true },
  {
    name: "the median of the rounds counts",
    goal: atLeast,
    evidence: rounds(1, 11, 12),
    verdict: "PASS",
    isStretch: false,
  },
  { name: "no rounds", goal: atLeast, evidence: rounds(), verdict: "SKIPPED", isStretch: false },
  {
    name: "a round without a number",
    goal: atLeast,
    evidence: rounds(20, Number.NaN),
    verdict: "SKIPPED",
    isStretch: false,
  },
])("judge: $name", ({ goal, evidence, verdict, isStretch }) => {
  expect(judge(goal, evidence, FULL)).toMatchObject({ verdict, isStretch });
});

test("judge: what was skipped says why", () => {
  const evidence: Evidence = { kind: "skipped", reason: "cfssl is not installed" };
  expect(judge(atLeast, evidence, FULL)).toMatchObject({ verdict: "SKIPPED", note: "cfssl is not installed" });
  expect(judge(atLeast, undefined, FULL)).toMatchObject({ verdict: "SKIPPED", note: "not asked for" });
});

test("judge: wide margins replace the required value, and leave goals without one unjudged", () => {
  const wide = { ...FULL, wide: true };
  expect(judge(atLeast, rounds(5), wide)).toMatchObject({ verdict: "PASS", limit: 5 });
  expect(judge(atLeast, rounds(4.9), wide)).toMatchObject({ verdict: "FAIL", limit: 5 });
  expect(judge(atMost, rounds(50), wide)).toMatchObject({ verdict: "SKIPPED", note: "not judged with wide margins" });
});

test("judge: a machine that cannot be judged on turns failures into nothing, but for robust goals", () => {
  const refused = { wide: false, refusal: "not judged: busy" };
  expect(judge(atLeast, rounds(1), refused)).toMatchObject({ verdict: "SKIPPED", note: "not judged: busy" });
  expect(judge({ ...atLeast, isRobust: true }, rounds(1), refused)).toMatchObject({ verdict: "FAIL" });
});

test.each([
  { name: "an idle machine", busy: 0.15, floor: [240, 250, 260], refused: false },
  { name: "a busy machine", busy: 0.16, floor: [240], refused: true },
  { name: "F drifts by 30 %", busy: 0, floor: [200, 260], refused: false },
  { name: "F drifts by more", busy: 0, floor: [200, 270, 210], refused: true },
  { name: "an unknown load", busy: undefined, floor: [], refused: false },
])("refusalToJudge: $name", ({ busy, floor, refused }) => {
  expect(refusalToJudge(busy, floor) !== undefined).toBe(refused);
});

test("no goal asks for less in its stretch than it requires, nor for more where margins are wide", () => {
  const rank = ({ direction }: Goal, value: number) => (direction === "atLeast" ? value : -value);
  for (const goal of GOALS) {
    expect(rank(goal, goal.stretch)).toBeGreaterThanOrEqual(rank(goal, goal.required));
    expect(rank(goal, goal.wide ?? goal.required)).toBeLessThanOrEqual(rank(goal, goal.required));
  }
  expect(new Set(GOALS.map(({ id }) => id)).size).toBe(GOALS.length);
});
