import { isUtf8 } from "node:buffer";
import { type Environment, evaluate } from "@marcbachmann/cel-js";
import { libraryName } from "./cel-functions.ts";
import { int64 } from "./cel-values.ts";

const SYNC = { async: false } as const;
const TIMESTAMP = "google.protobuf.Timestamp";
const DURATION = "google.protobuf.Duration";

const DECIMAL = /^[+-]?\d{1,19}$/;
const RFC_3339 =
  /^\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3])(:[0-5]\d){2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})$/;
// Anchored, and no two neighbouring parts take the same character: linear, unlike the library's own.
const GO_DURATION = /^[+-]?(?:\d{1,18}(?:\.\d{1,9})?(?:ns|us|µs|ms|s|m|h))+$/;
const DURATION_CHARACTERS = 64;

/**
 * Conversions as the language defines them: `int()` of a decimal number only and within 64 bits, `timestamp()` of an RFC
 * 3339 instant only, and `string()` of instants and durations too.
 *
 * Source: cel-spec doc/langdef.md (standard definitions), cel-go common/types.
 */
export function registerConversions(environment: Environment): void {
  registerInt(environment, libraryName("int"));
  registerString(environment, libraryName("string"));
  environment
    .registerFunction(`${libraryName("timestamp")}(string): ${TIMESTAMP}`, parseTimestamp, SYNC)
    .registerFunction(`${libraryName("timestamp")}(int): ${TIMESTAMP}`, timestampOfSeconds, SYNC)
    .registerFunction(`${libraryName("timestamp")}(${TIMESTAMP}): ${TIMESTAMP}`, (instant: Date) => instant, SYNC)
    .registerFunction(`${libraryName("duration")}(string): ${DURATION}`, parseDuration, SYNC)
    .registerFunction(`${libraryName("duration")}(${DURATION}): ${DURATION}`, (length: object) => length, SYNC);
}

function registerInt(environment: Environment, int: string): void {
  environment
    .registerFunction(`${int}(int): int`, (value: bigint) => value, SYNC)
    .registerFunction(`${int}(uint): int`, (value: { valueOf(): bigint }) => int64(value.valueOf()), SYNC)
    .registerFunction(`${int}(double): int`, intOfDouble, SYNC)
    .registerFunction(`${int}(string): int`, intOfString, SYNC)
    .registerFunction(
      `${int}(${TIMESTAMP}): int`,
      (instant: Date) => BigInt(Math.floor(instant.getTime() / 1000)),
      SYNC,
    );
}

function registerString(environment: Environment, string: string): void {
  for (const type of ["string", "bool", "int", "uint", DURATION]) {
    environment.registerFunction(`${string}(${type}): string`, (value: unknown) => String(value), SYNC);
  }
  environment
    .registerFunction(`${string}(double): string`, stringOfDouble, SYNC)
    .registerFunction(`${string}(bytes): string`, stringOfBytes, SYNC)
    .registerFunction(`${string}(${TIMESTAMP}): string`, stringOfTimestamp, SYNC);
}

function intOfDouble(value: number): bigint {
  if (!Number.isFinite(value)) throw new Error("the number is not finite");
  return int64(BigInt(Math.trunc(value)));
}

function intOfString(text: string): bigint {
  if (!DECIMAL.test(text)) throw new Error("int() takes a decimal whole number");
  return int64(BigInt(text.startsWith("+") ? text.slice(1) : text));
}

function stringOfDouble(value: number): string {
  if (Number.isFinite(value) || Number.isNaN(value)) return String(value);
  return value > 0 ? "+Inf" : "-Inf";
}

function stringOfBytes(octets: Uint8Array): string {
  if (!isUtf8(octets)) throw new Error("string() takes octets of UTF-8 only");
  return Buffer.from(octets).toString("utf8");
}

function stringOfTimestamp(instant: Date): string {
  return instant.toISOString().replace(/\.?0*Z$/, "Z");
}

function parseTimestamp(text: string): Date {
  const instant = RFC_3339.test(text) ? new Date(text) : new Date(Number.NaN);
  if (Number.isNaN(instant.getTime())) throw new Error("timestamp() takes an RFC 3339 instant");
  return instant;
}

function timestampOfSeconds(seconds: bigint): Date {
  const instant = new Date(Number(seconds) * 1000);
  if (Number.isNaN(instant.getTime())) throw new Error("timestamp() takes seconds since 1970 in the years 1 to 9999");
  return instant;
}

function parseDuration(text: string): unknown {
  if (text.length > DURATION_CHARACTERS || !GO_DURATION.test(text)) {
    throw new Error('duration() takes a number with a unit, for example "300ms" or "1h30m"');
  }
  // Its class is not exported.
  return evaluate("duration(text)", { text });
}
