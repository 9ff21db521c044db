import { once } from "node:events";
import { readFileSync } from "node:fs";
import type { IncomingHttpHeaders, IncomingMessage } from "node:http";
import { Agent, request } from "node:https";
import { buffer } from "node:stream/consumers";
import { parse } from "yaml";

/** What a caller shows of itself and whom it trusts; PEM texts. */
export interface Credentials {
  readonly caPem: string;
  readonly token?: string;
  readonly certificatePem?: string;
  readonly privateKeyPem?: string;
}

export interface Answer {
  readonly status: number;
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

export interface Message {
  /** A list is one header line for each of its values. */
  readonly headers?: Readonly<Record<string, string | string[]>>;
  readonly body?: string | Uint8Array;
}

/** Talks HTTPS to one server as one caller, over connections that are kept. */
export class HttpsClient {
  readonly #url: string;
  readonly #token: string | undefined;
  readonly #agent: Agent;

  constructor(url: string, { caPem, token, certificatePem, privateKeyPem }: Credentials) {
    this.#url = url;
    this.#token = token;
    this.#agent = new Agent({
      keepAlive: true,
      ca: caPem,
      ...(certificatePem !== undefined && { cert: certificatePem }),
      ...(privateKeyPem !== undefined && { key: privateKeyPem }),
    });
  }

  /** Sends a message and reads the whole answer. */
  async send(method: string, path: string, message: Message = {}): Promise<Answer> {
    const answer = await this.open(method, path, message);
    return { status: answer.statusCode ?? 0, headers: answer.headers, body: await buffer(answer) };
  }

  /** Sends a message and resolves when the answer's headers are here; its body is left to the caller. */
  async open(method: string, path: string, { headers = {}, body }: Message = {}): Promise<IncomingMessage> {
    // The path is given apart, since a URL would resolve its dot segments.
    const outgoing = request(this.#url, {
      path,
      agent: this.#agent,
      method,
      headers: {
        ...(this.#token !== undefined && { authorization: `Bearer ${this.#token}` }),
        // Node leaves the length of a DELETE's body out.
        ...(body !== undefined && { "content-length": Buffer.byteLength(body) }),
        ...headers,
      },
    });
    const answered = once(outgoing, "response") as Promise<[IncomingMessage]>;
    // A server may answer and close before it has taken the whole body; what counts is its answer.
    outgoing.on("error", () => undefined);
    outgoing.end(body);
    const [answer] = await answered;
    return answer;
  }

  /** Closes every connection, also those with an answer under way. */
  close(): void {
    this.#agent.destroy();
  }
}

/** The server and the caller that a kubeconfig written by Gatehouse names. */
export function readKubeconfig(path: string): { readonly url: string; readonly credentials: Credentials } {
  const { clusters, users } = parse(readFileSync(path, "utf8"));
  const { server, "certificate-authority-data": ca } = clusters[0].cluster;
  const { token, "client-certificate-data": certificate, "client-key-data": key } = users[0].user;
  return {
    url: server,
    credentials: {
      caPem: fromBase64(ca),
      ...(token !== undefined && { token }),
      ...(certificate !== undefined && { certificatePem: fromBase64(certificate) }),
      ...(key !== undefined && { privateKeyPem: fromBase64(key) }),
    },
  };
}

function fromBase64(text: string): string {
  return Buffer.from(text, "base64").toString("utf8");
}
