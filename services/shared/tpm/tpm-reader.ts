/** Octets that are not the TPM structure we expect. The message names the place and holds nothing secret. */
export class TpmError extends Error {
  override readonly name = "TpmError";
}

/**
 * Reads the fields of one structure in order: integers big-endian, buffers behind a size of two octets.
 *
 * Source: TPM 2.0 Library specification, part 2, section 4 ("Notation") and part 1, section 5.
 */
export class TpmReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  }

  /** @param what - names the field in error messages. */
  readUint8(what: string): number {
    return this.#take(1, what).readUInt8();
  }

  readUint16(what: string): number {
    return this.#take(2, what).readUInt16BE();
  }

  readUint32(what: string): number {
    return this.#take(4, what).readUInt32BE();
  }

  readUint64(what: string): bigint {
    return this.#take(8, what).readBigUInt64BE();
  }

  readOctets(length: number, what: string): Buffer {
    return this.#take(length, what);
  }

  /** The content of a TPM2B. @param maximum - in octets. */
  readSized(maximum: number, what: string): Buffer {
    const length = this.readUint16(what);
    if (length > maximum) throw new TpmError(`${what}: ${length} octets, at most ${maximum} are possible`);
    return this.#take(length, what);
  }

  /** Octets not read yet. */
  get rest(): Buffer {
    return this.#bytes.subarray(this.#at);
  }

  expectEnd(what: string): void {
    if (this.#at !== this.#bytes.length) throw new TpmError(`${what}: trailing octets`);
  }

  #take(length: number, what: string): Buffer {
    const end = this.#at + length;
    if (end > this.#bytes.length) throw new TpmError(`${what}: truncated`);
    const taken = this.#bytes.subarray(this.#at, end);
    this.#at = end;
    return taken;
  }
}

/** The content of a TPM2B that is all there is. @throws {TpmError} */
export function contentOfSized(bytes: Uint8Array, maximum: number, what: string): Buffer {
  const reader = new TpmReader(bytes);
  const content = reader.readSized(maximum, what);
  reader.expectEnd(what);
  return content;
}
