import protobuf from "protobufjs";

/** Messages of Kubernetes' KMS v2 plugin API. Source: kubernetes staging/src/k8s.io/kms/apis/v2/api.proto. */

export type Annotations = Readonly<Record<string, Buffer>>;

export interface StatusResponse {
  readonly version: string;
  readonly healthz: string;
  readonly keyId: string;
}

export interface EncryptRequest {
  readonly plaintext: Uint8Array;
  readonly uid: string;
}

export interface EncryptResponse {
  readonly ciphertext: Buffer;
  readonly keyId: string;
  readonly annotations: Annotations;
}

export interface DecryptRequest {
  readonly ciphertext: Uint8Array;
  readonly uid: string;
  readonly keyId: string;
  readonly annotations: Annotations;
}

/** A request or an answer that has no fields. */
export const EMPTY_MESSAGE = Buffer.alloc(0);

/** All fields here are length-delimited, so the key is the number and wire type 2. */
const keyOf = (field: number): number => (field << 3) | 2;

export function encodeEncryptRequest({ plaintext, uid }: EncryptRequest): Buffer {
  const writer = protobuf.Writer.create();
  writer.uint32(keyOf(1)).bytes(plaintext).uint32(keyOf(2)).string(uid);
  return Buffer.from(writer.finish());
}

export function encodeDecryptRequest({ ciphertext, uid, keyId, annotations }: DecryptRequest): Buffer {
  const writer = protobuf.Writer.create();
  writer.uint32(keyOf(1)).bytes(ciphertext).uint32(keyOf(2)).string(uid).uint32(keyOf(3)).string(keyId);
  for (const [name, value] of Object.entries(annotations)) {
    writer.uint32(keyOf(4)).fork();
    writer.uint32(keyOf(1)).string(name).uint32(keyOf(2)).bytes(value).ldelim();
  }
  return Buffer.from(writer.finish());
}

export function decodeStatusResponse(message: Uint8Array): StatusResponse {
  const fields = readFields(message);
  return { version: textOf(fields, 1), healthz: textOf(fields, 2), keyId: textOf(fields, 3) };
}

export function decodeEncryptResponse(message: Uint8Array): EncryptResponse {
  const fields = readFields(message);
  const entries = (fields.get(3) ?? []).map((entry) => {
    const parts = readFields(entry);
    return [textOf(parts, 1), bytesOf(parts, 2)] as const;
  });
  return { ciphertext: bytesOf(fields, 1), keyId: textOf(fields, 2), annotations: Object.fromEntries(entries) };
}

/** @returns the plaintext. */
export function decodeDecryptResponse(message: Uint8Array): Buffer {
  return bytesOf(readFields(message), 1);
}

/** Length-delimited fields by number; others are unknown to us and left out, as proto3 wants. @throws {Error} */
function readFields(message: Uint8Array): ReadonlyMap<number, readonly Buffer[]> {
  const fields = new Map<number, Buffer[]>();
  const reader = protobuf.Reader.create(message);
  while (reader.pos < reader.len) {
    const key = reader.uint32();
    if ((key & 7) !== 2) {
      reader.skipType(key & 7);
      continue;
    }
    const values = fields.get(key >>> 3) ?? [];
    values.push(Buffer.from(reader.bytes()));
    fields.set(key >>> 3, values);
  }
  return fields;
}

/** The last value counts, as proto3 has it. */
function bytesOf(fields: ReadonlyMap<number, readonly Buffer[]>, field: number): Buffer {
  return fields.get(field)?.at(-1) ?? Buffer.alloc(0);
}

function textOf(fields: ReadonlyMap<number, readonly Buffer[]>, field: number): string {
  return bytesOf(fields, field).toString("utf8");
}
