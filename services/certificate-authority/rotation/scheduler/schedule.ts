import { Cron } from "croner";
import { parseDuration } from "../../../shared/duration.ts";

/** When a job is to run, by the wall clock and without jitter. */
export interface Schedule {
  /** The first instant after `after`. */
  next(after: Date): Date;
}

const EVERY = /^@every (\S+)$/;
const NICKNAME = /^@(yearly|annually|monthly|weekly|daily|midnight|hourly)$/;
const LONGEST_SECONDS = 366 * 86_400;

/**
 * Reads a schedule: five or six fields of cron (six begin with seconds), `@hourly` and its like, or `@every 10m`. Times
 * are UTC, so that no day has an hour twice, or not at all.
 *
 * @throws {RangeError} that says what is wrong with it.
 */
export function parseSchedule(text: string): Schedule {
  const every = EVERY.exec(text);
  return every === null ? cronSchedule(text) : interval(every[1] ?? "");
}

function interval(text: string): Schedule {
  const seconds = parseDuration(text);
  if (seconds === undefined || seconds < 1 || seconds > LONGEST_SECONDS) {
    throw new RangeError("must be @every and a duration from 1s to 366d, for example @every 10m");
  }
  return { next: (after) => new Date(after.getTime() + seconds * 1000) };
}

function cronSchedule(text: string): Schedule {
  const fields = text.trim().split(/\s+/).length;
  if (!NICKNAME.test(text) && fields !== 5 && fields !== 6) {
    throw new RangeError("must have five or six fields of cron, or be @hourly, @daily or @every 10m");
  }
  const cron = readCron(text);
  const next = (after: Date): Date => {
    const found = cron.nextRun(after);
    if (found === null) throw new RangeError("never comes");
    return found;
  };
  next(new Date(0));
  return { next };
}

function readCron(text: string): Cron {
  try {
    return new Cron(text, { paused: true, timezone: "UTC" });
  } catch (cause) {
    throw new RangeError(`is no cron expression: ${(cause as Error).message}`, { cause });
  }
}
