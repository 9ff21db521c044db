import { once } from "node:events";
import type { IncomingMessage } from "node:http";
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
}

export interface HttpsMessage {
  readonly method: "GET" | "POST";
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

/** @throws when there is no answer of 200 or 201 in time and in bounds; the message holds nothing of what was sent. */
export type HttpsExchange = (url: URL, message: HttpsMessage) => Promise<string>;

const MAXIMUM_CONNECTIONS = 32;

/** Talks to other servers on behalf of authentication. Redirects are not followed: not to http, nor anywhere else. */
export function httpsExchange(options: HttpsClientOptions): HttpsExchange {
  const { caPem, certificatePem, privateKeyPem, serverName, timeoutMilliseconds, maximumBytes } = options;
  const agent = new Agent({
    keepAlive: true,
    maxSockets: MAXIMUM_CONNECTIONS,
    minVersion: "TLSv1.2",
    ...(caPem !== undefined && { ca: caPem }),
    ...(certificatePem !== undefined && { cert: certificatePem }),
    ...(privateKeyPem !== undefined && { key: privateKeyPem }),
    ...(serverName !== undefined && { servername: serverName }),
  });
  return async (url, { method, headers, body }) => {
    if (url.protocol !== "https:") throw new Error(`${url.origin} is not https`);
    const signal = AbortSignal.timeout(timeoutMilliseconds);
    const settings = { agent, method, headers: { accept: "application/json", ...headers }, signal };
    try {
      const outgoing = request(url, settings);
      const answered = once(outgoing, "response") as Promise<[IncomingMessage]>;
      outgoing.end(body);
      const [answer] = await answered;
      return await textOf(answer, url.host, maximumBytes);
    } catch (error) {
      if (signal.aborted) throw new Error(`${url.host} did not answer within ${timeoutMilliseconds} ms`);
      throw error;
    }
  };
}

async function textOf(answer: IncomingMessage, host: string, maximumBytes: number): Promise<string> {
  if (answer.statusCode !== 200 && answer.statusCode !== 201) {
    answer.destroy();
    throw new Error(`${host} answered HTTP ${answer.statusCode}`);
  }
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    size += chunk.length;
    // Leaving the loop closes the connection.
    if (size > maximumBytes) throw new Error(`${host} answered more than ${maximumBytes} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, size).toString("utf8");
}
