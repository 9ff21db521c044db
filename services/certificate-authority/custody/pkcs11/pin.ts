import { timingSafeEqual } from "node:crypto";
import { CustodyError } from "../custody-error.ts";
import { readPrivateFile } from "../private-files.ts";

/** Where a PIN comes from: a file, read again for each login, or what an environment variable held. */
export type PinSource = { readonly file: string } | { readonly variable: string; readonly value: string | undefined };

/** The PIN of a token. One that the token refused is not offered again. */
export class Pin {
  readonly #source: PinSource;
  #refused: Buffer | undefined;

  constructor(source: PinSource) {
    this.#source = source;
  }

  /** What to call its origin in a message. */
  get origin(): string {
    return "file" in this.#source ? this.#source.file : `the environment variable ${this.#source.variable}`;
  }

  /** @throws {CustodyError} PinMissing; PinRefused when it is the one that was refused; InsecurePermissions. */
  async read(): Promise<string> {
    const pin = (await this.#content())?.replace(/\r?\n$/, "");
    if (pin === undefined || pin === "")
      throw new CustodyError("PinMissing", `${this.origin} should hold the PIN of a token, but has none`);
    if (this.#refused !== undefined && isSame(this.#refused, Buffer.from(pin)))
      throw new CustodyError(
        "PinRefused",
        `the token refused the PIN in ${this.origin}; it is not tried again until it has changed`,
      );
    return pin;
  }

  refused(pin: string): void {
    this.#refused = Buffer.from(pin);
  }

  async #content(): Promise<string | undefined> {
    if (!("file" in this.#source)) return this.#source.value;
    return (await readPrivateFile(this.#source.file))?.toString("utf8");
  }
}

function isSame(one: Buffer, other: Buffer): boolean {
  return one.length === other.length && timingSafeEqual(one, other);
}
