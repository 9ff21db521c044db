import { CEL_LIMITS } from "./cel-limits.ts";

/** What an expression may be given: JSON values, with `Date` for instants and `bigint` for large whole numbers. */
export type CelInput =
  | null
  | undefined
  | boolean
  | number
  | bigint
  | string
  | Date
  | readonly CelInput[]
  | { readonly [key: string]: CelInput };

/** What an expression may answer when anything is allowed: JSON values, with `Date` for instants. */
export type CelOutput =
  | null
  | boolean
  | number
  | bigint
  | string
  | Date
  | readonly CelOutput[]
  | { readonly [key: string]: CelOutput };

const INT64_END = 2n ** 63n;

/**
 * Turns a value into what the language works on: whole numbers become `int`, other numbers `double`, dates
 * timestamps, objects maps. A property that is undefined is a missing one, so that `has()` tells the two apart.
 *
 * @throws {Error} naming what cannot be bound: something deeper than the limit, an int outside 64 bits, an invalid date,
 * or a value of no such type.
 */
export function toCelValue(value: unknown, depth = 0): unknown {
  if (depth > CEL_LIMITS.valueDepth) throw new Error(`a value nests deeper than ${CEL_LIMITS.valueDepth} levels`);
  if (value === null || typeof value === "string" || typeof value === "boolean") return value;
  if (typeof value === "bigint") return int64(value);
  if (typeof value === "number") return Number.isSafeInteger(value) ? BigInt(value) : value;
  if (typeof value === "object") return toCelObject(value, depth);
  throw new Error(`a value is a ${typeof value}`);
}

function toCelObject(value: object, depth: number): unknown {
  if (value instanceof Date) return validDate(value);
  // The library knows lists by their constructor, and map() would take over that of an array made in another realm.
  if (Array.isArray(value)) return Array.from(value, (item: unknown) => toCelValue(item ?? null, depth + 1));
  const made = new Map<unknown, unknown>();
  for (const [key, item] of value instanceof Map ? value : Object.entries(value)) {
    if (item !== undefined) made.set(key, toCelValue(item, depth + 1));
  }
  return made;
}

/** @throws {Error} when the value is beyond the language's whole numbers. */
export function int64(value: bigint): bigint {
  if (value < -INT64_END || value >= INT64_END) throw new Error("a whole number does not fit into 64 bits");
  return value;
}

function validDate(value: Date): Date {
  if (Number.isNaN(value.getTime())) throw new Error("a date is not valid");
  return value;
}

/**
 * The way back: whole numbers become numbers when they are exact there and stay `bigint` otherwise.
 *
 * @throws {Error} for values of the language that have no JSON form, such as a type or an optional.
 */
export function fromCelValue(value: unknown): CelOutput {
  if (typeof value === "string" || typeof value === "boolean" || typeof value === "number") return value;
  if (typeof value === "bigint") return Number.isSafeInteger(Number(value)) ? Number(value) : value;
  return fromCelObject(value);
}

function fromCelObject(value: unknown): CelOutput {
  if (value === null || value instanceof Date) return value;
  if (Array.isArray(value)) return value.map(fromCelValue);
  if (value instanceof Map) {
    return Object.fromEntries([...value].map(([key, item]) => [String(key), fromCelValue(item)]));
  }
  if (typeof value === "object" && Object.getPrototypeOf(value) === Object.prototype) {
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, fromCelValue(item)]));
  }
  throw new Error("the answer is of a type that cannot leave the expression");
}
