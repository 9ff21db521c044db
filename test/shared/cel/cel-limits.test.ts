import { describe, expect, test } from "@jest/globals";
import fc from "fast-check";
import { compileCel } from "../../../services/shared/cel/cel.ts";
import { CelError } from "../../../services/shared/cel/cel-error.ts";
import { CEL_LIMITS } from "../../../services/shared/cel/cel-limits.ts";

const VARIABLES = { claims: "map<string, dyn>", text: "string", texts: "list<string>", now: "timestamp" } as const;
const BINDINGS = {
  claims: { a: 1, b: "two", c: [1, 2, 3], d: { e: null }, f: 1.5, g: true },
  text: "some text",
  texts: ["x", "y"],
  now: new Date(0),
};

const compile = (source: string) => compileCel(source, { variables: VARIABLES, result: "dyn", where: "test" });

function failureOf(work: () => unknown): CelError {
  try {
    work();
  } catch (error) {
    if (error instanceof CelError) return error;
    throw error;
  }
  throw new Error("nothing was thrown");
}

describe("what is too large to be read", () => {
  test.each([
    ["a long source", `'${"x".repeat(CEL_LIMITS.sourceCharacters)}'`, "characters, more than 8192"],
    ["many nodes", Array(600).fill("1").join("+"), "Exceeded maxAstNodes (1000)"],
    ["deep parentheses", `${"(".repeat(100)}1${")".repeat(100)}`, "Exceeded maxDepth (64)"],
    ["deep negation", `${"!".repeat(8000)}true`, "Exceeded maxAstNodes (1000)"],
    ["a deep list", `${"[".repeat(100)}${"]".repeat(100)}`, "Exceeded maxDepth (64)"],
    ["a long selection", `claims${".a".repeat(100)}`, "Exceeded maxDepth (64)"],
    ["a long list", `[${Array(300).fill("1").join(",")}]`, "Exceeded maxListElements (256)"],
    ["a large map", `{${Array.from({ length: 300 }, (_, i) => `${i}:1`).join(",")}}`, "Exceeded maxMapEntries (256)"],
    ["many arguments", `size(${Array(20).fill("1").join(",")})`, "Exceeded maxCallArguments (16)"],
    ["a long pattern", `text.matches('${"a".repeat(600)}')`, "a pattern has at most 512 characters, this one 600"],
    ["a pattern of many states", "text.matches('[a-z]{1000}[0-9]{1000}')", "a pattern has at most 1000 states"],
    ["a pattern repeated too often", "text.matches('((a{100}){100}){100}')", "invalid repeat count"],
  ])("%s", (_name, source, detail) => {
    expect(failureOf(() => compile(source)).detail).toContain(detail);
  });
});

const STEPS = `it takes more than ${CEL_LIMITS.steps} steps`;
const TEXT = `a text has more than ${CEL_LIMITS.textCharacters} characters`;
const ELEMENTS = `a value has more than ${CEL_LIMITS.valueElements} elements`;
const doubling = (start: string, step: string, times: number): string =>
  Array.from({ length: times }, (_, i) => `v${i}`).reduce(
    (inner, name) => `${inner}.map(${name}, ${step.replaceAll("$", name)})`,
    `[${start}]`,
  );

