import { RE2JS } from "re2js";
import { CEL_LIMITS, STEP_CHARACTERS } from "./cel-limits.ts";

/** One pattern of `matches()`, `find()` or `findAll()`, in RE2's syntax and with RE2's promise: time linear in the length of the text. */
export interface CelPattern {
  /** Whether any part of the text matches. */
  test(text: string): boolean;
  /** The parts that match, from left to right; finding each may mean looking at all that is left. */
  parts(text: string): Iterable<string>;
  /** Steps that a text of so many UTF-16 code units costs. */
  steps(characters: number): number;
}

/**
 * Compiles a pattern. CEL's patterns are RE2's: no back-references and no look-around, and so no
 * pattern that backtracks. JavaScript's own `RegExp` is never given one.
 *
 * @throws {Error} in RE2's words when the pattern is malformed, too long or compiles to too many states.
 * Source: cel-spec doc/langdef.md (Regular expressions), google/re2 doc/syntax.txt.
 */
export function compilePattern(pattern: string): CelPattern {
  if (pattern.length > CEL_LIMITS.patternCharacters) {
    throw new Error(`a pattern has at most ${CEL_LIMITS.patternCharacters} characters, this one ${pattern.length}`);
  }
  const compiled = RE2JS.compile(pattern);
  const states = compiled.programSize();
  if (states > CEL_LIMITS.patternStates) {
    throw new Error(`a pattern has at most ${CEL_LIMITS.patternStates} states, this one ${states}: repeat less`);
  }
  return {
    test: (text) => compiled.test(text),
    parts: (text) => partsOf(compiled, text),
    steps: (characters) => Math.ceil(((characters + STEP_CHARACTERS) * (8 + states)) / 8),
  };
}

function* partsOf(compiled: RE2JS, text: string): Generator<string> {
  const matcher = compiled.matcher(text);
  while (matcher.find()) yield matcher.group() ?? "";
}

/** A pattern that has to match all of a text. */
export interface WholePattern {
  /** What its group matched, or the text where it has none; undefined for a text that does not match as a whole. */
  capture(text: string): string | undefined;
}

/**
 * Compiles a pattern with at most one group. As for `compilePattern`, matching takes time linear in the length of the text.
 *
 * @throws {Error} as `compilePattern`, and for more groups.
 */
export function compileWholePattern(pattern: string): WholePattern {
  compilePattern(pattern);
  const compiled = RE2JS.compile(pattern);
  const groups = compiled.groupCount();
  if (groups > 1) throw new Error(`a pattern has at most one group here, this one ${groups}; write (?:…)`);
  return {
    capture(text) {
      const matcher = compiled.matcher(text);
      return matcher.matches() ? (matcher.group(groups) ?? undefined) : undefined;
    },
  };
}
