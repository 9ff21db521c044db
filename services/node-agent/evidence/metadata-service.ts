import { once } from "node:events";
import { Agent, type IncomingMessage, request } from "node:http";
import { AgentError } from "../agent-error.ts";

const ATTEMPTS = 3;
const LIMIT_MILLISECONDS = 5_000;
const LARGEST_ANSWER_BYTES = 64 * 1024;

export interface MetadataQuestion {
  readonly method?: "GET" | "PUT";
  /** With its query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
}

export interface MetadataService {
  /**
   * The body of a 200; asked a few times when there is no answer.
   *
   * @throws {AgentError} `unusable` when there is no such service, or it has no such answer.
   */
  ask(question: MetadataQuestion, signal: AbortSignal): Promise<string>;
}

/**
 * The metadata service of a cloud's machines: plain HTTP to an address that leads no further than the host, never through
 * a proxy; redirects are not followed.
 *
 * @param name - whose it is, for messages.
 */
export function metadataService(name: string, base: URL): MetadataService {
  return {
    async ask(question, signal) {
      let last: unknown;
      for (let attempt = 0; attempt < ATTEMPTS; attempt += 1) {
        signal.throwIfAborted();
        try {
          const { status, text } = await exchange(base, question, signal);
          if (status === 200) return text;
          last = new Error(`it answered ${status} for ${pathOf(question)}`);
          if (status < 500 && status !== 429) break;
        } catch (error) {
          last = error;
        }
      }
      signal.throwIfAborted();
      const { code, message } = last as NodeJS.ErrnoException;
      const hint =
        "Is this a machine of that cloud, and may this process reach the service? --metadata-url names another.";
      const what = `the metadata service of ${name} at ${base.origin} cannot be used: ${message || code}`;
      throw new AgentError("unusable", what, { cause: last, hint });
    },
  };
}

async function exchange(base: URL, { method = "GET", path, headers }: MetadataQuestion, signal: AbortSignal) {
  const limit = AbortSignal.timeout(LIMIT_MILLISECONDS);
  const outgoing = request(new URL(path, base), {
    // One of its own knows no proxies, whatever the environment says.
    ...{ method, headers, agent: new Agent({ keepAlive: false }) },
    signal: AbortSignal.any([limit, signal]),
  });
  const answered = once(outgoing, "response") as Promise<[IncomingMessage]>;
  outgoing.end();
  try {
    const [answer] = await answered;
    return { status: answer.statusCode ?? 0, text: await contentOf(answer) };
  } catch (error) {
    throw limit.aborted ? new Error(`it did not answer within ${LIMIT_MILLISECONDS} ms`) : error;
  }
}

async function contentOf(answer: IncomingMessage): Promise<string> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of answer as AsyncIterable<Buffer>) {
    size += chunk.length;
    if (size > LARGEST_ANSWER_BYTES) throw new Error(`it answered more than ${LARGEST_ANSWER_BYTES} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks, size).toString("utf8");
}

/** Queries hold nonces, which say nothing to people. */
function pathOf({ path }: MetadataQuestion): string {
  return path.split("?")[0] ?? "";
}
