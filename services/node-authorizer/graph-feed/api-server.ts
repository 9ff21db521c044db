import { request } from "node:https";
import { AuthorizationV1Api, KubeConfig, type V1SubjectAccessReview, Watch } from "@kubernetes/client-node";
import { type ApiServer, ApiServerError, type WatchEvent, type WatchHandlers } from "./cluster-api.ts";

const REQUEST_LIMIT_MILLISECONDS = 30_000;
const MAX_ANSWER_BYTES = 256 * 1024 * 1024;

/** @param kubeconfigFile - a kubeconfig; undefined is the pod's own service account. */
export function connectApiServer(kubeconfigFile: string | undefined): ApiServer {
  const load = (): KubeConfig => {
    const config = new KubeConfig();
    if (kubeconfigFile === undefined) config.loadFromCluster();
    else config.loadFromFile(kubeconfigFile);
    return config;
  };
  load();
  return {
    get: (path, query, signal) => getJson(load(), path, query, signal),
    watch: (path, query, handlers, signal) => follow(load(), path, query, handlers, signal),
    async isAllowed({ groups, extra, ...rest }) {
      const api = load().makeApiClient(AuthorizationV1Api);
      const body: V1SubjectAccessReview = {
        apiVersion: "authorization.k8s.io/v1",
        kind: "SubjectAccessReview",
        spec: { ...rest, groups: [...groups], extra: mapOfLists(extra) },
      };
      const { status } = await api.createSubjectAccessReview({ body });
      return status?.allowed === true && status.denied !== true;
    },
  };
}

function mapOfLists(map: Readonly<Record<string, readonly string[]>>): Record<string, string[]> {
  return Object.fromEntries(Object.entries(map).map(([key, values]) => [key, [...values]]));
}

async function getJson(
  config: KubeConfig,
  path: string,
  query: Readonly<Record<string, string>>,
  signal: AbortSignal | undefined,
): Promise<unknown> {
  const server = config.getCurrentCluster()?.server;
  if (server === undefined) throw new Error("the kubeconfig has no current cluster");
  const url = new URL(server + path);
  for (const [name, value] of Object.entries(query)) url.searchParams.set(name, value);
  const options = { headers: { accept: "application/json" }, ...(signal !== undefined && { signal }) };
  await config.applyToHTTPSOptions(options);
  const { statusCode, body } = await exchange(url, options);
  if (statusCode !== 200) throw new ApiServerError(statusCode, messageOf(body) ?? `${path} answered ${statusCode}`);
  return JSON.parse(body);
}

function exchange(url: URL, options: object): Promise<{ readonly statusCode: number; readonly body: string }> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { ...options, timeout: REQUEST_LIMIT_MILLISECONDS }, (response) => {
      const chunks: Buffer[] = [];
      let length = 0;
      response.on("data", (chunk: Buffer) => {
        length += chunk.length;
        if (length > MAX_ANSWER_BYTES) sent.destroy(new Error(`${url.pathname} answered with too much`));
        else chunks.push(chunk);
      });
      response.once("error", reject);
      response.once("end", () =>
        resolve({ statusCode: response.statusCode ?? 0, body: Buffer.concat(chunks).toString("utf8") }),
      );
    });
    sent.once("timeout", () => sent.destroy(new Error(`no answer from ${url.host} in time`)));
    sent.once("error", reject);
    sent.end();
  });
}

function messageOf(body: string): string | undefined {
  try {
    const { message } = JSON.parse(body) as { message?: unknown };
    return typeof message === "string" ? message.slice(0, 300) : undefined;
  } catch {
    return undefined;
  }
}

async function follow(
  config: KubeConfig,
  path: string,
  query: Readonly<Record<string, string>>,
  { onOpen, onEvent }: WatchHandlers,
  signal: AbortSignal,
): Promise<void> {
  // The library swallows what its callback throws.
  let failure: unknown;
  let controller: AbortController | undefined;
  let hasEnded = false;
  const stop = (): void => controller?.abort();
  const ended = new Promise<unknown>((resolve) => {
    const take = (type: string, object: unknown): void => {
      if (failure !== undefined || hasEnded || signal.aborted) return;
      try {
        onEvent({ type, object: object as WatchEvent["object"] });
      } catch (error) {
        failure = error;
        stop();
      }
    };
    const end = (error: unknown): void => {
      hasEnded = true;
      resolve(error);
    };
    void new Watch(config).watch(path, { ...query }, take, end).then((made) => {
      controller = made;
      if (failure !== undefined || signal.aborted) stop();
      else if (!hasEnded) onOpen();
    }, end);
  });
  signal.addEventListener("abort", stop, { once: true });
  const error = await ended;
  signal.removeEventListener("abort", stop);
  if (signal.aborted) return;
  if (failure !== undefined) throw failure;
  // The library gives up a stream that is silent for half a minute, which most are: it may be dead, and is begun anew.
  const isSilent = error instanceof DOMException && error.name === "TimeoutError";
  if (error !== null && error !== undefined && !isSilent) throw asError(error);
}

function asError(error: unknown): Error {
  const { statusCode } = Object(error) as { statusCode?: unknown };
  const message = error instanceof Error ? error.message : String(error);
  return typeof statusCode === "number"
    ? new ApiServerError(statusCode, message, { cause: error })
    : new Error(message);
}
