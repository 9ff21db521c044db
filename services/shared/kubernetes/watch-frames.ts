import protobuf from "protobufjs";
import { StatusError } from "../status-error.ts";
import { BackwardWriter } from "./backward-writer.ts";
import type { JsonObject } from "./json-object.ts";
import { decodeProtobuf } from "./protobuf.ts";

export type WatchEventType = "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK" | "ERROR";

export interface WatchEvent {
  readonly type: string;
  readonly object: JsonObject;
}

/** A longer frame than this is not a watch event of anything we exchange. */
const MAX_FRAME_BYTES = 16 * 1024 * 1024;

/** Fields of `WatchEvent`, and the one of `RawExtension`. */
const TYPE_KEY = 0x0a;
const OBJECT_KEY = 0x12;
const RAW_KEY = 0x0a;

const writer = new BackwardWriter();

/**
 * A watch event as protobuf streams carry it: a big-endian length, then `WatchEvent` without envelope, whose object is
 * `RawExtension` around a body with envelope.
 *
 * @param body - an object as `encodeProtobuf` makes it.
 * Source: kubernetes staging/src/k8s.io/apimachinery/pkg/runtime/serializer/protobuf/protobuf.go (LengthDelimitedFramer).
 */
export function watchFrame(type: WatchEventType, body: Buffer): Buffer {
  writer.reset();
  writer.bytes(body);
  writer.varint(body.length);
  writer.varint(RAW_KEY);
  writer.varint(writer.length);
  writer.varint(OBJECT_KEY);
  writer.text(type, "utf8");
  writer.varint(TYPE_KEY);
  writer.uint32(writer.length);
  return writer.take();
}

/** Reads watch events off a protobuf stream, whatever pieces it arrives in. */
export class WatchFrameDecoder {
  #pending: Buffer = Buffer.alloc(0);

  /**
   * @returns the events that `chunk` completes.
   * @throws {StatusError} BadRequest when the stream carries something else.
   */
  push(chunk: Uint8Array): WatchEvent[] {
    this.#pending = Buffer.concat([this.#pending, chunk]);
    const events: WatchEvent[] = [];
    while (this.#pending.length >= 4) {
      const end = 4 + this.#pending.readUInt32BE();
      if (end > MAX_FRAME_BYTES) throw new StatusError("BadRequest", "a watch frame is too long");
      if (this.#pending.length < end) break;
      events.push(decodeWatchEvent(this.#pending.subarray(4, end)));
      this.#pending = this.#pending.subarray(end);
    }
    return events;
  }
}

function decodeWatchEvent(frame: Buffer): WatchEvent {
  let type = "";
  let raw: Uint8Array = Buffer.alloc(0);
  try {
    const reader = protobuf.Reader.create(frame);
    while (reader.pos < reader.len) {
      const key = reader.uint32();
      if (key === TYPE_KEY) type = reader.string();
      else if (key === OBJECT_KEY) raw = readRawExtension(reader.bytes());
      else reader.skipType(key & 7);
    }
  } catch (cause) {
    throw new StatusError("BadRequest", "a watch frame is not valid", { cause });
  }
  return { type, object: decodeProtobuf(raw).object };
}

function readRawExtension(bytes: Uint8Array): Uint8Array {
  const reader = protobuf.Reader.create(bytes);
  let raw: Uint8Array = Buffer.alloc(0);
  while (reader.pos < reader.len) {
    const key = reader.uint32();
    if (key === RAW_KEY) raw = reader.bytes();
    else reader.skipType(key & 7);
  }
  return raw;
}
