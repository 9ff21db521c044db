import protobuf from "protobufjs";
import { type JsonObject, setOwn } from "./json-object.ts";
import type { FieldSchema, MessageSchema } from "./message-schema.ts";
import { toKubernetesTime } from "./object-meta.ts";

/** No request needs a longer list; only `items` of the lists that servers send may be longer. */
export const MAX_LIST_ELEMENTS = 10_000;

const UNIX_YEAR_1 = -62_135_596_800;
const UNIX_YEAR_9999_END = 253_402_300_799;

/**
 * One message, without envelope, in the shape of its JSON. Unknown fields are skipped, a zero-length Time is unset,
 * nesting is bounded by the schema.
 *
 * @throws {Error} of any kind when the bytes are no such message.
 */
export function decodeMessage(schema: MessageSchema, bytes: Uint8Array): JsonObject {
  const reader = protobuf.Reader.create(bytes);
  return readFields(reader, schema, reader.len, {});
}

function readFields(reader: protobuf.Reader, schema: MessageSchema, end: number, target: JsonObject): JsonObject {
  while (reader.pos < end) {
    const key = reader.uint32();
    const field = schema.byNumber[key >>> 3];
    if (field === undefined) skip(reader, key);
    else if (field.key !== key) throw new Error(`field ${field.name} has the wrong wire type`);
    else readField(reader, field, target);
  }
  if (reader.pos > end) throw new Error("a field ends behind its message");
  return target;
}

function skip(reader: protobuf.Reader, key: number): void {
  if (key >>> 3 === 0) throw new Error("a field has the number 0");
  reader.skipType(key & 7);
}

function readField(reader: protobuf.Reader, field: FieldSchema, target: JsonObject): void {
  const { name } = field;
  if (field.kind === "dropped") {
    reader.skipType(2);
    return;
  }
  switch (field.shape) {
    case "single": {
      const value = readValue(reader, field, target[name]);
      if (value !== undefined) target[name] = value;
      return;
    }
    case "list": {
      const list = (target[name] ?? []) as unknown[];
      if (list.length >= MAX_LIST_ELEMENTS && name !== "items") throw new Error(`${name} has too many elements`);
      list.push(readValue(reader, field, undefined));
      target[name] = list;
      return;
    }
    case "map": {
      const map = (target[name] ?? {}) as JsonObject;
      readMapEntry(reader, field, map);
      target[name] = map;
      return;
    }
    default:
      field.shape satisfies never;
  }
}

function readMapEntry(reader: protobuf.Reader, field: FieldSchema, target: JsonObject): void {
  const end = endOf(reader);
  let key = "";
  let value: unknown = field.kind === "strings" ? [] : "";
  while (reader.pos < end) {
    const entryKey = reader.uint32();
    if (entryKey === 0x0a) key = reader.string();
    else if (entryKey === 0x12) value = readValue(reader, field, undefined);
    else skip(reader, entryKey);
  }
  if (reader.pos > end) throw new Error(`an entry of ${field.name} ends behind itself`);
  setOwn(target, key, value);
}

/** @param earlier - the value of the same field seen before in this message; messages are merged with it. */
function readValue(reader: protobuf.Reader, field: FieldSchema, earlier: unknown): unknown {
  switch (field.kind) {
    case "string":
      return reader.string();
    case "bytes":
      return (reader.bytes() as Buffer).toString("base64");
    case "bool":
      return reader.bool();
    case "int32":
      return reader.int32();
    case "int64":
      return readInt64(reader);
    case "time":
      return readTime(reader);
    case "strings":
      return readStrings(reader);
    case "dropped":
      return undefined;
    case "message": {
      if (field.message === undefined) throw new Error(`${field.name} has no schema`);
      return readFields(reader, field.message, endOf(reader), (earlier ?? {}) as JsonObject);
    }
    default:
      return field.kind satisfies never;
  }
}

function endOf(reader: protobuf.Reader): number {
  const length = reader.uint32();
  const end = reader.pos + length;
  if (end > reader.len) throw new RangeError("a length points behind the end");
  return end;
}

function readInt64(reader: protobuf.Reader): number {
  const { high, low } = reader.int64();
  const number = high * 0x1_0000_0000 + (low >>> 0);
  if (!Number.isSafeInteger(number)) throw new RangeError("an integer is too large");
  return number;
}

function readTime(reader: protobuf.Reader): string | undefined {
  const end = endOf(reader);
  let seconds: number | undefined;
  while (reader.pos < end) {
    const key = reader.uint32();
    seconds ??= 0;
    if (key === 0x08) seconds = readInt64(reader);
    else skip(reader, key);
  }
  if (reader.pos > end) throw new Error("a time ends behind itself");
  if (seconds === undefined || seconds === UNIX_YEAR_1) return undefined;
  if (seconds < UNIX_YEAR_1 || seconds > UNIX_YEAR_9999_END) throw new RangeError("a time is out of range");
  return toKubernetesTime(new Date(seconds * 1000));
}

function readStrings(reader: protobuf.Reader): string[] {
  const end = endOf(reader);
  const items: string[] = [];
  while (reader.pos < end) {
    const key = reader.uint32();
    if (key !== 0x0a) skip(reader, key);
    else if (items.push(reader.string()) > MAX_LIST_ELEMENTS) throw new Error("a list has too many elements");
  }
  if (reader.pos > end) throw new Error("a list ends behind itself");
  return items;
}
