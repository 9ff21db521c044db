import { destination, type LevelWithSilent, type Logger, pino } from "pino";

export type { Logger } from "pino";

/** Keys whose values never reach a log line, wherever they stand in the first two levels of an object. */
const SECRET_KEYS = ["authorization", "token", "tokenSecret", "password", "privateKey", "cookie"];

export interface LoggingOptions {
  readonly level: LevelWithSilent;
}

/**
 * The process's logger: one JSON object a line on standard error, so that standard output stays for what a command
 * prints. Writes are synchronous: a line that was logged survives a crash right after it.
 */
export function createLogger({ level }: LoggingOptions): Logger {
  return pino(
    {
      level,
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      formatters: { level: (label) => ({ level: label }) },
      redact: { paths: SECRET_KEYS.flatMap((key) => [key, `*.${key}`, `*.*.${key}`]), censor: "[redacted]" },
    },
    destination({ fd: 2, sync: true }),
  );
}
