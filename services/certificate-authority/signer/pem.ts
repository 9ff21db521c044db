/** One decodable PEM block. */
export interface PemBlock {
  readonly label: string;
  readonly hasHeaders: boolean;
  readonly der: Buffer;
}

interface Line {
  /** Without its line end and without the blanks before that. */
  readonly text: string;
  readonly next: number;
}

const BEGIN = "-----BEGIN ";
const END = "\n-----END ";
const DASHES = "-----";
const NOT_BASE64 = /[^A-Za-z0-9+/]/;

/** One block of 64-column base64, ending in a newline. */
export function encodePem(label: string, der: Buffer): string {
  const base64 = der.toString("base64");
  let lines = "";
  for (let at = 0; at < base64.length; at += 64) lines += `${base64.slice(at, at + 64)}\n`;
  return `${BEGIN}${label}${DASHES}\n${lines}${END.slice(1)}${label}${DASHES}\n`;
}

/**
 * The decodable blocks of `text` in order, with the tolerance of Go's `pem.Decode`: text around blocks is skipped, so
 * are blocks whose labels do not pair or whose base64 is broken. A line with a colon right below BEGIN is a header, blank
 * line after it or not.
 *
 * @param text - one character an octet (latin1).
 * Source: Go src/encoding/pem/pem.go.
 */
export function* decodePem(text: string): Generator<PemBlock, undefined> {
  // Every END line is looked at once, with the last BEGIN before it, so hostile input costs no more than its length.
  let from = 0;
  for (;;) {
    const endLine = text.indexOf(END, from);
    if (endLine < 0) return;
    const begin = lastBegin(text, from, endLine);
    const block = begin < 0 ? undefined : decodeBlock(text, begin, endLine);
    if (block === "exhausted") return;
    if (block !== undefined) yield block;
    from = block === undefined ? endLine + END.length : lineAt(text, endLine + END.length).next;
  }
}

/** The start of the last BEGIN in [from, end), provided that it starts a line or stands where the search starts; or -1. */
function lastBegin(text: string, from: number, end: number): number {
  const begin = text.slice(from, end).lastIndexOf(BEGIN);
  const at = from + begin;
  return begin === 0 || (begin > 0 && text[at - 1] === "\n") ? at : -1;
}

/** `exhausted` when nothing after this block would be found either: its header lines ran past its end. */
function decodeBlock(text: string, begin: number, endLine: number): PemBlock | "exhausted" | undefined {
  const first = lineAt(text, begin + BEGIN.length);
  if (!first.text.endsWith(DASHES)) return undefined;
  const label = first.text.slice(0, -DASHES.length);
  const trailer = endLine + END.length;
  const body = skipHeaders(text, first.next);
  if (body === text.length) return "exhausted";
  const hasHeaders = body !== first.next;
  if (hasHeaders && endLine < body) return trailer < body ? "exhausted" : undefined;
  if (!text.startsWith(label + DASHES, trailer)) return undefined;
  if (lineAt(text, trailer + label.length + DASHES.length).text !== "") return undefined;
  // BEGIN and END of an empty block share one newline: the body then starts behind the END line's.
  const der = decodeBase64(text.slice(body, Math.max(body, endLine)));
  return der && { label, hasHeaders, der };
}

function skipHeaders(text: string, start: number): number {
  let at = start;
  while (at < text.length) {
    const line = lineAt(text, at);
    if (!line.text.includes(":")) return at;
    at = line.next;
  }
  return text.length;
}

function lineAt(text: string, start: number): Line {
  const newline = text.indexOf("\n", start);
  if (newline < 0) return { text: trimBlanks(text, start, text.length), next: text.length };
  const end = newline > start && text[newline - 1] === "\r" ? newline - 1 : newline;
  return { text: trimBlanks(text, start, end), next: newline + 1 };
}

function trimBlanks(text: string, start: number, end: number): string {
  let last = end;
  while (last > start && (text[last - 1] === " " || text[last - 1] === "\t")) last -= 1;
  return text.slice(start, last);
}

/** Padded standard base64 with any line breaks and blanks in it; undefined when it is anything else. */
function decodeBase64(text: string): Buffer | undefined {
  const compact = text.replace(/[ \t\r\n]+/g, "");
  const padding = compact.endsWith("==") ? 2 : compact.endsWith("=") ? 1 : 0;
  if (compact.length % 4 !== 0 || NOT_BASE64.test(compact.slice(0, compact.length - padding))) return undefined;
  return Buffer.from(compact, "base64");
}
