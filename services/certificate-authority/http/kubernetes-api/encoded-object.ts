import type { TypedObject } from "../../../shared/kubernetes/json-object.ts";
import type { ObjectMeta } from "../../../shared/kubernetes/object-meta.ts";
import { encodeProtobuf, messageIn } from "../../../shared/kubernetes/protobuf.ts";
import type { ApiObject } from "../../domain/api-object.ts";

interface Encodings {
  readonly json: Buffer;
  readonly protobuf: Buffer;
  readonly message: Uint8Array;
}

/**
 * Who reads an encoding. What many read, lists and watches of everything, is kept: objects are immutable, so each is
 * encoded once for all of them. What goes to one reader, as all of a join does, is not: in a storm it would be a sixth of
 * the memory and never be read again.
 */
export type Readers = "one" | "many";

/** How `jsonLineOf` begins, but for the kind and the version themselves. */
const TYPE_CHARACTERS = '{"kind":"","apiVersion":"",'.length;
const ITEM_START = Buffer.from("{");

const encodings = new WeakMap<ApiObject, Partial<Encodings>>();

/** The object as kube-apiserver writes it, a line of its own. */
export function jsonLineOf(object: ApiObject, readers: Readers): Buffer {
  return encoded(object, "json", readers, () => Buffer.from(`${JSON.stringify(presentable(object))}\n`));
}

/** The same without the line's end, as lists and events carry it. */
export function jsonOf(object: ApiObject, readers: Readers): Buffer {
  return jsonLineOf(object, readers).subarray(0, -1);
}

/** The same as the items of a list have it: what they are is said once for all of them. */
export function jsonItemOf(object: ApiObject): readonly [Buffer, Buffer] {
  return [ITEM_START, jsonOf(object, "many").subarray(TYPE_CHARACTERS + object.kind.length + object.apiVersion.length)];
}

/** A protobuf body. */
export function protobufOf(object: ApiObject, readers: Readers): Buffer {
  return encoded(object, "protobuf", readers, () => encodeProtobuf(object as ApiObject & TypedObject));
}

/** The protobuf message without envelope, as list items carry it. */
export function messageOf(object: ApiObject): Uint8Array {
  return encoded(object, "message", "many", () => messageIn(protobufOf(object, "many")));
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

function encoded<F extends keyof Encodings>(
  object: ApiObject,
  form: F,
  readers: Readers,
  encode: () => Encodings[F],
): Encodings[F] {
  const known = encodings.get(object);
  const kept = known?.[form];
  if (kept !== undefined) return kept;
  const made = encode();
  // Looked up again: to make one form may have made another.
  if (readers === "many") encodings.set(object, { ...encodings.get(object), [form]: made });
  return made;
}
