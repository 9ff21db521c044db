import { once } from "node:events";
import type { ServerResponse } from "node:http";

/** Initial events are written in steps of about this size, so that a long list waits for its reader. */
const STEP_BYTES = 256 * 1024;
/** A watcher that takes nothing of its initial events for this long is gone. */
const STALL_MILLISECONDS = 60_000;

/** The answering side of one watch: a chunked body that never waits in memory beyond a limit. */
export class WatchStream {
  readonly #response: ServerResponse;
  readonly #contentType: string;
  readonly #maxBufferBytes: number;
  readonly #onClose: (() => void)[] = [];
  #isClosed = false;
  #isTooSlow = false;
  /** The headers went with the first event. */
  #hasWritten = false;

  constructor(response: ServerResponse, contentType: string, maxBufferBytes: number) {
    this.#response = response;
    this.#contentType = contentType;
    this.#maxBufferBytes = maxBufferBytes;
    response.on("close", () => this.#close());
    // Without a listener a broken connection would end the process.
    response.on("error", () => this.#close());
  }

  /** Nothing more can be sent. */
  get isClosed(): boolean {
    return this.#isClosed;
  }

  /** It was cut off because its reader fell behind. */
  get isTooSlow(): boolean {
    return this.#isTooSlow;
  }

  /** Called once, whatever ends the stream; at once when it has ended. */
  onClose(callback: () => void): void {
    if (this.#isClosed) callback();
    else this.#onClose.push(callback);
  }

  /** Sends the headers, in one piece with what is sent in the same turn. */
  start(): void {
    if (this.#isClosed) return;
    const response = this.#response;
    const { socket } = response;
    response.writeHead(200, { "content-type": this.#contentType });
    // Not the response: it would let its first chunk go before the others.
    socket?.cork();
    process.nextTick(() => {
      if (!this.#hasWritten && !response.writableEnded && !response.destroyed) response.flushHeaders();
      socket?.uncork();
    });
  }

  /** Sends one event; cuts the stream when too much of it is still waiting. */
  send(event: Uint8Array): void {
    if (this.#isClosed) return;
    this.#write(event);
    if (this.#response.writableLength <= this.#maxBufferBytes) return;
    this.#isTooSlow = true;
    this.#response.destroy();
    this.#close();
  }

  /** Sends many events, no faster than they are taken. Resolves when all are handed over or the stream has closed. */
  async sendAll(events: Iterable<Uint8Array>): Promise<void> {
    let pending = 0;
    for (const event of events) {
      if (this.#isClosed) return;
      this.#write(event);
      pending += event.length;
      if (pending < STEP_BYTES) continue;
      pending = 0;
      if (this.#response.writableNeedDrain) await this.#drained();
    }
  }

  #write(event: Uint8Array): void {
    this.#hasWritten = true;
    this.#response.write(event);
  }

  async #drained(): Promise<void> {
    const stalled = AbortSignal.timeout(STALL_MILLISECONDS);
    const closed = new AbortController();
    this.onClose(() => closed.abort());
    try {
      await once(this.#response, "drain", { signal: AbortSignal.any([stalled, closed.signal]) });
    } catch {
      this.#isTooSlow = stalled.aborted;
      this.#response.destroy();
      this.#close();
    }
  }

  /** Ends the body as an orderly one. */
  end(): void {
    if (this.#isClosed) return;
    if (!this.#response.headersSent) this.#response.writeHead(200, { "content-type": this.#contentType });
    this.#response.end();
    this.#close();
  }

  #close(): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    for (const callback of this.#onClose.splice(0)) callback();
  }
}
