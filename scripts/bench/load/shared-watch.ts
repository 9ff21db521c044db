import { ChunkDecoder, Connection } from "./connection.ts";
import { bodyOfEvent, certificateIn, nameOfObject } from "./peek.ts";

const HEAD_END = Buffer.from("\r\n\r\n");
const LENGTH_BYTES = 4;

interface Waiter {
  readonly resolve: (pem: string) => void;
  readonly reject: (error: Error) => void;
}

/** One watch of all requests, on a connection of its own, that hands each certificate to whoever waits for it. */
export class SharedWatch {
  readonly #connection: Connection;
  readonly #waiting = new Map<string, Waiter>();
  /** Certificates that were there before anybody asked. */
  readonly #early = new Map<string, string>();
  readonly #chunks = new ChunkDecoder();
  #head: Buffer | undefined = Buffer.alloc(0);
  #frames: Buffer = Buffer.alloc(0);
  #failure: Error | undefined;

  private constructor(connection: Connection) {
    this.#connection = connection;
  }

  static async open(url: URL, request: Buffer): Promise<SharedWatch> {
    const connection = await Connection.open(url);
    const watch = new SharedWatch(connection);
    await new Promise<void>((resolve, reject) => {
      const onEnd = (error: Error): void => {
        watch.#fail(error);
        reject(error);
      };
      connection.stream(request, (octets) => watch.#take(octets, resolve), onEnd);
    });
    return watch;
  }

  certificateOf(name: string): Promise<string> {
    const early = this.#early.get(name);
    if (early !== undefined) {
      this.#early.delete(name);
      return Promise.resolve(early);
    }
    if (this.#failure) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => this.#waiting.set(name, { resolve, reject }));
  }

  close(): void {
    this.#connection.close();
  }

  #take(octets: Buffer, onHead: () => void): void {
    const body = this.#head === undefined ? octets : this.#afterHead(octets, onHead);
    if (body === undefined) return;
    this.#frames = Buffer.concat([this.#frames, ...this.#chunks.push(body)]);
    let position = 0;
    while (this.#frames.length - position >= LENGTH_BYTES) {
      const end = position + LENGTH_BYTES + this.#frames.readUInt32BE(position);
      if (end > this.#frames.length) break;
      this.#deliver(this.#frames.subarray(position + LENGTH_BYTES, end));
      position = end;
    }
    this.#frames = this.#frames.subarray(position);
  }

  #afterHead(octets: Buffer, onHead: () => void): Buffer | undefined {
    this.#head = Buffer.concat([this.#head ?? Buffer.alloc(0), octets]);
    const end = this.#head.indexOf(HEAD_END);
    if (end < 0) return undefined;
    const status = this.#head.toString("latin1", 9, 12);
    const body = this.#head.subarray(end + HEAD_END.length);
    this.#head = undefined;
    if (status === "200") onHead();
    else this.#fail(new Error(`the watch answered ${status}`));
    return body;
  }

  #deliver(frame: Buffer): void {
    const pem = certificateIn(frame);
    if (pem === undefined) return;
    const name = nameOfObject(bodyOfEvent(frame) ?? Buffer.alloc(0));
    const waiter = this.#waiting.get(name);
    if (waiter === undefined) this.#early.set(name, pem);
    else this.#waiting.delete(name);
    waiter?.resolve(pem);
  }

  #fail(error: Error): void {
    this.#failure = error;
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}
