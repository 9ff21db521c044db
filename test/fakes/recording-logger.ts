import { pino } from "pino";
import type { Logger } from "../../services/shared/logging.ts";

export interface RecordedLine {
  readonly level: string;
  readonly msg: string;
  readonly [key: string]: unknown;
}

/** A logger that keeps its lines instead of writing them. */
export function recordingLogger(): { readonly logger: Logger; readonly lines: readonly RecordedLine[] } {
  const lines: RecordedLine[] = [];
  const logger = pino(
    { level: "debug", base: null, formatters: { level: (label) => ({ level: label }) } },
    { write: (line: string) => lines.push(JSON.parse(line) as RecordedLine) },
  );
  return { logger, lines };
}
