import type { Environment } from "@marcbachmann/cel-js";
import { libraryName } from "./cel-functions.ts";

const SYNC = { async: false } as const;
const TIMESTAMP = "google.protobuf.Timestamp";
const DURATION = "google.protobuf.Duration";
const DAY_MILLISECONDS = 86_400_000;
/** Rules name a handful of zones; more than these are not remembered. */
const MAXIMUM_ZONES = 64;
const ZONE_CHARACTERS = 64;

/** What is told of an instant, of a date whose parts in UTC are those of its zone. */
const PARTS: Readonly<Record<string, (local: Date) => number>> = {
  getDate: (local) => local.getUTCDate(),
  getDayOfMonth: (local) => local.getUTCDate() - 1,
  getDayOfWeek: (local) => local.getUTCDay(),
  getDayOfYear: (local) => Math.floor((local.getTime() - Date.UTC(local.getUTCFullYear(), 0, 1)) / DAY_MILLISECONDS),
  getFullYear: (local) => local.getUTCFullYear(),
  getHours: (local) => local.getUTCHours(),
  getMilliseconds: (local) => local.getUTCMilliseconds(),
  getMinutes: (local) => local.getUTCMinutes(),
  getMonth: (local) => local.getUTCMonth(),
  getSeconds: (local) => local.getUTCSeconds(),
};

/** The functions that are also there for lengths of time, where they count whole units. */
const OF_DURATIONS = ["getHours", "getMilliseconds", "getMinutes", "getSeconds"] as const;
type DurationPart = (typeof OF_DURATIONS)[number];

/**
 * The parts of an instant, in UTC or in the zone that is named: `now.getHours("Europe/Berlin")`,
 * `now.getDayOfWeek("-05:00")`. Independent of the zone of the process.
 *
 * Source: cel-spec doc/langdef.md (Abstract Types, Timestamp).
 */
export function registerTimeZones(environment: Environment): void {
  for (const [name, partOf] of Object.entries(PARTS)) {
    const function_ = `${TIMESTAMP}.${libraryName(name)}`;
    const inZone = (instant: Date, zone: string): bigint => BigInt(partOf(localDate(instant, zone)));
    environment
      .registerFunction(`${function_}(): int`, (instant: Date) => BigInt(partOf(instant)), SYNC)
      .registerFunction(`${function_}(string): int`, inZone, SYNC);
  }
  for (const name of OF_DURATIONS) {
    const count = (length: Readonly<Record<DurationPart, () => bigint>>): bigint => length[name]();
    environment.registerFunction(`${DURATION}.${libraryName(name)}(): int`, count, SYNC);
  }
}

interface Zone {
  readonly format: Intl.DateTimeFormat;
  /** What was asked last, in milliseconds: hour and day of one instant are asked one after the other. */
  instant: number;
  local: Date;
}

const zones = new Map<string, Zone>();

/** A date whose parts in UTC are those of the instant in the zone. @throws {Error} when there is no such zone. */
function localDate(instant: Date, name: string): Date {
  const zone = zoneOf(name);
  if (zone.instant !== instant.getTime()) {
    zone.local = convert(instant, zone.format);
    zone.instant = instant.getTime();
  }
  return zone.local;
}

function convert(instant: Date, format: Intl.DateTimeFormat): Date {
  const parts = Object.fromEntries(format.formatToParts(instant).map(({ type, value }) => [type, Number(value)]));
  const { year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0 } = parts;
  const local = new Date(0);
  local.setUTCFullYear(year, month - 1, day);
  local.setUTCHours(hour, minute, second, instant.getUTCMilliseconds());
  return local;
}

function zoneOf(name: string): Zone {
  const known = zones.get(name);
  if (known !== undefined) return known;
  if (zones.size >= MAXIMUM_ZONES) zones.clear();
  const zone = { format: makeFormat(name), instant: Number.NaN, local: new Date(0) };
  zones.set(name, zone);
  return zone;
}

function makeFormat(timeZone: string): Intl.DateTimeFormat {
  const two = "2-digit";
  const date = { year: "numeric", month: two, day: two } as const;
  const time = { hour: two, minute: two, second: two, hourCycle: "h23" } as const;
  try {
    if (timeZone.length > ZONE_CHARACTERS) throw new RangeError("too long");
    return new Intl.DateTimeFormat("en-US", { timeZone, calendar: "gregory", ...date, ...time });
  } catch (cause) {
    throw new Error('there is no such time zone; name one such as "Europe/Berlin", "UTC" or "+02:00"', { cause });
  }
}
