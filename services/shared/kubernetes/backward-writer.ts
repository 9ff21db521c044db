const INITIAL_BYTES = 16 * 1024;
/** A scratch buffer that one large message grew is not kept for ever. */
const KEPT_BYTES = 1024 * 1024;
/** In characters. */
const SHORT_TEXT = 64;

/**
 * Writes protobuf from its end to its beginning: what a length prefix counts is then already there, so nothing has to
 * be measured first. One instance is used over and over; `take` hands out a copy.
 */
export class BackwardWriter {
  #buffer = Buffer.allocUnsafeSlow(INITIAL_BYTES);
  #start = INITIAL_BYTES;

  /** Bytes written so far. */
  get length(): number {
    return this.#buffer.length - this.#start;
  }

  /** Starts over, forgetting what was written. */
  reset(): void {
    if (this.#buffer.length > KEPT_BYTES) this.#buffer = Buffer.allocUnsafeSlow(INITIAL_BYTES);
    this.#start = this.#buffer.length;
  }

  /** A copy of what was written. */
  take(): Buffer {
    const taken = Buffer.allocUnsafe(this.length);
    this.#buffer.copy(taken, 0, this.#start);
    return taken;
  }

  /** @param value - an integer; negative ones take ten bytes, as protobuf's int32 and int64 do. */
  varint(value: number): void {
    if (value < 0 || value > 0x7fffffff) {
      this.#longVarint(BigInt.asUintN(64, BigInt(value)));
      return;
    }
    let at = this.#reserve(value < 0x80 ? 1 : value < 0x4000 ? 2 : value < 0x200000 ? 3 : value < 0x10000000 ? 4 : 5);
    let rest = value;
    while (rest >= 0x80) {
      this.#buffer[at++] = (rest & 0x7f) | 0x80;
      rest >>>= 7;
    }
    this.#buffer[at] = rest;
  }

  #longVarint(value: bigint): void {
    const bytes: number[] = [];
    let rest = value;
    while (rest >= 0x80n) {
      bytes.push(Number(rest & 0x7fn) | 0x80);
      rest >>= 7n;
    }
    bytes.push(Number(rest));
    const at = this.#reserve(bytes.length);
    this.#buffer.set(bytes, at);
  }

  /** Text with its length prefix. */
  text(value: string, encoding: "utf8" | "base64"): void {
    if (encoding === "utf8" && value.length <= SHORT_TEXT && this.#ascii(value)) {
      this.varint(value.length);
      return;
    }
    const bytes = Buffer.byteLength(value, encoding);
    const at = this.#reserve(bytes);
    this.#buffer.write(value, at, bytes, encoding);
    this.varint(bytes);
  }

  /** Most texts are short ASCII, which is written faster here than handed to Node. @returns false when it is none. */
  #ascii(value: string): boolean {
    const at = this.#reserve(value.length);
    for (let index = 0; index < value.length; index += 1) {
      const unit = value.charCodeAt(index);
      if (unit > 0x7f) {
        this.#start += value.length;
        return false;
      }
      this.#buffer[at + index] = unit;
    }
    return true;
  }

  /** Four octets, the most significant one first. */
  uint32(value: number): void {
    const at = this.#reserve(4);
    this.#buffer.writeUInt32BE(value, at);
  }

  bytes(value: Uint8Array): void {
    const at = this.#reserve(value.length);
    this.#buffer.set(value, at);
  }

  #reserve(bytes: number): number {
    if (bytes > this.#start) this.#grow(bytes);
    this.#start -= bytes;
    return this.#start;
  }

  #grow(bytes: number): void {
    const written = this.length;
    const larger = Buffer.allocUnsafeSlow(Math.max(this.#buffer.length * 2, written + bytes));
    this.#buffer.copy(larger, larger.length - written, this.#start);
    this.#buffer = larger;
    this.#start = larger.length - written;
  }
}
