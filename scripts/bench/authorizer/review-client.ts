import { once } from "node:events";
import { connect, type TLSSocket } from "node:tls";
import { percentile } from "../statistics.ts";

/** A review, and what its answer must say. */
export interface Review {
  readonly body: string;
  readonly isAllowed: boolean;
}

const HEAD_END = Buffer.from("\r\n\r\n");

const NOTHING = { bytes: Buffer.alloc(0), isAllowed: false };

/**
 * Sends reviews over a few connections that are kept, one at a time on each, and looks at the answers as little as will do: a
 * client of Node's own would take longer than the server.
 */
export class ReviewClient {
  readonly #sockets: readonly TLSSocket[];
  readonly #requests: readonly { readonly bytes: Buffer; readonly isAllowed: boolean }[];
  readonly #judgesVerdicts: boolean;
  #next = 0;
  #longestAnswer = 0;

  private constructor(sockets: readonly TLSSocket[], path: string, reviews: readonly Review[]) {
    this.#sockets = sockets;
    this.#judgesVerdicts = path === "/authorize";
    this.#requests = reviews.map(({ body, isAllowed }) => {
      const head = `POST ${path} HTTP/1.1\r\nhost: authorizer\r\ncontent-type: application/json\r\ncontent-length: ${body.length}\r\n\r\n`;
      return { bytes: Buffer.from(head + body), isAllowed };
    });
  }

  static async open(
    port: number,
    connections: number,
    path: string,
    reviews: readonly Review[],
  ): Promise<ReviewClient> {
    const sockets = await Promise.all(Array.from({ length: connections }, () => connected(port)));
    const client = new ReviewClient(sockets, path, reviews);
    await client.run(0.2);
    return client;
  }

  /** Octets of the longest body that was answered. */
  get longestAnswer(): number {
    return this.#longestAnswer;
  }

  /** @throws {Error} when an answer is no 200, or not the verdict that it must be. */
  async run(seconds: number): Promise<{ readonly answered: number; readonly p99: number }> {
    const end = performance.now() + seconds * 1000;
    const latencies: number[] = [];
    await Promise.all(this.#sockets.map((socket) => this.#converse(socket, end, latencies)));
    return { answered: latencies.length, p99: percentile(latencies, 99) };
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  #converse(socket: TLSSocket, end: number, latencies: number[]): Promise<void> {
    return new Promise((resolve, reject) => {
      let received: Buffer = Buffer.alloc(0);
      let sentAt = 0;
      let isAllowed = false;
      const finish = (error?: Error): void => {
        socket.removeListener("data", take);
        socket.removeListener("error", finish);
        if (error) reject(error);
        else resolve();
      };
      const send = (): void => {
        const request = this.#requests[this.#next++ % this.#requests.length] ?? NOTHING;
        isAllowed = request.isAllowed;
        sentAt = performance.now();
        socket.write(request.bytes);
      };
      const take = (chunk: Buffer): void => {
        received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
        const length = wholeAnswer(received);
        if (length === undefined) return;
        const now = performance.now();
        latencies.push(now - sentAt);
        const problem = this.#problemOf(received, isAllowed);
        received = Buffer.alloc(0);
        if (problem !== undefined) finish(new Error(problem));
        else if (now >= end) finish();
        else send();
      };
      socket.on("data", take);
      socket.once("error", finish);
      send();
    });
  }

  /** A fast wrong answer is no result. */
  #problemOf(answer: Buffer, isAllowed: boolean): string | undefined {
    if (answer.toString("latin1", 9, 12) !== "200") return `answered ${answer.toString("latin1", 0, 400)}`;
    this.#longestAnswer = Math.max(this.#longestAnswer, answer.length - answer.indexOf(HEAD_END) - HEAD_END.length);
    if (!this.#judgesVerdicts || answer.includes(`"allowed":${isAllowed}`)) return undefined;
    return `a verdict was wrong: ${answer.toString("latin1")}`;
  }
}

async function connected(port: number): Promise<TLSSocket> {
  // Both servers have certificates that were made for this run.
  const socket = connect({ host: "127.0.0.1", port, rejectUnauthorized: false, ALPNProtocols: ["http/1.1"] });
  await once(socket, "secureConnect");
  socket.setNoDelay(true);
  return socket;
}

/** @returns how long the answer is; undefined while it is not whole. */
function wholeAnswer(received: Buffer): number | undefined {
  const end = received.indexOf(HEAD_END);
  if (end === -1) return undefined;
  const [, digits = "0"] = /content-length: (\d+)/i.exec(received.toString("latin1", 0, end)) ?? [];
  const length = end + HEAD_END.length + Number(digits);
  return received.length >= length ? length : undefined;
}
