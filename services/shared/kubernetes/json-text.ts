import { StatusError } from "../status-error.ts";

/** Deeper nesting than any object of ours has, managedFields included. */
export const MAX_DEPTH = 64;

export interface ParsedText {
  readonly value: unknown;
  /** Paths, such as `a.b[1].c`, of keys that stand twice in their object; the last one won. At most 100. */
  readonly duplicates: readonly string[];
}

const MAX_DUPLICATES = 100;
const QUOTE = 0x22;
const BACKSLASH = 0x5c;

/**
 * Parses JSON and notes what `JSON.parse` hides: keys that stand twice.
 *
 * @throws {StatusError} BadRequest when the text is no JSON or is nested deeper than `MAX_DEPTH`.
 */
export function parseJsonText(text: string): ParsedText {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (cause) {
    throw new StatusError("BadRequest", "the body is not valid JSON", { cause });
  }
  return { value, duplicates: findDuplicateKeys(text) };
}

interface Level {
  /** Undefined in an array. */
  readonly keys: Set<string> | undefined;
  key: string;
  /** Which element of an array it is at. */
  index: number;
  expectsKey: boolean;
}

/** @param text - valid JSON; a walk over its characters is then enough. */
function findDuplicateKeys(text: string): string[] {
  const duplicates: string[] = [];
  const levels: Level[] = [];
  for (let at = 0; at < text.length; at += 1) {
    switch (text.charCodeAt(at)) {
      case 0x7b: // {
        levels.push({ keys: new Set(), key: "", index: 0, expectsKey: true });
        break;
      case 0x5b: // [
        levels.push({ keys: undefined, key: "", index: 0, expectsKey: false });
        break;
      case 0x7d: // }
      case 0x5d: // ]
        levels.pop();
        break;
      case 0x2c: {
        // ,
        const level = levels.at(-1);
        if (level?.keys !== undefined) level.expectsKey = true;
        else if (level !== undefined) level.index += 1;
        break;
      }
      case QUOTE: {
        const end = endOfString(text, at);
        const level = levels.at(-1);
        if (level?.expectsKey) noteKey(levels, level, text.slice(at, end + 1), duplicates);
        at = end;
        break;
      }
    }
    if (levels.length > MAX_DEPTH) throw new StatusError("BadRequest", "the body is nested too deeply");
  }
  return duplicates;
}

function endOfString(text: string, start: number): number {
  let at = start + 1;
  while (at < text.length && text.charCodeAt(at) !== QUOTE) at += text.charCodeAt(at) === BACKSLASH ? 2 : 1;
  return at;
}

function noteKey(levels: readonly Level[], level: Level, quoted: string, duplicates: string[]): void {
  const key = quoted.includes("\\") ? (JSON.parse(quoted) as string) : quoted.slice(1, -1);
  level.key = key;
  level.expectsKey = false;
  if (level.keys?.has(key) && duplicates.length < MAX_DUPLICATES) duplicates.push(pathOf(levels));
  level.keys?.add(key);
}

function pathOf(levels: readonly Level[]): string {
  const path = levels.map(({ keys, key, index }) => (keys === undefined ? `[${index}]` : `.${key}`)).join("");
  return path.startsWith(".") ? path.slice(1) : path;
}
