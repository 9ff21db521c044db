import { destination, type LevelWithSilent, type Logger, pino } from "pino";

export type { Logger } from "pino";

/** Keys whose values never reach a log line, wherever they stand in the first three levels of an object. */
const SECRET_KEYS = ["authorization", "token", "tokenSecret", "password", "privateKey", "cookie"];

export interface LoggingOptions {
  readonly level: LevelWithSilent;
  /** One JSON object a line (the default), or a line of text for people at a terminal. */
  readonly format?: "json" | "text";
}

/**
 * The process's logger, on standard error, so that standard output stays for what a command prints. Writes are
 * synchronous: a line that was logged survives a crash right after it.
 */
export function createLogger({ level, format = "json" }: LoggingOptions): Logger {
  const options = {
    level,
    base: null,
    timestamp: pino.stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    redact: { paths: SECRET_KEYS.flatMap((key) => [key, `*.${key}`, `*.*.${key}`]), censor: "[redacted]" },
  };
  const lines = destination({ fd: 2, sync: true });
  return pino(options, format === "json" ? lines : { write: (line: string) => lines.write(toText(line)) });
}

/** `12:34:56 warn  message key=value …` */
export function toText(line: string): string {
  const { level, time, msg = "", ...rest } = JSON.parse(line) as Record<string, unknown>;
  const fields = Object.entries(rest).map(
    ([key, value]) => ` ${key}=${typeof value === "string" ? value : JSON.stringify(value)}`,
  );
  return `${String(time).slice(11, 19)} ${String(level).padEnd(5)} ${String(msg)}${fields.join("")}\n`;
}
