import { escapeUnprintable } from "../../shared/unprintable.ts";

/** A name comes from the requester and may be as long as a request. */
const SHOWN_CHARACTERS = 100;
const SHOWN_PATTERNS = 10;

/** A requested name for a message: quoted, and cut where it is long. */
export function showName(name: string): string {
  return escapeUnprintable(
    JSON.stringify(name.length > SHOWN_CHARACTERS ? `${name.slice(0, SHOWN_CHARACTERS)}…` : name),
  );
}

/** What would have been allowed, for the end of a sentence. */
export function showPatterns(patterns: readonly string[]): string {
  if (patterns.length === 0) return "there may be none";
  const shown = patterns.slice(0, SHOWN_PATTERNS).map((pattern) => JSON.stringify(pattern));
  return `allowed are: ${shown.join(", ")}${patterns.length > SHOWN_PATTERNS ? ", …" : ""}`;
}
