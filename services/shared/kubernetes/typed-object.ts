import { isJsonObject, type JsonObject, setOwn } from "./json-object.ts";
import type { FieldSchema, MessageSchema } from "./message-schema.ts";
import { toKubernetesTime } from "./object-meta.ts";
import { MAX_LIST_ELEMENTS } from "./protobuf-decode.ts";

/** A value has a type that its field cannot hold; the message names the field's path. */
export class ShapeError extends Error {
  override readonly name = "ShapeError";
}

const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)?$/;
const RFC3339 = /^(\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d)(?:[.,]\d{1,30})?(Z|[+-]\d\d:\d\d)$/;
/** What Go's time is before it is set. */
const ZERO_TIME = "0001-01-01T00:00:00Z";
const MAX_UNKNOWN_FIELDS = 100;

/**
 * Reads a JSON value as an object of a schema, as Go's decoder would: `null` is unset, in lists the zero value; unknown
 * fields are noted and dropped; base64 and times come out canonical.
 *
 * @param unknownFields - receives the path of each unknown field.
 * @throws {ShapeError} when a value has the wrong type.
 */
export function readTypedObject(value: unknown, schema: MessageSchema, unknownFields: string[]): JsonObject {
  if (!isJsonObject(value)) throw mismatch("", "an object", value);
  return readFields(value, schema, "", unknownFields);
}

function readFields(source: JsonObject, schema: MessageSchema, path: string, unknownFields: string[]): JsonObject {
  const target: JsonObject = {};
  for (const key of Object.keys(source)) {
    const field = schema.byName.get(key);
    if (field === undefined) {
      const isTypeMeta = path === "" && (key === "apiVersion" || key === "kind");
      if (!isTypeMeta && unknownFields.length < MAX_UNKNOWN_FIELDS) unknownFields.push(path + key);
      continue;
    }
    const value = source[key];
    if (value !== null && value !== undefined) readField(value, field, path, unknownFields, target);
  }
  return target;
}

function readField(
  value: unknown,
  field: FieldSchema,
  parent: string,
  unknownFields: string[],
  target: JsonObject,
): void {
  const path = parent + field.name;
  switch (field.shape) {
    case "single": {
      const read = readValue(value, field, path, unknownFields);
      if (read !== undefined) target[field.name] = read;
      return;
    }
    case "list": {
      const list = requireList(value, path);
      if (field.kind === "dropped") return;
      target[field.name] = list.map((item, index) => readItem(item, field, `${path}[${index}]`, unknownFields));
      return;
    }
    case "map":
      target[field.name] = readMap(value, field, path, unknownFields);
      return;
    default:
      field.shape satisfies never;
  }
}

function requireList(value: unknown, path: string): readonly unknown[] {
  if (!Array.isArray(value)) throw mismatch(path, "a list", value);
  if (value.length > MAX_LIST_ELEMENTS) throw new ShapeError(`${path}: more than ${MAX_LIST_ELEMENTS} elements`);
  return value;
}

function readMap(value: unknown, field: FieldSchema, path: string, unknownFields: string[]): JsonObject {
  if (!isJsonObject(value)) throw mismatch(path, "an object", value);
  const map: JsonObject = {};
  for (const key of Object.keys(value)) {
    setOwn(map, key, readItem(value[key], field, `${path}[${JSON.stringify(key)}]`, unknownFields));
  }
  return map;
}

/** An element of a list or map: `null` is the zero value. */
function readItem(value: unknown, field: FieldSchema, path: string, unknownFields: string[]): unknown {
  if (value !== null && value !== undefined) return readValue(value, field, path, unknownFields);
  return field.kind === "message" ? {} : field.kind === "strings" ? [] : "";
}

function readValue(value: unknown, field: FieldSchema, path: string, unknownFields: string[]): unknown {
  switch (field.kind) {
    case "string":
      return readString(value, path);
    case "bool":
      if (typeof value !== "boolean") throw mismatch(path, "a boolean", value);
      return value;
    case "int32":
      if (typeof value !== "number" || (value | 0) !== value) throw mismatch(path, "a 32-bit integer", value);
      return value;
    case "int64":
      if (!Number.isSafeInteger(value)) throw mismatch(path, "an integer", value);
      return value;
    case "bytes":
      return readBase64(value, path);
    case "time":
      return readTime(value, path);
    case "strings":
      return requireList(value, path).map((item, index) => readString(item, `${path}[${index}]`));
    case "dropped":
      return undefined;
    case "message":
      if (!isJsonObject(value)) throw mismatch(path, "an object", value);
      return field.message === undefined ? {} : readFields(value, field.message, `${path}.`, unknownFields);
    default:
      return field.kind satisfies never;
  }
}

/** Half a surrogate pair is no character: U+FFFD stands for it, as in Go. */
function readString(value: unknown, path: string): string {
  if (value === null) return "";
  if (typeof value !== "string") throw mismatch(path, "a string", value);
  return value.replaceAll(/\p{Surrogate}/gu, "\ufffd");
}

/** Canonical padded base64. Line breaks inside and stray bits at the end are tolerated, as Go tolerates them. */
function readBase64(value: unknown, path: string): string {
  if (typeof value !== "string") throw mismatch(path, "base64 text", value);
  const canonical = Buffer.from(value, "base64").toString("base64");
  if (canonical === value) return value;
  const joined = value.replaceAll(/[\r\n]/g, "");
  if (!BASE64.test(joined)) throw new ShapeError(`${path}: illegal base64 data`);
  return Buffer.from(joined, "base64").toString("base64");
}

/** @returns undefined for the zero time. */
function readTime(value: unknown, path: string): string | undefined {
  const [, wallClock = "", offset = ""] = (typeof value === "string" && RFC3339.exec(value)) || [];
  // Date takes 30 February for 1 March.
  if (timeOf(`${wallClock}Z`) !== `${wallClock}Z`) throw mismatch(path, "an RFC 3339 time", value);
  const text = timeOf(wallClock + offset);
  // An offset can carry a year out of the four digits that the format has.
  if (!RFC3339.test(text)) throw mismatch(path, "an RFC 3339 time", value);
  return text === ZERO_TIME ? undefined : text;
}

/** Empty when the text is no instant. */
function timeOf(text: string): string {
  const milliseconds = Date.parse(text);
  return Number.isNaN(milliseconds) ? "" : toKubernetesTime(new Date(milliseconds));
}

function mismatch(path: string, expected: string, value: unknown): ShapeError {
  const actual = value === null ? "null" : Array.isArray(value) ? "a list" : `a ${typeof value}`;
  return new ShapeError(`${path === "" ? "the body" : path}: expected ${expected}, got ${actual}`);
}
