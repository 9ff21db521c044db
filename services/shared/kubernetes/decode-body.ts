import { StatusError } from "../status-error.ts";
import { isJsonObject, type JsonObject } from "./json-object.ts";
import { parseJsonText } from "./json-text.ts";
import { type MessageSchema, schemaOf } from "./message-schema.ts";
import { decodeProtobuf, PROTOBUF_TYPE } from "./protobuf.ts";
import { readTypedObject, ShapeError } from "./typed-object.ts";
import { parseYamlText } from "./yaml-text.ts";

export type WireFormat = "json" | "yaml" | "protobuf";

const FORMATS: ReadonlyMap<string, WireFormat> = new Map([
  ["", "json"],
  ["application/json", "json"],
  ["application/yaml", "yaml"],
  [PROTOBUF_TYPE, "protobuf"],
]);

/** The type that an endpoint takes; a body that names none is read as it. */
export interface ExpectedType {
  readonly apiVersion: string;
  readonly kind: string;
  /** For options that may come under any group's version. */
  readonly anyApiVersion?: boolean;
}

export interface DecodedBody {
  /** In the shape of its JSON: known fields only, without `apiVersion` and `kind`. */
  readonly object: JsonObject;
  /** What strict field validation objects to, e.g. `unknown field "spec.foo"`. */
  readonly strictErrors: readonly string[];
}

/**
 * The body format that a Content-Type header names; none means JSON.
 * @throws {StatusError} UnsupportedMediaType.
 */
export function bodyFormatOf(contentType: string | undefined): WireFormat {
  const format = FORMATS.get(mediaTypeOf(contentType));
  if (format !== undefined) return format;
  throw new StatusError(
    "UnsupportedMediaType",
    `the body of the request was in an unknown format; accepted are ${[...FORMATS.keys()].filter(Boolean).join(", ")}`,
  );
}

/** A Content-Type header without its parameters, in lower case. */
export function mediaTypeOf(contentType: string | undefined): string {
  if (contentType === undefined || FORMATS.has(contentType)) return contentType ?? "";
  const [type = ""] = contentType.split(";", 1);
  return type.trim().toLowerCase();
}

/**
 * Reads a request body as the object an endpoint takes.
 *
 * @throws {StatusError} BadRequest when it is unreadable, of another type or has a field of the wrong type.
 */
export function decodeBody(format: WireFormat, body: Buffer, expected: ExpectedType): DecodedBody {
  if (format === "protobuf") return decodeProtobufBody(body, expected);
  const text = body.toString("utf8");
  const { value, duplicates } = format === "json" ? parseJsonText(text) : parseYamlText(text);
  return decodeValue(value, duplicates, expected);
}

/** Reads an already parsed JSON value as the object an endpoint takes; as `decodeBody`. `null` is an empty object. */
export function decodeValue(given: unknown, duplicates: readonly string[], expected: ExpectedType): DecodedBody {
  const value = given ?? {};
  if (!isJsonObject(value)) throw new StatusError("BadRequest", "the body is no object");
  requireType(value["apiVersion"], value["kind"], expected);
  const unknownFields: string[] = [];
  const object = readShape(value, schemaFor(expected), expected, unknownFields);
  if (unknownFields.length === 0 && duplicates.length === 0) return { object, strictErrors: [] };
  const known = duplicates.filter((path) => !unknownFields.some((unknown) => isAtOrBelow(path, unknown)));
  const strictErrors = [
    ...[...new Set(known)].map((path) => `duplicate field ${JSON.stringify(path)}`),
    ...unknownFields.map((path) => `unknown field ${JSON.stringify(path)}`),
  ];
  return { object, strictErrors };
}

/** What stands in an unknown field is not looked at. */
function isAtOrBelow(path: string, field: string): boolean {
  return path.startsWith(field) && (path.length === field.length || ".[".includes(path.charAt(field.length)));
}

function decodeProtobufBody(body: Buffer, expected: ExpectedType): DecodedBody {
  const decoded = decodeProtobuf(body, expected);
  requireType(decoded.apiVersion, decoded.kind, expected);
  delete decoded.object["apiVersion"];
  delete decoded.object["kind"];
  return { object: decoded.object, strictErrors: [] };
}

function schemaFor(expected: ExpectedType): MessageSchema {
  const schema = schemaOf(expected.apiVersion, expected.kind);
  if (schema === undefined) throw new Error(`no schema for ${expected.apiVersion} ${expected.kind}`);
  return schema;
}

function readShape(value: JsonObject, schema: MessageSchema, expected: ExpectedType, unknown: string[]): JsonObject {
  try {
    return readTypedObject(value, schema, unknown);
  } catch (cause) {
    if (!(cause instanceof ShapeError)) throw cause;
    const message = `${expected.kind} in version ${JSON.stringify(expected.apiVersion)} cannot be read: ${cause.message}`;
    throw new StatusError("BadRequest", message, { cause });
  }
}

function requireType(apiVersion: unknown, kind: unknown, expected: ExpectedType): void {
  if (!isExpected(kind, expected.kind)) {
    throw new StatusError("BadRequest", `the kind in the body (${nameOf(kind)}) is not the expected ${expected.kind}`);
  }
  if (expected.anyApiVersion && typeof apiVersion === "string") return;
  if (!isExpected(apiVersion, expected.apiVersion)) {
    throw new StatusError(
      "BadRequest",
      `the API version in the body (${nameOf(apiVersion)}) is not the expected ${expected.apiVersion}`,
    );
  }
}

/** Absent, null and empty are inferred from the endpoint. */
function isExpected(value: unknown, expected: string): boolean {
  return value === expected || value === undefined || value === null || value === "";
}

function nameOf(value: unknown): string {
  return typeof value === "string" ? JSON.stringify(value.slice(0, 100)) : typeof value;
}
