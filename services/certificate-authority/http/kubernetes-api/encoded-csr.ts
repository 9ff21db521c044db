import type { TypedObject } from "../../../shared/kubernetes/json-object.ts";
import type { ObjectMeta } from "../../../shared/kubernetes/object-meta.ts";
import { encodeProtobuf, messageIn } from "../../../shared/kubernetes/protobuf.ts";
import { type CertificateSigningRequest, CSR_API_VERSION, CSR_KIND } from "../../domain/certificate-signing-request.ts";

interface Encodings {
  json?: Buffer;
  protobuf?: Buffer;
  message?: Uint8Array;
}

/** How `jsonLineOf` begins, and how it would without the type. */
const TYPED_START = `{"kind":"${CSR_KIND}","apiVersion":"${CSR_API_VERSION}",`;
const ITEM_START = Buffer.from("{");

/** Objects are immutable, so each is encoded once however many lists and watches carry it. */
const encodings = new WeakMap<CertificateSigningRequest, Encodings>();

/** The object as kube-apiserver writes it, a line of its own. */
export function jsonLineOf(csr: CertificateSigningRequest): Buffer {
  const known = encodingsOf(csr);
  known.json ??= Buffer.from(`${JSON.stringify(presentable(csr))}\n`);
  return known.json;
}

/** The same without the line's end, as lists and events carry it. */
export function jsonOf(csr: CertificateSigningRequest): Buffer {
  return jsonLineOf(csr).subarray(0, -1);
}

/** The same as the items of a list have it: what they are is said once for all of them. */
export function jsonItemOf(csr: CertificateSigningRequest): readonly [Buffer, Buffer] {
  return [ITEM_START, jsonOf(csr).subarray(TYPED_START.length)];
}

/** A protobuf body. */
export function protobufOf(csr: CertificateSigningRequest): Buffer {
  const known = encodingsOf(csr);
  known.protobuf ??= encodeProtobuf(csr as CertificateSigningRequest & TypedObject);
  return known.protobuf;
}

/** The protobuf message without envelope, as list items carry it. */
export function messageOf(csr: CertificateSigningRequest): Uint8Array {
  const known = encodingsOf(csr);
  known.message ??= messageIn(protobufOf(csr));
  return known.message;
}

/** The object in the shape of its JSON. */
export function presentable(csr: CertificateSigningRequest): object {
  return { kind: CSR_KIND, apiVersion: CSR_API_VERSION, ...untyped(csr) };
}

/** `presentable` without apiVersion and kind. */
export function untyped({ metadata, spec, status }: CertificateSigningRequest): object {
  return { metadata: presentableMeta(metadata), spec, status };
}

/** What is empty is left out: an object that was never stored has no resourceVersion, a bookmark nothing else. */
export function presentableMeta(metadata: ObjectMeta): object {
  if (metadata.resourceVersion !== "" && metadata.name !== "") return metadata;
  return Object.fromEntries(Object.entries(metadata).filter(([, value]) => value !== ""));
}

function encodingsOf(csr: CertificateSigningRequest): Encodings {
  let known = encodings.get(csr);
  if (known === undefined) {
    known = {};
    encodings.set(csr, known);
  }
  return known;
}
