/** Nothing we read is larger: a request body ends at 3 MiB, and of that a certificate or CSR is a small part. */
export const MAX_DER_BYTES = 1024 * 1024;

/** The deepest structure we know (a PSS hash inside a certificate) has nine levels. */
const MAX_DEPTH = 16;

export const TAG = {
  boolean: 0x01,
  integer: 0x02,
  bitString: 0x03,
  octetString: 0x04,
  null: 0x05,
  objectIdentifier: 0x06,
  enumerated: 0x0a,
  utf8String: 0x0c,
  numericString: 0x12,
  printableString: 0x13,
  t61String: 0x14,
  ia5String: 0x16,
  utcTime: 0x17,
  generalizedTime: 0x18,
  bmpString: 0x1e,
  sequence: 0x30,
  set: 0x31,
} as const;

/** Input that is not the DER we expect. The message names the place, holds nothing secret and may be shown. */
export class DerError extends Error {
  override readonly name = "DerError";
}

/** One element: where it stands in the bytes it was read from. Nothing is copied. */
export interface DerElement {
  readonly bytes: Buffer;
  readonly tag: number;
  /** Offset of the tag octet. */
  readonly start: number;
  readonly contentStart: number;
  readonly end: number;
}

export function contentOf({ bytes, contentStart, end }: DerElement): Buffer {
  return bytes.subarray(contentStart, end);
}

/** Tag, length and content. */
export function encodingOf({ bytes, start, end }: DerElement): Buffer {
  return bytes.subarray(start, end);
}

/**
 * Reads the elements of one constructed value in order. DER only: definite lengths in their shortest form, one-octet
 * tags, nothing beyond the enclosing value.
 *
 * Source: ITU-T X.690 sections 8.1 and 10.1.
 */
export class DerReader {
  readonly #bytes: Buffer;
  readonly #end: number;
  readonly #depth: number;
  #at: number;

  private constructor(bytes: Buffer, start: number, end: number, depth: number) {
    this.#bytes = bytes;
    this.#at = start;
    this.#end = end;
    this.#depth = depth;
  }

  /** @throws {DerError} when `bytes` is larger than anything we read. */
  static over(bytes: Buffer): DerReader {
    if (bytes.length > MAX_DER_BYTES) throw new DerError(`longer than ${MAX_DER_BYTES} bytes`);
    return new DerReader(bytes, 0, bytes.length, 0);
  }

  isAtEnd(): boolean {
    return this.#at === this.#end;
  }

  /** Octets not read yet. */
  get remaining(): number {
    return this.#end - this.#at;
  }

  /** Whether the next element has this tag; false at the end. */
  isNext(tag: number): boolean {
    return this.#at < this.#end && this.#bytes[this.#at] === tag;
  }

  /** @param what - names the element in error messages. */
  readAny(what: string): DerElement {
    const bytes = this.#bytes;
    const start = this.#at;
    const tag = bytes[start];
    if (start + 2 > this.#end || tag === undefined) throw new DerError(`${what}: truncated`);
    if ((tag & 0x1f) === 0x1f) throw new DerError(`${what}: tag numbers above 30 are not supported`);
    let contentStart = start + 2;
    let length = bytes[start + 1] ?? 0;
    if (length >= 0x80) {
      const octets = length & 0x7f;
      contentStart += octets;
      length = this.#longLength(start + 2, octets, what);
    }
    const end = contentStart + length;
    if (end > this.#end) throw new DerError(`${what}: truncated`);
    this.#at = end;
    return { bytes, tag, start, contentStart, end };
  }

  read(tag: number, what: string): DerElement {
    if (!this.isNext(tag)) throw new DerError(`${what}: ${this.isAtEnd() ? "missing" : "unexpected type"}`);
    return this.readAny(what);
  }

  readOptional(tag: number, what: string): DerElement | undefined {
    return this.isNext(tag) ? this.readAny(what) : undefined;
  }

  /** Reads an element of `tag` and returns a reader over its content. */
  enter(tag: number, what: string): DerReader {
    return this.within(this.read(tag, what), what);
  }

  /** A reader over the content of an element that this reader returned. */
  within(element: DerElement, what: string): DerReader {
    if (this.#depth === MAX_DEPTH) throw new DerError(`${what}: nested too deeply`);
    return new DerReader(element.bytes, element.contentStart, element.end, this.#depth + 1);
  }

  expectEnd(what: string): void {
    if (this.#at !== this.#end) throw new DerError(`${what}: trailing data`);
  }

  #longLength(at: number, octets: number, what: string): number {
    if (octets === 0) throw new DerError(`${what}: indefinite length`);
    // Four octets say more than MAX_DER_BYTES already; more can only be padding or nonsense.
    if (octets > 4 || at + octets > this.#end) throw new DerError(`${what}: truncated`);
    const length = this.#bytes.readUIntBE(at, octets);
    if (length < 0x80 || length < 2 ** (8 * (octets - 1))) throw new DerError(`${what}: length is not minimal`);
    return length;
  }
}
