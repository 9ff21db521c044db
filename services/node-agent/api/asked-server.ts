import type { IncomingMessage } from "node:http";
import { request as httpsRequest } from "node:https";
import { isIP } from "node:net";
import { connectionProblem } from "../../shared/connection-problem.ts";
import { replaceUnprintable } from "../../shared/unprintable.ts";
import { AgentError } from "../agent-error.ts";

const TIMEOUT_MILLISECONDS = 30_000;
const LARGEST_ANSWER_BYTES = 4 * 1024 * 1024;
const LONGEST_MESSAGE = 500;

/** A server, and what is trusted to be it. */
export interface ServerAddress {
  readonly url: URL;
  /** Undefined trusts what the system trusts. */
  readonly caPem: string | undefined;
  /** The name to expect in the server's certificate, when it is not the host of `url`. */
  readonly serverName: string | undefined;
}

/** Who asks: by a client certificate, by a bearer token, or nobody in particular. */
export type Credentials =
  | { readonly certificatePem: string; readonly keyPem: string }
  | { readonly token: string }
  | undefined;

export interface Question {
  readonly method: "GET" | "POST";
  /** Percent-encoded, below the server's URL. */
  readonly path: string;
  /** Default: JSON. */
  readonly accept?: string;
  /** JSON. */
  readonly body?: string | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Less safe: whoever answers is listened to. For what is checked by other means. */
  readonly skipsVerification?: boolean;
}

export interface Answer {
  readonly status: number;
  /** The header Date; undefined when there is none that can be read. */
  readonly date: Date | undefined;
  readonly text: string;
}

/** Asks the server once, over a connection of its own: a kept one would go on to say who asked before. */
export type AskedServer = (question: Question) => Promise<Answer>;

/**
 * A server, asked as somebody. Every answer is returned, whatever its status; it is bounded in time and size.
 *
 * The function it returns throws {AgentError} `unreachable` when there is no answer, `untrusted` when whoever is there is
 * somebody else.
 */
export function askedServer(server: ServerAddress, credentials: Credentials): AskedServer {
  return (question) =>
    exchange(server, credentials, question).catch((cause: unknown) => {
      throw described(cause, server.url.origin, question.signal);
    });
}

async function exchange(
  { url, caPem, serverName }: ServerAddress,
  credentials: Credentials,
  { method, path, accept = "application/json", body, signal, skipsVerification = false }: Question,
): Promise<Answer> {
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const limit = AbortSignal.timeout(TIMEOUT_MILLISECONDS);
  const answer = await new Promise<IncomingMessage>((resolve, reject) => {
    const outgoing = httpsRequest(
      {
        ...{ method, host, port: url.port || 443, path: `${url.pathname.replace(/\/$/, "")}${path}` },
        agent: false,
        minVersion: "TLSv1.2",
        ...(credentials && "keyPem" in credentials && { cert: credentials.certificatePem, key: credentials.keyPem }),
        ...(caPem !== undefined && { ca: caPem }),
        // An address is no name to send in SNI (RFC 6066 section 3).
        servername: serverName ?? (isIP(host) ? "" : host),
        rejectUnauthorized: !skipsVerification,
        signal: signal === undefined ? limit : AbortSignal.any([limit, signal]),
        headers: {
          accept,
          "user-agent": "gatehouse-node-agent",
          ...(credentials && "token" in credentials && { authorization: `Bearer ${credentials.token}` }),
          ...(body !== undefined && { "content-type": "application/json", "content-length": Buffer.byteLength(body) }),
        },
      },
      resolve,
    );
    outgoing.once("error", reject);
    outgoing.end(body);
  });
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > LARGEST_ANSWER_BYTES) throw new Error(`it answered more than ${LARGEST_ANSWER_BYTES} bytes`);
    chunks.push(chunk);
  }
  const text = Buffer.concat(chunks, size).toString("utf8");
  return { status: answer.statusCode ?? 0, date: dateOf(answer.headers.date), text };
}

function dateOf(header: string | undefined): Date | undefined {
  const date = new Date(header ?? Number.NaN);
  return Number.isNaN(date.getTime()) ? undefined : date;
}

function described(cause: unknown, origin: string, signal: AbortSignal | undefined): unknown {
  if (signal?.aborted) return cause;
  const problem = connectionProblem(cause);
  if (problem?.kind === "untrusted") {
    const hint = "Compare the CA that is trusted here with the one that signed the server's certificate.";
    const message = `cannot trust the certificate of ${origin}: ${problem.words}`;
    return new AgentError("untrusted", message, { cause, hint });
  }
  const { code, message } = cause as NodeJS.ErrnoException;
  const words = problem?.words ?? (message || code || "no answer");
  return new AgentError("unreachable", `cannot ask ${origin}: ${words}`, { cause });
}

/** The message of a Status, safe to print; `fallback` when the text is no Status. */
export function statusMessage(text: string, fallback = "no Status"): string {
  try {
    const { message } = JSON.parse(text) as { message?: unknown };
    return typeof message === "string" ? safe(message) : fallback;
  } catch {
    return fallback;
  }
}

/** What others say, bounded and without what could move a terminal's cursor. */
export function safe(text: string): string {
  return replaceUnprintable(text.slice(0, LONGEST_MESSAGE), " ");
}
