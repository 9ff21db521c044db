import { TlsClient } from "./tls/tls-client.ts";

const HEAD_END = Buffer.from("\r\n\r\n");
const LAST_CHUNK = Buffer.from("\r\n0\r\n\r\n");
const EMPTY = Buffer.alloc(0);

export interface Answer {
  readonly status: number;
  readonly body: Buffer;
}

/** What waits for the next octets: returns true when it has all it needs. */
type Consumer = (received: Buffer) => boolean;

/** A client's connection that speaks just enough HTTP/1.1. One exchange at a time. */
export class Connection {
  readonly #tls: TlsClient;
  #received: Buffer = EMPTY;
  #consumer: Consumer | undefined;
  #fail: ((error: Error) => void) | undefined;
  #failure: Error | undefined;

  private constructor(url: URL, onOpen: () => void, onFailure: (error: Error) => void) {
    this.#fail = onFailure;
    this.#tls = new TlsClient(url.hostname, Number(url.port), {
      onOpen,
      onOctets: (octets) => this.#take(octets),
      onEnd: (error) => this.#broken(error),
    });
  }

  static open(url: URL): Promise<Connection> {
    return new Promise((resolve, reject) => {
      const connection = new Connection(url, () => resolve(connection), reject);
    });
  }

  /** Sends a request and resolves with its whole answer. */
  async exchange(request: Buffer): Promise<Answer> {
    let answer: Answer | undefined;
    await this.#converse(request, (received) => {
      answer = wholeAnswer(received);
      return answer !== undefined;
    });
    this.#received = EMPTY;
    if (answer === undefined) throw new Error("no answer");
    return answer;
  }

  /** Sends a request and shows `look` everything that has come back so far, until it finds something. */
  async watch<T>(request: Buffer, look: (received: Buffer) => T | undefined): Promise<T> {
    let found: T | undefined;
    await this.#converse(request, (received) => {
      found = look(received);
      return found !== undefined;
    });
    if (found === undefined) throw new Error("the watch ended without an outcome");
    return found;
  }

  /** Sends a request and passes on what comes back, piece by piece, until the connection ends. */
  stream(request: Buffer, onOctets: (octets: Buffer) => void, onEnd: (error: Error) => void): void {
    this.#consumer = (received) => {
      this.#received = EMPTY;
      onOctets(received);
      return false;
    };
    this.#fail = onEnd;
    this.#tls.send(request);
  }

  close(): void {
    this.#consumer = undefined;
    this.#fail = undefined;
    this.#tls.close();
  }

  #converse(request: Buffer, consumer: Consumer): Promise<void> {
    if (this.#failure) return Promise.reject(this.#failure);
    return new Promise((resolve, reject) => {
      this.#consumer = (received) => {
        if (!consumer(received)) return false;
        resolve();
        return true;
      };
      this.#fail = reject;
      this.#tls.send(request);
    });
  }

  #take(chunk: Buffer): void {
    this.#received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
    if (this.#consumer?.(this.#received)) this.#consumer = undefined;
  }

  #broken(error: Error): void {
    this.#failure ??= error;
    this.#fail?.(error);
    this.#fail = undefined;
  }
}

/** The answer that stands in these octets, once it is complete: by its length, or by its last chunk. */
function wholeAnswer(received: Buffer): Answer | undefined {
  const headLength = received.indexOf(HEAD_END);
  if (headLength < 0) return undefined;
  const head = received.toString("latin1", 0, headLength);
  const status = Number(head.slice(9, 12));
  const body = received.subarray(headLength + HEAD_END.length);
  const length = /\r\ncontent-length: *(\d+)/i.exec(head)?.[1];
  if (length !== undefined) return body.length < Number(length) ? undefined : { status, body };
  return body.subarray(-LAST_CHUNK.length).equals(LAST_CHUNK) ? { status, body: withoutChunks(body) } : undefined;
}

function withoutChunks(body: Buffer): Buffer {
  const decoder = new ChunkDecoder();
  return Buffer.concat(decoder.push(body));
}

/** Takes the chunks of a chunked body apart, whatever pieces it arrives in. */
export class ChunkDecoder {
  #pending: Buffer = EMPTY;
  #left = 0;

  push(octets: Buffer): readonly Buffer[] {
    let rest = this.#pending.length === 0 ? octets : Buffer.concat([this.#pending, octets]);
    const contents: Buffer[] = [];
    while (rest.length > 0) {
      if (this.#left > 0) {
        const part = rest.subarray(0, this.#left);
        contents.push(part);
        this.#left -= part.length;
        rest = rest.subarray(part.length);
        continue;
      }
      // The line break after a chunk's data comes first, so an empty line is passed over.
      const end = rest.indexOf("\r\n");
      if (end < 0) break;
      const line = rest.toString("latin1", 0, end);
      rest = rest.subarray(end + 2);
      if (line !== "") this.#left = Number.parseInt(line, 16) || 0;
    }
    this.#pending = Buffer.from(rest);
    return contents;
  }
}
