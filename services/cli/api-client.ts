import type { IncomingMessage } from "node:http";
import { Agent, request as httpsRequest } from "node:https";
import { isIP } from "node:net";
import { text as readText } from "node:stream/consumers";
import type { Status } from "../shared/status-error.ts";
import { ApiError, describeConnectionError } from "./api-error.ts";
import { CommandError } from "./command-error.ts";
import type { Connection } from "./kubeconfig.ts";

const STREAM_IDLE_MILLISECONDS = 120_000;

export interface ApiRequest {
  readonly method?: "GET" | "POST" | "PUT" | "DELETE";
  /** Percent-encoded, below the server's URL. */
  readonly path: string;
  /** Parameters that are undefined are left out. */
  readonly query?: Readonly<Record<string, string | undefined>>;
  readonly body?: unknown;
  /** Default: JSON. */
  readonly accept?: string;
  /** For work that takes the server long: no limit unless the user set one. */
  readonly isSlow?: boolean;
}

export interface ApiClient {
  readonly connection: Connection;
  /**
   * The JSON of a successful answer. Its type is what the server documents, not checked again here.
   * @throws {ApiError} when the server refuses; {CommandError} when it cannot be reached, trusted or understood.
   */
  json<T>(request: ApiRequest): Promise<T>;
  text(request: ApiRequest): Promise<string>;
  /** An answer to be read as it comes; `signal` ends it. `isEndless` streams may be silent for as long as they like. */
  stream(
    request: ApiRequest,
    options?: { readonly signal?: AbortSignal; readonly isEndless?: boolean },
  ): Promise<IncomingMessage>;
  /** Closes the connections that are kept alive, without which the process would linger. */
  close(): void;
}

export interface ApiClientOptions {
  /** For the whole of an ordinary answer, for the head of a stream. */
  readonly timeoutSeconds: number;
  /** Whether the user asked for this timeout, in which case slow work keeps it too. */
  readonly isExplicitTimeout: boolean;
}

/** A small client for the Kubernetes API and our own: one keep-alive connection, credentials of a kubeconfig. */
export function createApiClient(connection: Connection, options: ApiClientOptions): ApiClient {
  const agent = new Agent({ keepAlive: true, maxSockets: 2 });
  const send = (request: ApiRequest, signal?: AbortSignal) => exchange(connection, agent, request, signal);

  async function whole(request: ApiRequest): Promise<string> {
    const limit = request.isSlow && !options.isExplicitTimeout ? undefined : options.timeoutSeconds;
    const deadline = limit === undefined ? undefined : AbortSignal.timeout(limit * 1000);
    try {
      return await readText(await send(request, deadline));
    } catch (error) {
      throw deadline?.aborted ? timeoutError(connection, options.timeoutSeconds, error) : error;
    }
  }

  return {
    connection,
    text: whole,
    async json<T>(request: ApiRequest) {
      return parseJson(await whole(request), connection, request.path) as T;
    },
    async stream(request, { signal, isEndless = false } = {}) {
      const head = new AbortController();
      const abort = (): void => head.abort();
      const isLimited = !request.isSlow || options.isExplicitTimeout;
      const timer = isLimited ? setTimeout(abort, options.timeoutSeconds * 1000) : undefined;
      signal?.addEventListener("abort", abort, { once: true });
      try {
        const response = await send(request, head.signal);
        if (!isEndless) response.setTimeout(STREAM_IDLE_MILLISECONDS, () => response.destroy(stalled(connection)));
        return response;
      } catch (error) {
        const isLate = head.signal.aborted && !signal?.aborted;
        throw isLate ? timeoutError(connection, options.timeoutSeconds, error) : error;
      } finally {
        clearTimeout(timer);
      }
    },
    close: () => agent.destroy(),
  };
}

/** @returns the successful answer, its body unread. */
async function exchange(
  connection: Connection,
  agent: Agent,
  request: ApiRequest,
  signal: AbortSignal | undefined,
): Promise<IncomingMessage> {
  const response = await open(connection, agent, request, signal).catch((error: unknown) => {
    throw describeConnectionError(error, connection);
  });
  const code = response.statusCode ?? 0;
  if (code >= 200 && code < 300) return response;
  throw new ApiError(code, statusOf(await readText(response)), connection, request.path);
}

function open(
  connection: Connection,
  agent: Agent,
  { method = "GET", path, query = {}, body, accept = "application/json" }: ApiRequest,
  signal: AbortSignal | undefined,
): Promise<IncomingMessage> {
  const payload = body === undefined ? undefined : Buffer.from(JSON.stringify(body));
  const { server, caPem, clientCertificatePem, clientKeyPem, token, tlsServerName, skipsVerification } = connection;
  const host = server.hostname.replace(/^\[|\]$/g, "");
  // An address is no name to send in SNI (RFC 6066 section 3).
  const servername = tlsServerName ?? (isIP(host) ? "" : host);
  return new Promise((resolve, reject) => {
    const outgoing = httpsRequest(
      {
        agent,
        method,
        host,
        port: server.port || 443,
        path: `${server.pathname.replace(/\/$/, "")}${path}${searchOf(query)}`,
        headers: {
          accept,
          "user-agent": "gatehouse-cli",
          ...(payload && { "content-type": "application/json", "content-length": payload.length }),
          ...(token && { authorization: `Bearer ${token}` }),
        },
        ...(caPem && { ca: caPem }),
        ...(clientCertificatePem && { cert: clientCertificatePem, key: clientKeyPem }),
        ...(signal && { signal }),
        servername,
        rejectUnauthorized: !skipsVerification,
      },
      resolve,
    );
    outgoing.once("error", reject);
    outgoing.end(payload);
  });
}

function searchOf(query: NonNullable<ApiRequest["query"]>): string {
  const given = Object.entries(query).filter((entry): entry is [string, string] => entry[1] !== undefined);
  return given.length === 0 ? "" : `?${new URLSearchParams(given)}`;
}

function parseJson(body: string, { server }: Connection, path: string): unknown {
  try {
    return JSON.parse(body);
  } catch (cause) {
    throw new CommandError(`${server.origin} did not answer ${path} with JSON`, "Is it a Gatehouse server?", { cause });
  }
}

/** The Status in an error's body, if it is one. */
function statusOf(body: string): Partial<Status> | undefined {
  try {
    const value: unknown = JSON.parse(body);
    return (value as Partial<Status> | null)?.kind === "Status" ? (value as Partial<Status>) : undefined;
  } catch {
    return undefined;
  }
}

function timeoutError({ server }: Connection, seconds: number, cause: unknown): CommandError {
  const hint = "Give it longer with --request-timeout.";
  return new CommandError(`${server.origin} did not answer within ${seconds} s`, hint, { cause });
}

function stalled({ server }: Connection): CommandError {
  return new CommandError(`${server.origin} sent nothing for ${STREAM_IDLE_MILLISECONDS / 1000} s`, "Try again.");
}
