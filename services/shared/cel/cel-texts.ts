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
 * Texts: `matches()`, `find()` and `findAll()` by RE2; `lowerAscii()` and `upperAscii()` leave everything outside ASCII alone; `join()` and
 * `replace()` refuse a result over the limit before they make it.
 *
 * Source: cel-go ext/strings.go (what each answers); positions are in UTF-16 code units.
 */
export function registerTexts(environment: Environment, context: TextContext): void {
  const { meter } = context;
  const matches = (text: string, pattern: string): boolean => paidPattern(context, text, pattern).test(text);
  const find = (text: string, pattern: string): string => findAll(context, text, pattern, 1n)[0] ?? "";
  const all = (text: string, pattern: string, limit = -1n): readonly string[] => findAll(context, text, pattern, limit);
  environment
    .registerFunction(`string.${libraryName("matches")}(string): bool`, matches, SYNC)
    .registerFunction(`${libraryName("matches")}(string, string): bool`, matches, SYNC)
    .registerFunction(`string.${libraryName("lowerAscii")}(): string`, lowerAscii, SYNC)
    .registerFunction(`string.${libraryName("upperAscii")}(): string`, upperAscii, SYNC)
    .registerFunction(`string.${libraryName("split")}(string): list<string>`, split, SYNC)
    .registerFunction(`string.${libraryName("split")}(string, int): list<string>`, split, SYNC)
    .registerFunction("string.charAt(int): string", charAt, SYNC)
    .registerFunction("string.find(string): string", find, SYNC)
    .registerFunction("string.findAll(string): list<string>", all, SYNC)
    .registerFunction("string.findAll(string, int): list<string>", all, SYNC);
  const join = (items: readonly unknown[], separator = ""): string => joinBounded(meter, items, separator);
  const replace = (text: string, from: string, to: string, limit = -1n): string =>
    joinBounded(meter, limit < 0n ? text.split(from) : split(text, from, limit + 1n), to);
  environment
    .registerFunction(`list<string>.${libraryName("join")}(): string`, join, SYNC)
    .registerFunction(`list<string>.${libraryName("join")}(string): string`, join, SYNC)
    .registerFunction("string.replace(string, string): string", replace, SYNC)
    .registerFunction("string.replace(string, string, int): string", replace, SYNC);
}

/** What a pattern may cost on a text is paid before it is looked at. */
function paidPattern({ meter, patterns }: TextContext, text: string, pattern: string): CelPattern {
  const compiled = patterns.get(pattern);
  // Every pattern is a literal, and every literal was compiled when the expression was read.
  if (compiled === undefined) throw new Error("the pattern was not compiled");
  meter.spend(compiled.steps(text.length));
  return compiled;
}

/** Finding each part may mean looking at all of the text again, and is paid for as such. */
function findAll(context: TextContext, text: string, pattern: string, limit: bigint): readonly string[] {
  const parts: string[] = [];
  if (limit === 0n) return parts;
  const compiled = paidPattern(context, text, pattern);
  for (const part of compiled.parts(text)) {
    parts.push(part);
    if (BigInt(parts.length) === limit) break;
    context.meter.spend(compiled.steps(text.length));
  }
  return parts;
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
