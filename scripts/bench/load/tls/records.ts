import { createCipheriv, createDecipheriv, type KeyObject } from "node:crypto";
import { trafficKeys } from "./key-schedule.ts";

export const CONTENT = { changeCipherSpec: 20, alert: 21, handshake: 22, applicationData: 23 } as const;
export const HEADER_BYTES = 5;
const CIPHER = "aes-128-gcm";
const TAG_BYTES = 16;
const TYPE_BYTES = 1;
const MAXIMUM_CONTENT_BYTES = 2 ** 14;
const MAXIMUM_SEALED_BYTES = MAXIMUM_CONTENT_BYTES + 256;
/** Where the nonce's low half lies that the record's number goes into; no connection here lives to need the high one. */
const NUMBER_AT = 8;

/** A record without protection. */
export function plainRecord(type: number, content: Buffer): Buffer {
  return Buffer.concat([header(type, content.length), content]);
}

function header(type: number, length: number): Buffer {
  return Buffer.from([type, 3, 3, length >> 8, length & 0xff]);
}

/** How much follows the header that stands at `position`. @throws {Error} when no record begins there. */
export function contentLength(octets: Buffer, position: number): number {
  const type = octets[position] ?? 0;
  const length = octets.readUInt16BE(position + HEADER_BYTES - 2);
  const isRecord = type >= CONTENT.changeCipherSpec && type <= CONTENT.applicationData;
  if (!isRecord || length > MAXIMUM_SEALED_BYTES) throw new Error("the server does not speak TLS");
  return length;
}

/** One direction's keys, and how many records they have protected (RFC 8446 section 5.2). */
class Protection {
  readonly key: KeyObject;
  readonly #nonce: Buffer;
  readonly #low: number;
  #number = 0;

  constructor(secret: Buffer) {
    const { key, nonce } = trafficKeys(secret);
    this.key = key;
    this.#nonce = nonce;
    this.#low = nonce.readUInt32BE(NUMBER_AT);
  }

  nextNonce(): Buffer {
    this.#nonce.writeUInt32BE((this.#low ^ this.#number++) >>> 0, NUMBER_AT);
    return this.#nonce;
  }
}

export class Sealer {
  readonly #protection: Protection;

  constructor(secret: Buffer) {
    this.#protection = new Protection(secret);
  }

  /** One protected record. @throws {RangeError} when the content does not fit into one. */
  seal(type: number, content: Buffer): Buffer {
    if (content.length > MAXIMUM_CONTENT_BYTES) throw new RangeError("the content is too long for one record");
    const head = header(CONTENT.applicationData, content.length + TYPE_BYTES + TAG_BYTES);
    const cipher = createCipheriv(CIPHER, this.#protection.key, this.#protection.nextNonce());
    const sealed = cipher.setAAD(head).update(Buffer.concat([content, Buffer.from([type])]));
    cipher.final();
    return Buffer.concat([head, sealed, cipher.getAuthTag()]);
  }
}

export interface Opened {
  readonly type: number;
  readonly content: Buffer;
}

export class Opener {
  readonly #protection: Protection;

  constructor(secret: Buffer) {
    this.#protection = new Protection(secret);
  }

  /** @param record - header included. @throws {Error} when it was not sealed with these keys. */
  open(record: Buffer): Opened {
    const decipher = createDecipheriv(CIPHER, this.#protection.key, this.#protection.nextNonce());
    const tagAt = record.length - TAG_BYTES;
    decipher.setAAD(record.subarray(0, HEADER_BYTES)).setAuthTag(record.subarray(tagAt));
    const inner = decipher.update(record.subarray(HEADER_BYTES, tagAt));
    decipher.final();
    // The type is the last octet that is not padding.
    let end = inner.length - 1;
    while (end >= 0 && inner[end] === 0) end -= 1;
    if (end < 0) throw new Error("a record without a type");
    return { type: inner[end] ?? 0, content: inner.subarray(0, end) };
  }
}
