import type { Readable } from "node:stream";
import { replaceUnprintable } from "../../../../shared/unprintable.ts";

/** What a stream has brought so far, up to a limit. */
export interface CollectedOutput {
  /** Undefined when it is no UTF-8. */
  text(): string | undefined;
}

/** @param onOverflow - called once, when more than `limitBytes` came; what follows is thrown away. */
export function collectOutput(stream: Readable, limitBytes: number, onOverflow: () => void): CollectedOutput {
  const chunks: Buffer[] = [];
  let size = 0;
  stream.on("error", () => undefined);
  stream.on("data", (chunk: Buffer) => {
    if (size > limitBytes) return;
    size += chunk.length;
    if (size > limitBytes) onOverflow();
    else chunks.push(chunk);
  });
  return { text: () => decodeStrictly(Buffer.concat(chunks)) };
}

export function decodeStrictly(bytes: Uint8Array): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(bytes);
  } catch {
    return undefined;
  }
}

const COMPLAINT_BYTES = 4096;

/** Keeps the end of what a program complains about, however much it is. */
export function collectComplaint(stream: Readable): { take(): string } {
  let kept: Buffer = Buffer.alloc(0);
  stream.on("error", () => undefined);
  stream.on("data", (chunk: Buffer) => {
    kept = Buffer.concat([kept, chunk.subarray(-COMPLAINT_BYTES)]).subarray(-COMPLAINT_BYTES);
  });
  return {
    /** What was not taken before. */
    take() {
      const text = printable(kept.toString("utf8"));
      kept = Buffer.alloc(0);
      return text;
    },
  };
}

/** One line: line breaks become ` | `, what could paint a terminal or forge a log line becomes `?`. */
function printable(text: string): string {
  const lines = text.trim().replace(/\s*[\r\n]+\s*/g, " | ");
  return replaceUnprintable(lines, "?").replaceAll("\uFFFD", "?");
}
