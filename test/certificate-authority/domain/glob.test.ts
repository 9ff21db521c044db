import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { compileGlob, type GlobOptions } from "../../../services/certificate-authority/domain/glob.ts";

test.each<{ pattern: string; text: string; options?: GlobOptions; isMatch: boolean }>([
  { pattern: "a", text: "a", isMatch: true },
  { pattern: "a", text: "ab", isMatch: false },
  { pattern: "", text: "", isMatch: true },
  { pattern: "*", text: "", isMatch: true },
  { pattern: "a*c", text: "abbc", isMatch: true },
  { pattern: "a*c", text: "abbcd", isMatch: false },
  { pattern: "*ab", text: "aab", isMatch: true },
  { pattern: "a.c", text: "abc", isMatch: false },
  { pattern: "[a]+", text: "a", isMatch: false },
  { pattern: "*.b", text: "x.y.b", isMatch: true },
  { pattern: "*.b", text: "x.y.b", options: { separator: "." }, isMatch: false },
  { pattern: "**.b", text: "x.y.b", options: { separator: "." }, isMatch: true },
  { pattern: "*.b", text: "*.b", options: { separator: ".", never: "*" }, isMatch: false },
  { pattern: "*.b", text: "*.b", options: { separator: "." }, isMatch: true },
  { pattern: "*", text: "a".repeat(4097), isMatch: false },
])("$pattern on $text with $options: $isMatch", ({ pattern, text, options, isMatch }) => {
  expect(compileGlob(pattern, options)(text)).toBe(isMatch);
});

const letters = (maxLength: number) => fc.string({ unit: fc.constantFrom("a", "b", ".", "*"), maxLength });

/** The same meaning as a regular expression, which is fine for texts this short. */
function asExpression(pattern: string, separator: string | undefined): RegExp {
  const source = pattern.replaceAll(/\*+|[^*]/g, (piece) => {
    if (!piece.startsWith("*")) return `\\u{${piece.codePointAt(0)?.toString(16)}}`;
    return separator === undefined || piece.length > 1 ? "[^]*" : `[^${separator}]*`;
  });
  return new RegExp(`^${source}$`, "u");
}

test("a pattern means what the regular expression of the same meaning does", () => {
  fc.assert(
    fc.property(letters(8), letters(10), fc.constantFrom(undefined, "."), (pattern, text, separator) => {
      const options = separator === undefined ? {} : { separator };
      expect(compileGlob(pattern, options)(text)).toBe(asExpression(pattern, separator).test(text));
    }),
    { numRuns: 2000 },
  );
});

test("a pattern that a backtracking matcher would never finish is matched like any other", () => {
  const isMatch = compileGlob(`${"*a".repeat(100)}b`);
  expect(isMatch("a".repeat(4000))).toBe(false);
});
