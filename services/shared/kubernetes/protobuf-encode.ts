import { BackwardWriter } from "./backward-writer.ts";
import type { JsonObject } from "./json-object.ts";
import type { FieldSchema, MessageSchema } from "./message-schema.ts";

const writer = new BackwardWriter();
const ITEMS_KEY = 0x0a;
const MAP_KEY = 0x0a;
const MAP_VALUE = 0x12;
const SECONDS_KEY = 0x08;

/**
 * One message, without envelope. Every value that is present is written, empty ones too; `undefined` and `null` are
 * not.
 *
 * @param object - in the shape of its JSON: base64 for bytes, RFC 3339 for times.
 */
export function encodeMessage(schema: MessageSchema, object: JsonObject): Buffer {
  writer.reset();
  writeFields(schema, object);
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
      for (const item of (value as readonly unknown[]).toReversed()) {
        writeValue(field, item);
        writer.varint(field.key);
      }
      return;
    case "map":
      for (const [key, item] of Object.entries(value as JsonObject).reverse()) writeMapEntry(field, key, item);
      return;
    default:
      field.shape satisfies never;
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
  writer.varint(Math.floor(Date.parse(time) / 1000));
  writer.varint(SECONDS_KEY);
}

function writeStrings(items: readonly string[]): void {
  for (const item of items.toReversed()) {
    writer.text(item, "utf8");
    writer.varint(ITEMS_KEY);
  }
}
