import type { Readable } from "node:stream";
import { StatusError } from "../../shared/status-error.ts";

/**
 * The lines of UTF-8 text, without their ends. Only a line feed ends a line, with or without a carriage return before it:
 * `node:readline` also splits at U+2028, which may be within a text of JSON.
 *
 * @throws {StatusError} RequestEntityTooLarge for a line of more than `limit` characters.
 */
export async function* linesOf(input: Readable, limit: number): AsyncGenerator<string> {
  let pieces: string[] = [];
  let length = 0;
  for await (const chunk of input.setEncoding("utf8") as AsyncIterable<string>) {
    let start = 0;
    for (let end = chunk.indexOf("\n"); end !== -1; end = chunk.indexOf("\n", start)) {
      pieces.push(chunk.slice(start, end));
      yield withoutReturn(pieces.join(""));
      pieces = [];
      length = 0;
      start = end + 1;
    }
    pieces.push(chunk.slice(start));
    length += chunk.length - start;
    if (length > limit) throw new StatusError("RequestEntityTooLarge", `a line is longer than ${limit} characters`);
  }
  if (length > 0) yield withoutReturn(pieces.join(""));
}

function withoutReturn(line: string): string {
  return line.endsWith("\r") ? line.slice(0, -1) : line;
}
