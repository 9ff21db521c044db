import { StatusError } from "../../shared/status-error.ts";

/** A JSON object of which nothing is known yet. */
export type JsonObject = Readonly<Record<string, unknown>>;

// Readers of what a review may say. Kubernetes leaves out what is empty and older servers write null for it, so both
// count as absent; another type is an error that names the field.

/** @throws {StatusError} BadRequest when it is no JSON, or no object. */
export function parseObject(body: Buffer): JsonObject {
  let value: unknown;
  try {
    value = JSON.parse(utf8.decode(body));
  } catch (cause) {
    throw new StatusError("BadRequest", "the body is not valid JSON", { cause });
  }
  return object(value, "the body");
}

const utf8 = new TextDecoder("utf-8", { fatal: true });

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
  const items = list(value, field);
  for (const item of items) if (typeof item !== "string") throw wrong(field, "a list of texts");
  return items as readonly string[];
}

/** A map of lists, as `extra` of a user. @throws {StatusError} BadRequest */
export function mapOfTexts(value: unknown, field: string): Readonly<Record<string, readonly string[]>> {
  const map = optionalObject(value, field);
  if (map === undefined) return NO_ENTRIES;
  for (const [key, items] of Object.entries(map)) texts(items, `${field}[${JSON.stringify(key.slice(0, 64))}]`);
  return map as Readonly<Record<string, readonly string[]>>;
}

const NOTHING: readonly never[] = [];
const NO_ENTRIES: Readonly<Record<string, readonly string[]>> = {};

export function wrong(field: string, wanted: string): StatusError {
  return new StatusError("BadRequest", `${field} must be ${wanted}`);
}
