/**
 * Control characters, halves of pairs, separators of lines and paragraphs, and what turns the direction of reading. None
 * of it is text: it could paint a terminal, forge a line of a log, or make one name look like another.
 */
const UNPRINTABLE = /[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u061C\u200E\u200F\u202A-\u202E\u2066-\u2069]/u;
const ALL_UNPRINTABLE = new RegExp(UNPRINTABLE, "gu");
const RUNS = new RegExp(`${UNPRINTABLE.source}+`, "gu");

export function isPrintable(text: string): boolean {
  return !UNPRINTABLE.test(text);
}

/** The text with each run of such characters replaced. */
export function replaceUnprintable(text: string, by: string): string {
  return text.replace(RUNS, by);
}

/** The text with each such character as `\u001b` and the like. */
export function escapeUnprintable(text: string): string {
  return text.replace(ALL_UNPRINTABLE, (found) => `\\u${found.charCodeAt(0).toString(16).padStart(4, "0")}`);
}
