import protobuf from "protobufjs";
import { StatusError } from "../status-error.ts";
import type { JsonObject } from "./json-object.ts";
import { decodeProtobuf, varintField } from "./protobuf.ts";

export type WatchEventType = "ADDED" | "MODIFIED" | "DELETED" | "BOOKMARK" | "ERROR";

export interface WatchEvent {
  readonly type: string;
  readonly object: JsonObject;
}

/** A longer frame than this is not a watch event of anything we exchange. */
const MAX_FRAME_BYTES = 16 * 1024 * 1024;

/**
 * A watch event as protobuf streams carry it: a big-endian length, then `WatchEvent` without envelope, whose object is
 * `RawExtension` around a body with envelope.
 *
 * @param body - an object as `encodeProtobuf` makes it.
 * Source: kubernetes staging/src/k8s.io/apimachinery/pkg/runtime/serializer/protobuf/protobuf.go (LengthDelimitedFramer).
 */
export function watchFrame(type: WatchEventType, body: Buffer): Buffer {
  const typeBytes = Buffer.from(type);
  const rawKey = varintField(0x0a, body.length);
  const parts = [
    varintField(0x0a, typeBytes.length),
    typeBytes,
    varintField(0x12, rawKey.length + body.length),
    rawKey,
    body,
  ];
  const length = Buffer.allocUnsafe(4);
  length.writeUInt32BE(parts.reduce((sum, part) => sum + part.length, 0));
  return Buffer.concat([length, ...parts]);
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
      if (key === 0x0a) type = reader.string();
      else if (key === 0x12) raw = readRawExtension(reader.bytes());
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
    if (key === 0x0a) raw = reader.bytes();
    else reader.skipType(key & 7);
  }
  return raw;
}
