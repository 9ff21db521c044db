import { BackwardWriter } from "./backward-writer.ts";
import type { JsonObject } from "./json-object.ts";
import type { FieldSchema, MessageSchema } from "./message-schema.ts";

const writer = new BackwardWriter();
const RAW_KEY = 0x12;
const ITEMS_KEY = 0x0a;
const MAP_KEY = 0x0a;
const MAP_VALUE = 0x12;
const SECONDS_KEY = 0x08;

/** Most times that are written in a row are of the same second. */
let lastTime = "";
let lastSeconds = 0;

/**
 * A message as the field of number 2 between other octets. Every value that is present is written, empty ones too;
 * `undefined` and `null` are not.
 *
 * @param object - in the shape of its JSON: base64 for bytes, RFC 3339 for times.
 */
export function encodeEnveloped(
  schema: MessageSchema,
  object: JsonObject,
  before: Uint8Array,
  after: Uint8Array,
): Buffer {
  writer.reset();
  writer.bytes(after);
  writeFields(schema, object);
  writer.varint(writer.length - after.length);
  writer.varint(RAW_KEY);
  writer.bytes(before);
  return writer.take();
}

function writeFields(schema: MessageSchema, object: JsonObject): void {
  const { fields } = schema;
  for (let index = fields.length - 1; index >= 0; index -= 1) {
    const field = fields[index];
    const value = field === undefined ? undefined : object[field.name];
    if (field === undefined || value === undefined || value === null || field.kind === "dropped") continue;
    writeField(field, value);
  }
}

function writeField(field: FieldSchema, value: unknown): void {
  switch (field.shape) {
    case "single":
      writeValue(field, value);
      writer.varint(field.key);
      return;
    case "list":
      writeList(field, value as readonly unknown[]);
      return;
    case "map":
      for (const [key, item] of Object.entries(value as JsonObject).reverse()) writeMapEntry(field, key, item);
      return;
    default:
      field.shape satisfies never;
  }
}

function writeList(field: FieldSchema, items: readonly unknown[]): void {
  for (let index = items.length - 1; index >= 0; index -= 1) {
    writeValue(field, items[index]);
    writer.varint(field.key);
  }
}

function writeMapEntry(field: FieldSchema, key: string, value: unknown): void {
  const end = writer.length;
  writeValue(field, value);
  writer.varint(MAP_VALUE);
  writer.text(key, "utf8");
  writer.varint(MAP_KEY);
  writer.varint(writer.length - end);
  writer.varint(field.key);
}

function writeValue(field: FieldSchema, value: unknown): void {
  switch (field.kind) {
    case "string":
      writer.text(value as string, "utf8");
      return;
    case "bytes":
      writer.text(value as string, "base64");
      return;
    case "bool":
      writer.varint(value === true ? 1 : 0);
      return;
    case "int32":
    case "int64":
      writer.varint(value as number);
      return;
    case "dropped":
      return;
    case "time":
    case "strings":
    case "message":
      writeNested(field, value);
      return;
    default:
      field.kind satisfies never;
  }
}

function writeNested(field: FieldSchema, value: unknown): void {
  const end = writer.length;
  if (field.kind === "time") writeSeconds(value as string);
  else if (field.kind === "strings") writeStrings(value as readonly string[]);
  else if (field.message !== undefined) writeFields(field.message, value as JsonObject);
  writer.varint(writer.length - end);
}

function writeSeconds(time: string): void {
  if (time !== lastTime) {
    lastSeconds = Math.floor(Date.parse(time) / 1000);
    lastTime = time;
  }
  writer.varint(lastSeconds);
  writer.varint(SECONDS_KEY);
}

function writeStrings(items: readonly string[]): void {
  for (const item of items.toReversed()) {
    writer.text(item, "utf8");
    writer.varint(ITEMS_KEY);
  }
}
