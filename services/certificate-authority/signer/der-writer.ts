const INITIAL_BYTES = 512;

/**
 * Writes DER into one buffer from its end to its start: an element's content is there, and its length known, when its
 * header is written. Callers therefore write the last field first. The buffer is kept from one use to the next.
 */
export class DerWriter {
  #buffer = Buffer.allocUnsafe(INITIAL_BYTES);
  #at = INITIAL_BYTES;

  /** Forgets what was written; views returned by `written` are void from here on. */
  reset(): void {
    this.#at = this.#buffer.length;
  }

  /** How many octets were written: hand it to `wrap` to enclose what is written from here on. */
  get size(): number {
    return this.#buffer.length - this.#at;
  }

  /** A view of everything written since `reset`. */
  written(): Buffer {
    return this.#buffer.subarray(this.#at);
  }

  bytes(octets: Uint8Array): void {
    this.#reserve(octets.length);
    this.#at -= octets.length;
    this.#buffer.set(octets, this.#at);
  }

  text(value: string, encoding: "latin1" | "utf8"): void {
    const length = Buffer.byteLength(value, encoding);
    this.#reserve(length);
    this.#at -= length;
    this.#buffer.write(value, this.#at, encoding);
  }

  octet(value: number): void {
    this.#reserve(1);
    this.#at -= 1;
    this.#buffer[this.#at] = value;
  }

  /** Puts the header of `tag` before everything written since `size` was `since`. */
  wrap(tag: number, since: number): void {
    const length = this.size - since;
    let rest = length;
    if (length >= 0x80) {
      let octets = 0;
      for (; rest > 0; rest = Math.floor(rest / 256)) {
        this.octet(rest % 256);
        octets += 1;
      }
      rest = 0x80 | octets;
    }
    this.octet(rest);
    this.octet(tag);
  }

  #reserve(octets: number): void {
    if (octets <= this.#at) return;
    const { size } = this;
    const larger = Buffer.allocUnsafe(2 * (this.#buffer.length + octets));
    this.#buffer.copy(larger, larger.length - size, this.#at);
    this.#buffer = larger;
    this.#at = larger.length - size;
  }
}

/** Runs `write` on a writer of its own and returns what it wrote. For things encoded once. */
export function encodeWith(write: (writer: DerWriter) => void): Buffer {
  const writer = new DerWriter();
  write(writer);
  return Buffer.from(writer.written());
}
