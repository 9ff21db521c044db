import protobuf from "protobufjs";
import { StatusError } from "../status-error.ts";
import type { JsonObject, TypedObject } from "./json-object.ts";
import { schemaOf } from "./message-schema.ts";
import { decodeMessage } from "./protobuf-decode.ts";
import { encodeEnveloped } from "./protobuf-encode.ts";

export const PROTOBUF_TYPE = "application/vnd.kubernetes.protobuf";

/** `k8s` and a zero byte: what every Kubernetes protobuf body begins with. */
const MAGIC = Buffer.from([0x6b, 0x38, 0x73, 0x00]);
/** Empty contentEncoding and contentType, which Kubernetes always writes. */
const ENVELOPE_END = Buffer.from([0x1a, 0x00, 0x22, 0x00]);

export interface DecodedProtobuf {
  /** Empty when the envelope names none. */
  readonly apiVersion: string;
  readonly kind: string;
  /** In the shape of its JSON, `apiVersion` and `kind` included when the envelope names them. */
  readonly object: JsonObject;
}

/**
 * Reads a body: magic bytes, `runtime.Unknown`, and in it the object.
 *
 * @param defaults - the type to read the object as when the envelope names none that we exchange.
 * @throws {StatusError} BadRequest when the bytes are no such body or the type is not one we exchange.
 *
 * Source: kubernetes staging/src/k8s.io/apimachinery/pkg/runtime/serializer/protobuf/protobuf.go.
 */
export function decodeProtobuf(
  bytes: Uint8Array,
  defaults: { readonly apiVersion: string; readonly kind: string } = { apiVersion: "", kind: "" },
): DecodedProtobuf {
  const envelope = readEnvelope(bytes);
  const { apiVersion, kind } = envelope;
  const schema = schemaOf(apiVersion, kind) ?? schemaOf(defaults.apiVersion, defaults.kind);
  if (schema === undefined) {
    throw new StatusError("BadRequest", `no kind ${JSON.stringify(kind)} is known in ${JSON.stringify(apiVersion)}`);
  }
  const typeMeta = { ...(apiVersion !== "" && { apiVersion }), ...(kind !== "" && { kind }) };
  try {
    return { apiVersion, kind, object: Object.assign(typeMeta, decodeMessage(schema, envelope.raw)) };
  } catch (cause) {
    throw new StatusError("BadRequest", `the body is no valid protobuf ${schema.name}`, { cause });
  }
}

/** A body: envelope and object. @throws {Error} when its kind is not one we exchange. */
export function encodeProtobuf(object: TypedObject): Buffer {
  const { apiVersion, kind } = object;
  const schema = schemaOf(apiVersion, kind);
  if (schema === undefined) throw new Error(`no schema for ${apiVersion} ${kind}`);
  return encodeEnveloped(schema, object, envelopeStart(apiVersion, kind), ENVELOPE_END);
}

/** The message in a body, without envelope, as list items carry it; nothing is copied. @throws as `decodeProtobuf`. */
export function messageIn(body: Buffer): Uint8Array {
  return readEnvelope(body).raw;
}

/** Puts the envelope around a message that is given in pieces; nothing is copied. */
export function envelopeChunks(apiVersion: string, kind: string, message: readonly Uint8Array[]): Uint8Array[] {
  const length = message.reduce((sum, chunk) => sum + chunk.length, 0);
  return [envelopeStart(apiVersion, kind), varintField(0x12, length), ...message, ENVELOPE_END];
}

/** What stands before the items of a list message: its ListMeta. Every item follows as `varintField(0x12, …)` and bytes. */
export function listMetaField(resourceVersion: string): Buffer {
  const version = Buffer.from(resourceVersion);
  const meta = Buffer.concat([varintField(0x12, version.length), version]);
  return Buffer.concat([varintField(0x0a, meta.length), meta]);
}

/** A field key and a length, or any two varints: what stands before a length-delimited value. */
export function varintField(key: number, length: number): Buffer {
  const bytes = [key];
  let rest = length;
  while (rest >= 0x80) {
    bytes.push((rest & 0x7f) | 0x80);
    rest = Math.floor(rest / 0x80);
  }
  bytes.push(rest);
  return Buffer.from(bytes);
}

const envelopeStarts = new Map<string, Map<string, Buffer>>();

/** The magic octets and field 1 of the envelope. Few types are ever written, so each is made once. */
function envelopeStart(apiVersion: string, kind: string): Buffer {
  const known = envelopeStarts.get(kind)?.get(apiVersion);
  if (known !== undefined) return known;
  const fields = [apiVersion, kind].flatMap((text, index) => {
    const bytes = Buffer.from(text);
    return [varintField(0x0a + index * 8, bytes.length), bytes];
  });
  const message = Buffer.concat(fields);
  const made = Buffer.concat([MAGIC, varintField(0x0a, message.length), message]);
  const ofKind = envelopeStarts.get(kind) ?? new Map<string, Buffer>();
  envelopeStarts.set(kind, ofKind.set(apiVersion, made));
  return made;
}

interface Envelope {
  apiVersion: string;
  kind: string;
  raw: Uint8Array;
}

function readEnvelope(bytes: Uint8Array): Envelope {
  const body = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (body.length <= MAGIC.length || MAGIC.compare(body, 0, MAGIC.length) !== 0) {
    throw new StatusError("BadRequest", "the body does not begin as Kubernetes protobuf does");
  }
  const envelope: Envelope = { apiVersion: "", kind: "", raw: body.subarray(body.length) };
  try {
    readEnvelopeFields(protobuf.Reader.create(body.subarray(MAGIC.length)), envelope);
  } catch (cause) {
    throw new StatusError("BadRequest", "the protobuf envelope is not valid", { cause });
  }
  return envelope;
}

/** Fields of `runtime.Unknown`: typeMeta 1, raw 2, contentEncoding 3, contentType 4. */
function readEnvelopeFields(reader: protobuf.Reader, envelope: Envelope): void {
  while (reader.pos < reader.len) {
    const key = reader.uint32();
    if (key === 0x0a) readTypeMeta(protobuf.Reader.create(reader.bytes()), envelope);
    else if (key === 0x12) envelope.raw = reader.bytes();
    else if (key === 0x1a) requireEmpty(reader.string(), "contentEncoding");
    else if (key >>> 3 === 0) throw new Error("a field has the number 0");
    else reader.skipType(key & 7);
  }
}

function readTypeMeta(reader: protobuf.Reader, envelope: Envelope): void {
  while (reader.pos < reader.len) {
    const key = reader.uint32();
    if (key === 0x0a) envelope.apiVersion = reader.string();
    else if (key === 0x12) envelope.kind = reader.string();
    else if (key >>> 3 === 0) throw new Error("a field has the number 0");
    else reader.skipType(key & 7);
  }
}

function requireEmpty(value: string, field: string): void {
  if (value !== "") throw new Error(`${field} ${value} is not understood`);
}
