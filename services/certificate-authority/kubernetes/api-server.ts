import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { Agent, request } from "node:https";
import { readWebhookKubeconfig, type WebhookConnection } from "../../shared/kubernetes/webhook-kubeconfig.ts";
import { linesOf, textOf } from "./answer-body.ts";

/** An answer that is no success. */
export class ApiServerError extends Error {
  override readonly name = "ApiServerError";
  readonly statusCode: number;

  constructor(host: string, statusCode: number) {
    super(`${host} answered HTTP ${statusCode}`);
    this.statusCode = statusCode;
  }
}

/** Reads from a kube-apiserver. */
export interface ApiServer {
  /** @throws {ApiServerError} for an answer that is no success; Error when there is none in time. */
  get(pathAndQuery: string, timeoutMilliseconds: number, signal?: AbortSignal): Promise<unknown>;
  /**
   * The events of a watch, until it ends.
   * @throws as `get`, and when nothing at all was heard for `silenceMilliseconds`.
   */
  watch(pathAndQuery: string, silenceMilliseconds: number, signal: AbortSignal): AsyncGenerator<unknown>;
  /** Uses what the kubeconfig says now: credentials may have been renewed. @throws {Error} naming the file. */
  renew(): void;
  close(): void;
}

const MAXIMUM_ANSWER_BYTES = 64 * 1024 * 1024;

/** @throws {KubeconfigError} when the kubeconfig cannot be used. */
export function connectApiServer(kubeconfigFile: string): ApiServer {
  let [connection, agent] = connect(kubeconfigFile);

  async function open(pathAndQuery: string, signal: AbortSignal): Promise<IncomingMessage> {
    const { url, token } = connection;
    const bearer = token();
    const headers = {
      accept: "application/json",
      "user-agent": "gatehouse",
      ...(bearer !== undefined && { authorization: `Bearer ${bearer}` }),
    };
    const outgoing = request(new URL(url.pathname.replace(/\/$/, "") + pathAndQuery, url), { agent, headers, signal });
    const answered = once(outgoing, "response") as Promise<[IncomingMessage]>;
    // After the answer has begun its own stream tells of errors.
    outgoing.on("error", () => undefined);
    outgoing.end();
    const [answer] = await answered;
    if (answer.statusCode === 200) return answer;
    answer.destroy();
    throw new ApiServerError(url.host, answer.statusCode ?? 0);
  }

  return {
    async get(pathAndQuery, timeoutMilliseconds, signal) {
      const limit = AbortSignal.timeout(timeoutMilliseconds);
      try {
        const answer = await open(pathAndQuery, signal === undefined ? limit : AbortSignal.any([limit, signal]));
        return JSON.parse(await textOf(answer, MAXIMUM_ANSWER_BYTES));
      } catch (error) {
        signal?.throwIfAborted();
        throw limit.aborted ? new Error(`${connection.url.host} did not answer in time`) : wordsOf(error, connection);
      }
    },
    async *watch(pathAndQuery, silenceMilliseconds, signal) {
      const silence = new AbortController();
      const timer = setTimeout(() => silence.abort(), silenceMilliseconds).unref();
      try {
        const answer = await open(pathAndQuery, AbortSignal.any([signal, silence.signal]));
        answer.on("data", () => timer.refresh());
        for await (const line of linesOf(answer)) yield JSON.parse(line);
      } catch (error) {
        if (silence.signal.aborted) throw new Error(`nothing was heard from ${connection.url.host}`);
        throw wordsOf(error, connection);
      } finally {
        clearTimeout(timer);
        silence.abort();
      }
    },
    renew() {
      const [newConnection, newAgent] = connect(kubeconfigFile);
      agent.destroy();
      [connection, agent] = [newConnection, newAgent];
    },
    close: () => agent.destroy(),
  };
}

function connect(kubeconfigFile: string): [WebhookConnection, Agent] {
  const connection = readWebhookKubeconfig(kubeconfigFile, "the API server");
  const { caPem, tlsServerName, clientCertificatePem, clientKeyPem } = connection;
  const agent = new Agent({
    keepAlive: true,
    maxSockets: 16,
    minVersion: "TLSv1.2",
    ...(caPem !== undefined && { ca: caPem }),
    ...(tlsServerName !== undefined && { servername: tlsServerName }),
    ...(clientCertificatePem !== undefined && { cert: clientCertificatePem, key: clientKeyPem }),
  });
  return [connection, agent];
}

/** In words that stay the same while the trouble does: addresses and ports of our side are left out. */
function wordsOf(error: unknown, { url }: WebhookConnection): Error {
  if (error instanceof ApiServerError) return error;
  if (error instanceof SyntaxError) return new Error(`${url.host} answered no JSON`);
  const { code, message } = error as NodeJS.ErrnoException;
  return new Error(`${url.host}: ${code ?? message}`);
}
