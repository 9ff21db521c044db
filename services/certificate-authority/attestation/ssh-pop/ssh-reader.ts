const VISIBLE = /^[\x21-\x7e]*$/;

/** Octets that are not laid out as SSH's protocols say. The message names the place and holds nothing secret. */
export class SshFormatError extends Error {
  override readonly name = "SshFormatError";
}

/** Reads SSH's data types in order. Source: RFC 4251 section 5. */
export class SshReader {
  readonly #bytes: Buffer;
  #at = 0;

  constructor(bytes: Buffer) {
    this.#bytes = bytes;
  }

  /** Octets read so far. */
  get offset(): number {
    return this.#at;
  }

  isAtEnd(): boolean {
    return this.#at === this.#bytes.length;
  }

  /** @param what - names it in error messages. @throws {SshFormatError} as every method here. */
  read(length: number, what: string): Buffer {
    if (length > this.#bytes.length - this.#at) throw new SshFormatError(`${what}: truncated`);
    this.#at += length;
    return this.#bytes.subarray(this.#at - length, this.#at);
  }

  uint32(what: string): number {
    return this.read(4, what).readUInt32BE();
  }

  uint64(what: string): bigint {
    return this.read(8, what).readBigUInt64BE();
  }

  string(what: string): Buffer {
    return this.read(this.uint32(what), what);
  }

  /** A string of visible ASCII: names of algorithms and the like. */
  name(what: string): string {
    const text = this.string(what).toString("latin1");
    if (!VISIBLE.test(text)) throw new SshFormatError(`${what}: not in visible ASCII`);
    return text;
  }

  /** An mpint above zero in its only encoding, without a leading zero octet. */
  positive(what: string): Buffer {
    const content = this.string(what);
    const [first = 0, second = 0] = content;
    const isPadded = first === 0 && (content.length < 2 || second < 0x80);
    if (content.length === 0 || first >= 0x80 || isPadded)
      throw new SshFormatError(`${what}: not a positive number in its shortest form`);
    return first === 0 ? content.subarray(1) : content;
  }

  expectEnd(what: string): void {
    if (!this.isAtEnd()) throw new SshFormatError(`${what}: trailing data`);
  }
}

/** A string as SSH writes it. */
export function sshString(content: Buffer | string): Buffer {
  const octets = Buffer.from(content);
  const length = Buffer.alloc(4);
  length.writeUInt32BE(octets.length);
  return Buffer.concat([length, octets]);
}
