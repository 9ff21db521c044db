import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import { Agent, createServer, request } from "node:https";
import type { AddressInfo } from "node:net";
import type { TlsIdentity } from "../../builders/tls-identity.ts";
import type { Credentials } from "./https-client.ts";

/** Where an API server is, and as whom it is asked. */
export interface Upstream {
  readonly url: string;
  readonly credentials: Credentials;
}

/** An answer instead of the API server's. */
export interface Refusal {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
}

/**
 * Stands before an API server, at an address that stays the same, and fails as networks and overloaded servers do. Lets
 * in whoever shows the token.
 */
export class UnreliableProxy {
  /** The only credential that is good now. */
  token = "first";
  /** What is answered to a call instead of asking; undefined asks. */
  storm: (method: string, path: string) => Refusal | undefined = () => undefined;
  /** How often each status was answered here. */
  readonly refused = new Map<number, number>();
  readonly #server;
  #upstream: Upstream | undefined;
  #agent: Agent | undefined;

  constructor({ serving }: TlsIdentity) {
    const pair = { cert: serving.certificatePem, key: serving.privateKeyPem };
    this.#server = createServer(pair, (incoming, outgoing) => this.#forward(incoming, outgoing));
  }

  async listen(): Promise<string> {
    this.#server.listen(0, "127.0.0.1");
    await once(this.#server, "listening");
    return `https://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Asks this server from now on. */
  lead(upstream: Upstream): void {
    const { caPem, certificatePem, privateKeyPem } = upstream.credentials;
    this.#agent?.destroy();
    this.#agent = new Agent({ keepAlive: true, ca: caPem, cert: certificatePem, key: privateKeyPem });
    this.#upstream = upstream;
  }

  /** Ends every connection, whatever is under way on it. */
  cut(): void {
    this.#server.closeAllConnections();
  }

  async close(): Promise<void> {
    this.cut();
    await new Promise((resolve) => this.#server.close(resolve));
    this.#agent?.destroy();
  }

  #forward(incoming: IncomingMessage, outgoing: ServerResponse): void {
    const { method = "", url: path = "", headers } = incoming;
    const isKnown = headers.authorization === `Bearer ${this.token}`;
    const refusal = isKnown ? this.storm(method, path) : { status: 401 };
    if (refusal === undefined) this.#pass(incoming, outgoing);
    else this.#refuse(incoming, outgoing, refusal);
  }

  #pass(incoming: IncomingMessage, outgoing: ServerResponse): void {
    const { method, url: path, headers } = incoming;
    const { authorization: _, host: __, ...kept } = headers;
    const agent = this.#agent;
    const upstream = request(this.#upstream?.url ?? "", { path, method, headers: kept, agent });
    upstream.on("response", (answer) => {
      outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
      answer.on("error", () => outgoing.destroy()).pipe(outgoing);
      outgoing.flushHeaders();
    });
    upstream.on("error", () => outgoing.destroy());
    outgoing.on("close", () => upstream.destroy());
    incoming.pipe(upstream);
  }

  #refuse(incoming: IncomingMessage, outgoing: ServerResponse, { status, headers = {} }: Refusal): void {
    this.refused.set(status, (this.refused.get(status) ?? 0) + 1);
    incoming.resume();
    const reason = { 401: "Unauthorized", 429: "TooManyRequests" }[status] ?? "InternalError";
    const body = {
      kind: "Status",
      apiVersion: "v1",
      status: "Failure",
      reason,
      message: `refused with ${status}`,
      code: status,
    };
    outgoing.writeHead(status, { "content-type": "application/json", ...headers }).end(JSON.stringify(body));
  }
}
