import { describe, expect, test } from "@jest/globals";
import { type CelOptions, compileCel } from "../../../services/shared/cel/cel.ts";
import type { CelResult } from "../../../services/shared/cel/cel-answers.ts";
import { CelBudget } from "../../../services/shared/cel/cel-budget.ts";
import { CelError } from "../../../services/shared/cel/cel-error.ts";
import { readyValue } from "../../../services/shared/cel/cel-ready-value.ts";

const NOW = new Date("2026-03-29T00:59:59.250Z");

function compile<Result extends CelResult>(source: string, result: Result, options: Partial<CelOptions<Result>> = {}) {
  const variables = { now: "timestamp", texts: "list<string>", any: "dyn" } as const;
  return compileCel(source, { variables, result, where: "rule", ...options });
}

test.each([
  ["now.getHours()", 0],
  ["now.getHours('Europe/Berlin')", 1],
  ["(now + duration('1s')).getHours('Europe/Berlin')", 3],
  ["now.getHours('-05:00')", 19],
  ["now.getHours('Asia/Kathmandu')", 6],
  ["now.getMinutes('Asia/Kathmandu')", 44],
  ["now.getDate('-05:00')", 28],
  ["now.getDayOfMonth('-05:00')", 27],
  ["now.getDayOfWeek()", 0],
  ["now.getDayOfWeek('America/New_York')", 6],
  ["timestamp('2026-01-01T00:30:00Z').getDayOfYear('America/New_York')", 364],
  ["timestamp('2026-01-01T00:30:00Z').getFullYear('America/New_York')", 2025],
  ["timestamp('2026-01-01T00:30:00Z').getMonth('America/New_York')", 11],
  ["timestamp('0001-01-01T00:00:00Z').getFullYear('UTC')", 1],
  ["now.getMilliseconds('Europe/Berlin') + now.getSeconds('Europe/Berlin')", 309],
  ["duration('90m').getHours() + duration('90s').getMinutes() + duration('90s').getSeconds()", 92],
])("parts of instants in a zone: %s", (source, expected) => {
  expect(compile(source, "int").evaluate({ now: NOW })).toBe(expected);
});

test("there is no answer for a zone that is none, and zones are not remembered without end", () => {
  const program = compile("now.getHours(texts[0])", "int");
  for (const zone of ["Mars/Olympus", "x".repeat(1000), ""])
    expect(() => program.evaluate({ now: NOW, texts: [zone] })).toThrow(/no such time zone/);
  for (let minute = 0; minute < 200; minute += 1) {
    const zone = `+0${Math.floor(minute / 60)}:${String(minute % 60).padStart(2, "0")}`;
    expect(program.evaluate({ now: NOW, texts: [zone] })).toBe(Math.floor((59 + minute) / 60) % 24);
  }
});

describe("what is known when an expression is read", () => {
  const constants = { pattern: "^a+$", limit: 3, names: ["a", "b"], strict: true };

  test("has its type, is not read from outside, and may be a pattern", () => {
    const program = compile("texts.all(t, t.matches(pattern) && size(t) <= limit && strict && t in names)", "bool", {
      constants,
    });
    expect([...program.reads]).toEqual(["texts"]);
    expect(program.evaluate({ texts: ["a"] })).toBe(true);
    expect(program.evaluate({ texts: ["b"] })).toBe(false);
    expect(() => compile("limit == pattern", "bool", { constants })).toThrow(/no such overload: int == string/);
  });

  test("is a pattern only when it is a text that can be one", () => {
    const refused = (source: string) => () => compile(source, "bool", { constants: { ...constants, broken: "(a" } });
    expect(refused("texts[0].matches(limit)")).toThrow(/must be written out/);
    expect(refused("texts[0].matches(broken)")).toThrow(/missing closing \)/);
    expect(refused("texts[0].matches(texts[1])")).toThrow(/must be written out/);
    expect(refused("['x'].exists(pattern, texts[0].matches(texts[0]))")).toThrow(/must be written out/);
  });
});

test.each([
  ["now", "timestamp"],
  ["now - now", "duration"],
  ["texts", "list<string>"],
  ["[1]", "list<dyn>"],
  ["[any]", "list<dyn>"],
  ["{'a': 'b'}", "map<string, string>"],
  ["{'a': 1}", "map<string, dyn>"],
  ["{1: 1}", "dyn"],
  ["1 + 1", "int"],
  ["any", "dyn"],
])("%s can be held by a variable of type %s", (source, type) => {
  expect(compile(source, "dyn").type).toEqual(type);
});

test("what was made ready, or answered, is read by other expressions as it is", () => {
  const bindings = { now: readyValue(NOW), texts: readyValue(["a", "b"]) };
  const length = compile("now - timestamp('2026-03-29T00:00:00Z')", "dyn");
  const variables = { length: length.type, texts: "list<string>" } as const;
  const reader = compile("length > duration('59m') && texts == ['a', 'b']", "bool", { variables });
  expect(reader.evaluate({ ...bindings, length: length.evaluateReady(bindings) })).toBe(true);
  expect(() => readyValue("x".repeat(300_000))).toThrow(/more than 262144 characters/);
  expect(() => compile("texts[9]", "dyn").evaluateReady(bindings)).toThrow(CelError);
});

test("evaluations pay from one budget, and nothing goes on when it is used up", () => {
  const program = compile("texts.all(t, t != 'x') || true", "bool");
  const texts = Array.from({ length: 1000 }, () => "y");
  expect(program.evaluate({ texts }, new CelBudget())).toBe(true);
  const small = new CelBudget(1000);
  for (const _ of [1, 2])
    expect(() => program.evaluate({ texts }, small)).toThrow(expect.objectContaining({ failure: "limit" }));
  expect(program.evaluate({ texts })).toBe(true);
});
