import type { TypedObject } from "../../../shared/kubernetes/json-object.ts";
import type { ObjectMeta } from "../../../shared/kubernetes/object-meta.ts";
import { encodeProtobuf, messageIn } from "../../../shared/kubernetes/protobuf.ts";
import type { ApiObject } from "../../domain/api-object.ts";

interface Encodings {
  json?: Buffer;
  protobuf?: Buffer;
  message?: Uint8Array;
}

/** How `jsonLineOf` begins, but for the kind and the version themselves. */
const TYPE_CHARACTERS = '{"kind":"","apiVersion":"",'.length;
const ITEM_START = Buffer.from("{");

/** Objects are immutable, so each is encoded once however many lists and watches carry it. */
const encodings = new WeakMap<ApiObject, Encodings>();

/** The object as kube-apiserver writes it, a line of its own. */
export function jsonLineOf(object: ApiObject): Buffer {
  const known = encodingsOf(object);
  known.json ??= Buffer.from(`${JSON.stringify(presentable(object))}\n`);
  return known.json;
}

/** The same without the line's end, as lists and events carry it. */
export function jsonOf(object: ApiObject): Buffer {
  return jsonLineOf(object).subarray(0, -1);
}

/** The same as the items of a list have it: what they are is said once for all of them. */
export function jsonItemOf(object: ApiObject): readonly [Buffer, Buffer] {
  return [ITEM_START, jsonOf(object).subarray(TYPE_CHARACTERS + object.kind.length + object.apiVersion.length)];
}

/** A protobuf body. */
export function protobufOf(object: ApiObject): Buffer {
  const known = encodingsOf(object);
  known.protobuf ??= encodeProtobuf(object as ApiObject & TypedObject);
  return known.protobuf;
}

/** The protobuf message without envelope, as list items carry it. */
export function messageOf(object: ApiObject): Uint8Array {
  const known = encodingsOf(object);
  known.message ??= messageIn(protobufOf(object));
  return known.message;
}

/** The object in the shape of its JSON. */
export function presentable({ kind, apiVersion, metadata, ...content }: ApiObject): object {
  return { kind, apiVersion, metadata: presentableMeta(metadata), ...content };
}

/** `presentable` without apiVersion and kind. */
export function untyped({ kind: _k, apiVersion: _v, metadata, ...content }: ApiObject): object {
  return { metadata: presentableMeta(metadata), ...content };
}

/** What is empty is left out: an object that was never stored has no resourceVersion, a bookmark nothing else. */
export function presentableMeta(metadata: ObjectMeta): object {
  if (metadata.resourceVersion !== "" && metadata.name !== "") return metadata;
  return Object.fromEntries(Object.entries(metadata).filter(([, value]) => value !== ""));
}

function encodingsOf(object: ApiObject): Encodings {
  let known = encodings.get(object);
  if (known === undefined) {
    known = {};
    encodings.set(object, known);
  }
  return known;
}