describe("what is too costly to be answered", () => {
  const many = Array.from({ length: 2_000 }, (_, index) => `item ${index}`);
  const long = "a".repeat(200_000);
  test.each([
    ["nested loops", "texts.all(a, texts.all(b, texts.all(c, a + b + c != '')))", { texts: many }, STEPS],
    ["loops whose errors are forgiven", "texts.exists(a, texts.exists(b, b.charAt(-1) == a))", { texts: many }, STEPS],
    ["a limit that an or would forgive", "texts.all(a, texts.all(b, a != '')) || true", { texts: many }, STEPS],
    ["a text that doubles", doubling("'ab'", "$ + $", 20), {}, TEXT],
    ["a list that doubles", doubling("[1]", "$ + $", 20), {}, ELEMENTS],
    ["a tree that doubles", `${doubling("1", "[$, $]", 30)} == ${doubling("1", "[$, $]", 30)}`, {}, ELEMENTS],
    ["a text that is joined", "texts.join(text)", { texts: many, text: long }, TEXT],
    ["a text that is replaced", "text.replace('a', text)", { text: long }, TEXT],
    ["a text that is split into characters", "text.split('')", { text: long }, ELEMENTS],
    ["comparing long texts often", "texts.map(t, text == text + '')", { texts: many, text: long }, STEPS],
    ["searching long texts often", "texts.map(t, text.contains(t))", { texts: many, text: long }, STEPS],
    ["matching a long text", "text.matches('^([a-z]+){1,50}[0-9]$')", { text: long }, STEPS],
    [
      "a pattern that looks at everything for each part",
      "text.findAll('.*x|a')",
      { text: long.slice(0, 5_000) },
      STEPS,
    ],
    ["a text that is too long", "size(text)", { text: "a".repeat(CEL_LIMITS.textCharacters + 1) }, TEXT],
    ["a list that is too long", "size(texts)", { texts: Array(CEL_LIMITS.valueElements + 1).fill("") }, ELEMENTS],
  ])("%s", (_name, source, bindings, limit) => {
    const program = compile(source);
    const error = failureOf(() => program.evaluate(bindings));
    expect({ failure: error.failure, detail: error.detail }).toEqual({ failure: "limit", detail: limit });
  });

  test("an expression that was too costly once answers the next time", () => {
    const program = compile("texts.all(a, texts.all(b, a != ''))");
    expect(failureOf(() => program.evaluate({ texts: many })).failure).toBe("limit");
    expect(program.evaluate({ texts: ["a"] })).toBe(true);
  });

  test("patterns that bring a backtracking engine to its knees take linear time", () => {
    const hostile = `${"a".repeat(2_000)}!`;
    for (const pattern of ["^(a+)+$", "^(a|a)*$", "^(a|aa)+$", "(x+x+)+y", "^(([a-z])+.)+[A-Z]([a-z])+$"]) {
      expect(compile(`text.matches('${pattern}')`).evaluate({ text: hostile })).toBe(false);
    }
  });

  test("a duration written to confuse is refused", () => {
    for (const text of ["1".repeat(60), "1".repeat(100_000), `${"1.1".repeat(20)}x`, "1s".repeat(33)]) {
      expect(failureOf(() => compile("duration(text) == duration('1s')").evaluate({ text })).failure).toBe("evaluate");
    }
  });
});

/** Pieces that make up expressions, so that arbitrary joins of them often parse. */
const PIECES = [
  "claims",
  ".a",
  ".b",
  ".c",
  ".d.e",
  ".?x",
  "[0]",
  "[?'x']",
  "text",
  "texts",
  "now",
  "'x'",
  "b'x'",
  "r'\\'",
  "1",
  "-1",
  "1u",
  "0x1F",
  "1.5",
  "1e400",
  "null",
  "true",
  "(",
  ")",
  "[",
  "]",
  "{",
  "}",
  ":",
  ",",
  "?",
  "+",
  "-",
  "*",
  "/",
  "%",
  "==",
  "!=",
  "<",
  ">=",
  " in ",
  "&&",
  "||",
  "!",
  ".map(v, ",
  ".all(v, ",
  ".exists(v, v == ",
  "has(",
  "size(",
  ".matches('a+')",
  ".findAll('a+')",
  ".sort()",
  ".distinct()",
  ".max()",
  ".sum()",
  ".split('')",
  ".join(",
  "cel.bind(v, ",
  "v",
  "optional.of(",
  ".orValue(",
  "string(",
  "int(",
  "timestamp(",
  "duration('1h')",
  "ip('::1')",
  "cidr('::/0')",
  ".containsIP(",
  "type(",
  "dyn(",
  ".replace('', text)",
  "google.protobuf.Timestamp",
  "\n",
  "//",
  "\u0000",
  "ü",
];

describe("any text at all", () => {
  const ask = (source: string): void => {
    try {
      compile(source).evaluate(BINDINGS);
    } catch (error) {
      expect(error).toBeInstanceOf(CelError);
    }
  };

  test("is an expression or an error of ours", () => {
    fc.assert(fc.property(fc.string({ unit: "binary", maxLength: 200 }), ask), { numRuns: 500 });
  });

  test("put together from the language's own pieces, too", () => {
    const source = fc.array(fc.constantFrom(...PIECES), { maxLength: 30 }).map((pieces) => pieces.join(""));
    fc.assert(fc.property(source, ask), { numRuns: 3_000 });
  });

  test("any JSON value can be bound", () => {
    const program = compileCel("value == value || size(string(type(value) == type(1))) > 0", {
      variables: { value: "dyn" },
      result: "bool",
      where: "test",
    });
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 10 }), (value) => {
        expect(program.evaluate({ value: value as never })).toBe(true);
      }),
      { numRuns: 300 },
    );
  });
});
