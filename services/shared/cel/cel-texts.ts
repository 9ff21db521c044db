import type { Environment } from "@marcbachmann/cel-js";
import { libraryName } from "./cel-functions.ts";
import { CEL_LIMITS } from "./cel-limits.ts";
import type { CostMeter } from "./cel-meter.ts";
import type { CelPattern } from "./cel-patterns.ts";

const SYNC = { async: false } as const;

/** What the functions for texts need of the expression they are called in. */
export interface TextContext {
  readonly meter: CostMeter;
  /** The compiled patterns of this expression, by their text. */
  readonly patterns: ReadonlyMap<string, CelPattern>;
}

/**
 * Texts: `matches()` by RE2; `lowerAscii()` and `upperAscii()` leave everything outside ASCII alone; `join()` and
 * `replace()` refuse a result over the limit before they make it.
 *
 * Source: cel-go ext/strings.go (what each answers); positions are in UTF-16 code units.
 */
export function registerTexts(environment: Environment, context: TextContext): void {
  const { meter } = context;
  const matches = (text: string, pattern: string): boolean => matchText(context, text, pattern);
  environment
    .registerFunction(`string.${libraryName("matches")}(string): bool`, matches, SYNC)
    .registerFunction(`${libraryName("matches")}(string, string): bool`, matches, SYNC)
    .registerFunction(`string.${libraryName("lowerAscii")}(): string`, lowerAscii, SYNC)
    .registerFunction(`string.${libraryName("upperAscii")}(): string`, upperAscii, SYNC)
    .registerFunction(`string.${libraryName("split")}(string): list<string>`, split, SYNC)
    .registerFunction(`string.${libraryName("split")}(string, int): list<string>`, split, SYNC)
    .registerFunction("string.charAt(int): string", charAt, SYNC);
  const join = (items: readonly unknown[], separator = ""): string => joinBounded(meter, items, separator);
  const replace = (text: string, from: string, to: string, limit = -1n): string =>
    joinBounded(meter, limit < 0n ? text.split(from) : split(text, from, limit + 1n), to);
  environment
    .registerFunction(`list<string>.${libraryName("join")}(): string`, join, SYNC)
    .registerFunction(`list<string>.${libraryName("join")}(string): string`, join, SYNC)
    .registerFunction("string.replace(string, string): string", replace, SYNC)
    .registerFunction("string.replace(string, string, int): string", replace, SYNC);
}

function matchText({ meter, patterns }: TextContext, text: string, pattern: string): boolean {
  const compiled = patterns.get(pattern);
  // Every pattern is a literal, and every literal was compiled when the expression was read.
  if (compiled === undefined) throw new Error("the pattern of matches() was not compiled");
  meter.spend(compiled.steps(text.length));
  return compiled.test(text);
}

function lowerAscii(text: string): string {
  return text.replace(/[A-Z]+/g, (part) => part.toLowerCase());
}

function upperAscii(text: string): string {
  return text.replace(/[a-z]+/g, (part) => part.toUpperCase());
}

/** At most `limit` parts, the last with everything that is left; negative: all of them. */
function split(text: string, separator: string, limit = -1n): readonly string[] {
  if (limit === 0n) return [];
  const parts = text.split(separator);
  const count = Number(limit);
  if (count < 0 || parts.length <= count) return parts;
  return [...parts.slice(0, count - 1), parts.slice(count - 1).join(separator)];
}

function charAt(text: string, index: bigint): string {
  if (index < 0n || index > BigInt(text.length)) throw new Error(`there is no character ${index}`);
  return text.charAt(Number(index));
}

function joinBounded(meter: CostMeter, items: readonly unknown[], separator: string): string {
  let characters = separator.length * Math.max(items.length - 1, 0);
  for (const item of items) {
    if (typeof item !== "string") throw new Error("join() takes a list of strings only");
    characters += item.length;
  }
  if (characters > CEL_LIMITS.textCharacters) {
    meter.refuse(`a text has more than ${CEL_LIMITS.textCharacters} characters`);
  }
  return items.join(separator);
}
