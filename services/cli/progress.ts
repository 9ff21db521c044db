import type { Sink } from "./terminal.ts";

const REDRAW_MILLISECONDS = 100;

export interface Progress {
  at(amount: number, total?: number): void;
  end(): void;
}

/** One line that redraws itself on a terminal; nothing at all into a pipe or a file. */
export function createProgress(sink: Sink, title: string, totalBytes: number | undefined): Progress {
  if (!sink.isTTY) return { at() {}, end() {} };
  let drawn = Number.NEGATIVE_INFINITY;
  return {
    at(bytes) {
      const now = performance.now();
      if (now - drawn < REDRAW_MILLISECONDS) return;
      drawn = now;
      const total = totalBytes === undefined ? "" : ` of ${megabytes(totalBytes)}`;
      sink.write(`\r${title} ... ${megabytes(bytes)}${total}\x1b[K`);
    },
    end() {
      sink.write("\r\x1b[K");
    },
  };
}

/** The same for things that are counted. */
export function createCount(sink: Sink, verb: string, things: string): Progress {
  if (!sink.isTTY) return { at() {}, end() {} };
  let drawn = Number.NEGATIVE_INFINITY;
  return {
    at(count, total) {
      const now = performance.now();
      if (now - drawn < REDRAW_MILLISECONDS) return;
      drawn = now;
      const whole = total === undefined ? "" : ` of ${total}`;
      sink.write(`\r${verb} ${count}${whole} ${things}\x1b[K`);
    },
    end() {
      sink.write("\r\x1b[K");
    },
  };
}

export function megabytes(bytes: number): string {
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
