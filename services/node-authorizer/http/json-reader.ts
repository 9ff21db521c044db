import { isUtf8 } from "node:buffer";
import { StatusError } from "../../shared/status-error.ts";

/** A JSON object of which nothing is known yet. */
export type JsonObject = Readonly<Record<string, unknown>>;

// Readers of what a review may say. Kubernetes leaves out what is empty and older servers write null for it, so both
// count as absent; another type is an error that names the field.

/** @throws {StatusError} BadRequest when it is no JSON, or no object. */
export function parseObject(body: Buffer): JsonObject {
  let value: unknown;
  try {
    // Octets that are no UTF-8 would be replaced silently.
    if (!isUtf8(body)) throw new Error("not UTF-8");
    value = JSON.parse(body.toString("utf8"));
  } catch (cause) {
    throw new StatusError("BadRequest", "the body is not valid JSON", { cause });
  }
  return object(value, "the body");
}

/** @throws {StatusError} BadRequest */
export function object(value: unknown, field: string): JsonObject {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value as JsonObject;
  throw wrong(field, "an object");
}

/** @throws {StatusError} BadRequest */
export function optionalObject(value: unknown, field: string): JsonObject | undefined {
  return value === undefined || value === null ? undefined : object(value, field);
}

/** @returns the empty text for what is absent. @throws {StatusError} BadRequest */
export function text(value: unknown, field: string): string {
  if (typeof value === "string") return value;
  if (value === undefined || value === null) return "";
  throw wrong(field, "a text");
}

/** @returns an empty list for what is absent. @throws {StatusError} BadRequest */
export function list(value: unknown, field: string): readonly unknown[] {
  if (value === undefined || value === null) return NOTHING;
  if (Array.isArray(value)) return value;
  throw wrong(field, "a list");
}

/** @throws {StatusError} BadRequest */
export function texts(value: unknown, field: string): readonly string[] {
  if (value === undefined || value === null) return NOTHING;
  if (isListOfTexts(value)) return value;
  throw wrong(field, "a list of texts");
}

function isListOfTexts(value: unknown): value is readonly string[] {
  return Array.isArray(value) && value.every((item) => typeof item === "string");
}

/** A map of lists, as `extra` of a user. @throws {StatusError} BadRequest */
export function mapOfTexts(value: unknown, field: string): Readonly<Record<string, readonly string[]>> {
  const map = optionalObject(value, field);
  if (map === undefined) return NO_ENTRIES;
  for (const key of Object.keys(map)) {
    if (!isListOfTexts(map[key])) throw wrong(`${field}[${JSON.stringify(key.slice(0, 64))}]`, "a list of texts");
  }
  return map as Readonly<Record<string, readonly string[]>>;
}

const NOTHING: readonly never[] = [];
const NO_ENTRIES: Readonly<Record<string, readonly string[]>> = {};

export function wrong(field: string, wanted: string): StatusError {
  return new StatusError("BadRequest", `${field} must be ${wanted}`);
}
