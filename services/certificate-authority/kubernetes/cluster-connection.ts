import { once } from "node:events";
import { readFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { Agent, type RequestOptions, request } from "node:https";
import { createRequire } from "node:module";
import { dirname, resolve } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { createSecureContext } from "node:tls";
import type { KubeConfig } from "@kubernetes/client-node";
import { readKubeconfig } from "../../shared/kubernetes/kubeconfig.ts";
import { linesOf, textOf } from "./answer-body.ts";
import { createPacer } from "./pacer.ts";

const ANSWER_LIMIT_MILLISECONDS = 30_000;
/** Bookmarks come about every minute. */
const SILENCE_MILLISECONDS = 150_000;
/** Tokens in files and from programs change while we run. */
const CREDENTIALS_MILLISECONDS = 10_000;
const LONGEST_HOLD_SECONDS = 60;
/** More than any page of a list has. */
const MAXIMUM_ANSWER_BYTES = 256 * 1024 * 1024;
const MAXIMUM_MESSAGE_CHARACTERS = 500;

/** An answer that is no success; `reason` is that of its Status. */
export class ClusterError extends Error {
  override readonly name = "ClusterError";
  readonly code: number;
  readonly reason: string;

  constructor(code: number, reason: string, message: string) {
    super(message);
    this.code = code;
    this.reason = reason;
  }
}

type ClientNode = typeof import("@kubernetes/client-node");

export type ClusterMethod = "GET" | "POST" | "PUT" | "DELETE";

/** How long one call may take. */
export interface CallLimits {
  /** For the answer, from the call's turn on; half a minute when nothing is said. */
  readonly timeoutMilliseconds?: number;
  /** Says that nobody waits for the answer any more. */
  readonly signal?: AbortSignal | undefined;
}

/** The API of a cluster. */
export interface ClusterConnection {
  /** @throws {ClusterError} for an answer that is no success; Error when there is none in time. Both name the server. */
  send(method: ClusterMethod, pathAndQuery: string, body?: object, limits?: CallLimits): Promise<unknown>;
  /** The events of a watch, until it ends. @throws as `send`, and when nothing was heard for minutes. */
  watch(pathAndQuery: string, signal: AbortSignal): AsyncGenerator<unknown>;
  /** How many requests were sent, by method and last part of the path. */
  readonly sent: ReadonlyMap<string, number>;
  close(): void;
}

export interface ConnectionLimits {
  readonly requestsPerSecond: number;
  readonly maximumConnections: number;
}

interface Access {
  readonly server: URL;
  readonly headers: Readonly<Record<string, string>>;
  readonly agent: Agent;
}

/**
 * @param kubeconfigFile - a kubeconfig; undefined is the service account of the pod this runs in.
 * @throws {Error} when the kubeconfig cannot be used, naming it.
 */
export function connectCluster(kubeconfigFile: string | undefined, limits: ConnectionLimits): ClusterConnection {
  const credentials = createCredentials(kubeconfigFile, limits);
  const pacer = createPacer(limits.requestsPerSecond);
  const sent = new Map<string, number>();

  async function open(options: RequestOptions, pathAndQuery: string, body: string | undefined, signal: AbortSignal) {
    const { server, headers, agent } = await credentials.current();
    const url = new URL(server.pathname.replace(/\/$/, "") + pathAndQuery, server);
    // Node leaves the length of a DELETE's body out, and the server would take the body for the next request.
    const length = body === undefined ? 0 : Buffer.byteLength(body);
    const content = body === undefined ? {} : { "content-type": "application/json", "content-length": length };
    const own = { accept: "application/json", "user-agent": "gatehouse", ...content };
    const outgoing = request(url, { ...options, agent, signal, headers: { ...own, ...headers } });
    const answered = once(outgoing, "response") as Promise<[IncomingMessage]>;
    // After the answer has begun its own stream tells of errors.
    outgoing.on("error", () => undefined);
    outgoing.end(body);
    const [answer] = await answered;
    return answer;
  }

  async function refused(answer: IncomingMessage): Promise<ClusterError> {
    const { statusCode = 0 } = answer;
    const hold = Number(answer.headers["retry-after"] ?? (statusCode === 429 ? "1" : "0"));
    if (hold > 0) pacer.holdUntil(performance.now() + Math.min(hold, LONGEST_HOLD_SECONDS) * 1000);
    if (statusCode === 401) credentials.distrust();
    const { reason, message } = statusOf(await textOf(answer, MAXIMUM_ANSWER_BYTES));
    return new ClusterError(statusCode, reason, `${credentials.host} answered HTTP ${statusCode}: ${message}`);
  }

  return {
    sent,
    async send(method, pathAndQuery, body, { timeoutMilliseconds = ANSWER_LIMIT_MILLISECONDS, signal } = {}) {
      await pacer.turn(signal);
      const kind = `${method} ${pathAndQuery.split("?")[0]?.split("/").at(-1)}`;
      sent.set(kind, (sent.get(kind) ?? 0) + 1);
      const limit = AbortSignal.timeout(timeoutMilliseconds);
      try {
        const text = body === undefined ? undefined : JSON.stringify(body);
        const both = signal === undefined ? limit : AbortSignal.any([limit, signal]);
        const answer = await open({ method }, pathAndQuery, text, both);
        if ((answer.statusCode ?? 0) >= 300) throw await refused(answer);
        return JSON.parse(await textOf(answer, MAXIMUM_ANSWER_BYTES));
      } catch (error) {
        signal?.throwIfAborted();
        throw limit.aborted
          ? new Error(`${credentials.host} did not answer in time`)
          : wordsOf(error, credentials.host);
      }
    },
    async *watch(pathAndQuery, signal) {
      const silence = new AbortController();
      const timer = setTimeout(() => silence.abort(), SILENCE_MILLISECONDS).unref();
      try {
        const both = AbortSignal.any([signal, silence.signal]);
        const answer = await open({ method: "GET" }, pathAndQuery, undefined, both);
        if (answer.statusCode !== 200) throw await refused(answer);
        answer.on("data", () => timer.refresh());
        for await (const line of linesOf(answer)) yield JSON.parse(line);
      } catch (error) {
        if (silence.signal.aborted) throw new Error(`nothing was heard from ${credentials.host}`);
        throw wordsOf(error, credentials.host);
      } finally {
        clearTimeout(timer);
        silence.abort();
      }
    },
    close: () => credentials.close(),
  };
}

/** What the kubeconfig says now, and connections that were made with it. */
function createCredentials(kubeconfigFile: string | undefined, { maximumConnections }: ConnectionLimits) {
  let config = load(kubeconfigFile);
  let made: { readonly agent: Agent; readonly identity: string } | undefined;
  let access: Promise<Access> | undefined;
  let readAt = 0;

  async function read(): Promise<Access> {
    const server = new URL(config.getCurrentCluster()?.server ?? "");
    const options: RequestOptions = {};
    await config.applyToHTTPSOptions(options);
    const { ca, cert, key, pfx, passphrase, servername } = options;
    const identity = JSON.stringify([ca, cert, key, pfx, passphrase, servername]);
    if (made?.identity !== identity) {
      // What is under way on the old connections may end there.
      // Made once: an agent names its sockets after the PEM of its options, again for every request.
      const secureContext = createSecureContext({ ca, cert, key, pfx, passphrase, minVersion: "TLSv1.2" });
      // One more, for the watch.
      const connections = { keepAlive: true, maxSockets: maximumConnections + 1 };
      made = { agent: new Agent({ secureContext, servername, ...connections }), identity };
    }
    return { server, headers: (options.headers ?? {}) as Record<string, string>, agent: made.agent };
  }

  return {
    /** Whom errors name. */
    get host(): string {
      return new URL(config.getCurrentCluster()?.server ?? "").host;
    },
    async current(): Promise<Access> {
      const now = performance.now();
      if (access === undefined || now - readAt > CREDENTIALS_MILLISECONDS) {
        readAt = now;
        config = load(kubeconfigFile);
        access = read();
      }
      try {
        return await access;
      } catch (error) {
        access = undefined;
        await pause(0);
        throw error;
      }
    },
    distrust(): void {
      access = undefined;
    },
    close: () => made?.agent.destroy(),
  };
}

function load(kubeconfigFile: string | undefined): KubeConfig {
  // Only here: its thousand modules are nearly half of what a server loads, and most servers have no cluster.
  const library = createRequire(import.meta.url)("@kubernetes/client-node") as ClientNode;
  const config = new library.KubeConfig();
  const where = kubeconfigFile === undefined ? "the pod's service account" : `the kubeconfig ${kubeconfigFile}`;
  try {
    if (kubeconfigFile === undefined) config.loadFromCluster();
    else {
      config.loadFromFile(kubeconfigFile);
      readTokenFile(config, kubeconfigFile);
    }
  } catch (cause) {
    throw new Error(`cannot use ${where}: ${(cause as Error).message}`, { cause });
  }
  const cluster = config.getCurrentCluster();
  if (!cluster?.server.startsWith("https://")) throw new Error(`${where} names no cluster with an https: server`);
  if (cluster.skipTLSVerify) {
    throw new Error(
      `${where}: insecure-skip-tls-verify would let anybody be the API server; give certificate-authority`,
    );
  }
  return config;
}

/** client-node looks for `token-file`, which kubectl does not write. */
function readTokenFile(config: KubeConfig, kubeconfigFile: string): void {
  const current = config.getCurrentUser();
  const named = readKubeconfig(kubeconfigFile).users?.find(({ name }) => name === current?.name)?.user;
  if (current === null || current.token || !named?.tokenFile) return;
  const token = readFileSync(resolve(dirname(kubeconfigFile), named.tokenFile), "utf8").trim();
  config.users = config.users.map((user) => (user === current ? { ...user, token } : user));
}

/** In words that stay the same while the trouble does: addresses and ports of our side are left out. */
function wordsOf(error: unknown, host: string): Error {
  if (error instanceof ClusterError) return error;
  if (error instanceof SyntaxError) return new Error(`${host} answered no JSON`, { cause: error });
  const { code, message } = error as NodeJS.ErrnoException;
  return new Error(`${host}: ${code ?? message}`, { cause: error });
}

function statusOf(text: string): { readonly reason: string; readonly message: string } {
  try {
    const { reason, message } = JSON.parse(text) as { reason?: unknown; message?: unknown };
    const said = typeof message === "string" ? message.slice(0, MAXIMUM_MESSAGE_CHARACTERS) : "";
    return { reason: typeof reason === "string" ? reason : "", message: said };
  } catch {
    return { reason: "", message: "no Status" };
  }
}
