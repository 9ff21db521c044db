import { once } from "node:events";
import { Agent as HttpAgent, type IncomingHttpHeaders, type IncomingMessage, request as requestHttp } from "node:http";
import { Agent, request } from "node:https";

export interface HttpsClientOptions {
  /** PEM; what the system trusts when absent. */
  readonly caPem?: string | undefined;
  readonly certificatePem?: string | undefined;
  readonly privateKeyPem?: string | undefined;
  readonly serverName?: string | undefined;
  /** For the whole exchange, connecting included. */
  readonly timeoutMilliseconds: number;
  readonly maximumBytes: number;
  readonly maximumConnections?: number | undefined;
  /** Less safe: also talks to `http:` URLs. */
  readonly allowPlainHttp?: boolean | undefined;
}

export interface HttpsMessage {
  readonly method: "GET" | "POST";
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
  /** Breaks the exchange off. */
  readonly signal?: AbortSignal | undefined;
}

export interface HttpsAnswer {
  readonly headers: IncomingHttpHeaders;
  readonly body: Buffer;
}

/** An answer of another status than 200 and 201. */
export class HttpStatusError extends Error {
  override readonly name = "HttpStatusError";
  readonly status: number;

  constructor(host: string, status: number) {
    super(`${host} answered HTTP ${status}`);
    this.status = status;
  }
}

/** @throws when there is no answer of 200 or 201 in time and in bounds; the message holds nothing of what was sent. */
export type HttpsExchange = (url: URL, message: HttpsMessage) => Promise<string>;

export interface HttpsClient {
  /** @throws {HttpStatusError} or another error, as `HttpsExchange`. */
  exchange(url: URL, message: HttpsMessage): Promise<HttpsAnswer>;
  /** Closes connections that are kept open, and those that are in use. */
  close(): void;
}

const MAXIMUM_CONNECTIONS = 32;

/** Asks other servers, the answer being text. */
export function httpsExchange(options: HttpsClientOptions): HttpsExchange {
  const client = httpsClient(options);
  return async (url, message) => (await client.exchange(url, message)).body.toString("utf8");
}

/** Talks to other servers. Redirects are not followed: not to http, nor anywhere else. */
export function httpsClient(options: HttpsClientOptions): HttpsClient {
  const { timeoutMilliseconds, maximumBytes, allowPlainHttp = false } = options;
  const agent = httpsAgent(options);
  const plainAgent = new HttpAgent({ keepAlive: true, maxSockets: agent.maxSockets });

  function send(url: URL, { method, headers, body }: HttpsMessage, signal: AbortSignal) {
    const settings = { method, headers: { accept: "application/json", ...headers }, signal };
    const isPlain = url.protocol === "http:" && allowPlainHttp;
    if (!isPlain && url.protocol !== "https:") throw new Error(`${url.origin} is not https`);
    const outgoing = isPlain
      ? requestHttp(url, { ...settings, agent: plainAgent })
      : request(url, { ...settings, agent });
    const answered = once(outgoing, "response") as Promise<[IncomingMessage]>;
    outgoing.end(body);
    return answered;
  }

  return {
    async exchange(url, message) {
      const limit = AbortSignal.timeout(timeoutMilliseconds);
      const signal = message.signal === undefined ? limit : AbortSignal.any([limit, message.signal]);
      try {
        const [answer] = await send(url, message, signal);
        return { headers: answer.headers, body: await contentOf(answer, url.host, maximumBytes) };
      } catch (error) {
        message.signal?.throwIfAborted();
        if (limit.aborted) throw new Error(`${url.host} did not answer within ${timeoutMilliseconds} ms`);
        throw error;
      }
    },
    close() {
      agent.destroy();
      plainAgent.destroy();
    },
  };
}

function httpsAgent(options: HttpsClientOptions): Agent {
  const { caPem, certificatePem, privateKeyPem, serverName, maximumConnections = MAXIMUM_CONNECTIONS } = options;
  return new Agent({
    keepAlive: true,
    maxSockets: maximumConnections,
    minVersion: "TLSv1.2",
    ...(caPem !== undefined && { ca: caPem }),
    ...(certificatePem !== undefined && { cert: certificatePem }),
    ...(privateKeyPem !== undefined && { key: privateKeyPem }),
    ...(serverName !== undefined && { servername: serverName }),
  });
}

async function contentOf(answer: IncomingMessage, host: string, maximumBytes: number): Promise<Buffer> {
  const { statusCode = 0 } = answer;
  if (statusCode !== 200 && statusCode !== 201) {
    answer.destroy();
    throw new HttpStatusError(host, statusCode);
  }
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    size += chunk.length;
    // Leaving the loop closes the connection.
    if (size > maximumBytes) throw new Error(`${host} answered more than ${maximumBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, size);
}
