import { createServer, type IncomingMessage, type Server, type ServerResponse } from "node:http";
import { closeServer, listenOnLoopback } from "./loopback-server.ts";

export interface MetadataAnswer {
  readonly status?: number;
  readonly body: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What answers a request; undefined for 404. */
export type AnswerMetadata = (
  request: IncomingMessage,
  url: URL,
) => MetadataAnswer | undefined | Promise<MetadataAnswer | undefined>;

/** A metadata service of a cloud on loopback, which remembers what it was asked. */
export class MetadataServer {
  readonly asked: string[] = [];
  readonly #server: Server;
  #host = "";
  #answer: AnswerMetadata = () => undefined;

  constructor() {
    this.#server = createServer((request, response) => void this.#reply(request, response));
  }

  async start(): Promise<void> {
    this.#host = await listenOnLoopback(this.#server);
  }

  get url(): URL {
    return new URL(`http://${this.#host}`);
  }

  /** From now on, with nothing asked before. */
  answers(answer: AnswerMetadata): void {
    this.asked.length = 0;
    this.#answer = answer;
  }

  async #reply(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", "http://metadata");
    this.asked.push(`${request.method} ${url.pathname}`);
    const answer = await this.#answer(request, url);
    const { status = 200, body, headers = {} } = answer ?? { status: 404, body: "not here" };
    response.writeHead(status, headers).end(body);
  }

  stop(): Promise<void> {
    return closeServer(this.#server);
  }
}
