import type { IncomingMessage } from "node:http";
import { createServer } from "node:https";
import { text } from "node:stream/consumers";
import type { TlsIdentity } from "../builders/tls-identity.ts";
import { closeServer, listenOnLoopback } from "./loopback-server.ts";

export interface RoutedRequest {
  readonly method: string;
  /** Path and query. */
  readonly url: string;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

export interface RoutedAnswer {
  readonly status?: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Text, or something to be sent as JSON. */
  readonly body?: unknown;
}

/** An HTTPS server on loopback that answers as a test says, and keeps what it was asked. */
export class RoutedServer {
  readonly #server;
  readonly requests: RoutedRequest[] = [];
  /** 404 where it says nothing. */
  answer: (request: RoutedRequest) => RoutedAnswer | undefined = () => undefined;

  constructor({ serving }: TlsIdentity) {
    const options = { cert: serving.certificatePem, key: serving.privateKeyPem };
    this.#server = createServer(options, (request, response) => {
      void text(request).then((body) => {
        const { method = "", url = "", headers } = request;
        const asked = { method, url, headers, body };
        this.requests.push(asked);
        const { status = 200, headers: own = {}, body: said = "" } = this.answer(asked) ?? { status: 404 };
        response.writeHead(status, own).end(typeof said === "string" ? said : JSON.stringify(said));
      });
    });
  }

  /** @returns its origin. */
  async listen(): Promise<string> {
    return `https://${await listenOnLoopback(this.#server)}`;
  }

  close(): Promise<void> {
    return closeServer(this.#server);
  }
}
