import { setTimeout as pause } from "node:timers/promises";
import type { Logger } from "../../shared/logging.ts";
import { type ClusterConnection, ClusterError } from "./cluster-connection.ts";
import type { RequestCache, SentObject } from "./request-cache.ts";

export const REQUESTS_PATH = "/apis/certificates.k8s.io/v1/certificatesigningrequests";

const PAGE_SIZE = 500;
/** As client-go: between five and ten minutes. */
const WATCH_SECONDS = 300;
const FIRST_PAUSE_MILLISECONDS = 200;
const LONGEST_PAUSE_MILLISECONDS = 30_000;
/** After so many failures in a row the list is read again. */
const FAILURES_UNTIL_LIST = 5;

export interface InformerDependencies<Sent extends SentObject> {
  readonly cluster: Pick<ClusterConnection, "send" | "watch">;
  /** Finds out where the objects are; asked before each list. */
  readonly path: () => Promise<string>;
  /** What the objects are called in the log. */
  readonly what: string;
  readonly cache: RequestCache<Sent>;
  /** Told the name of each request of which there is news. */
  readonly onChange: (name: string) => void;
  readonly logger: Pick<Logger, "info" | "warn">;
}

export interface Informer {
  /** Resolves when all requests were read once. */
  readonly synced: Promise<void>;
  /** Reads the whole list again, whatever was heard. */
  relist(): void;
  stop(): Promise<void>;
}

/** What the API server told us to begin anew for. */
class GapError extends Error {
  override readonly name = "GapError";
}

/** Keeps the cache current: a list, then a watch from there; a new list after a gap. */
export function followRequests<Sent extends SentObject>(deps: InformerDependencies<Sent>): Informer {
  const { cluster, what, cache, onChange, logger } = deps;
  const stopping = new AbortController();
  const { signal } = stopping;
  let path = "";
  let revision: string | undefined;
  let failures = 0;
  let problem: string | undefined;
  let onSynced: () => void = () => undefined;
  const synced = new Promise<void>((resolve) => {
    onSynced = resolve;
  });

  async function list(): Promise<string> {
    const items: Sent[] = [];
    path = await deps.path();
    for (let next = ""; ; ) {
      const query = new URLSearchParams({ limit: `${PAGE_SIZE}`, ...(next && { continue: next }) });
      const page = (await cluster.send("GET", `${path}?${query}`)) as ObjectList<Sent>;
      items.push(...(page.items ?? []));
      next = page.metadata?.continue ?? "";
      if (next !== "") continue;
      const read = page.metadata?.resourceVersion ?? "";
      for (const name of cache.replace(items, Number(read))) onChange(name);
      logger.info({ requests: items.length, resourceVersion: read }, `read the cluster's ${what}`);
      recovered();
      onSynced();
      return read;
    }
  }

  async function watch(from: string): Promise<void> {
    const timeoutSeconds = `${Math.round(WATCH_SECONDS * (1 + Math.random()))}`;
    const query = new URLSearchParams({
      watch: "1",
      allowWatchBookmarks: "true",
      timeoutSeconds,
      resourceVersion: from,
    });
    for await (const event of cluster.watch(`${path}?${query}`, signal)) {
      const { type, object } = event as WatchEvent<Sent>;
      if (type === "ERROR")
        throw object.code === 410 ? new GapError() : new Error(`the watch ended: ${object.message}`);
      const name = type === "DELETED" ? cache.drop(object) : type === "BOOKMARK" ? undefined : cache.put(object);
      if (name !== undefined) onChange(name);
      revision = object.metadata?.resourceVersion ?? revision;
      recovered();
    }
  }

  function recovered(): void {
    if (problem !== undefined) logger.info(`the cluster's ${what} are followed again`);
    problem = undefined;
    failures = 0;
  }

  function failed(error: unknown): void {
    const { message } = error as Error;
    failures += 1;
    const isGap = error instanceof GapError || (error instanceof ClusterError && error.code === 410);
    if (isGap || failures % FAILURES_UNTIL_LIST === 0) revision = undefined;
    if (message !== problem && !isGap) logger.warn({ problem: message }, `cannot follow the cluster's ${what}`);
    if (!isGap) problem = message;
  }

  async function run(): Promise<void> {
    while (!signal.aborted) {
      try {
        revision ??= await list();
        await watch(revision);
      } catch (error) {
        if (signal.aborted) return;
        failed(error);
        const doubled = FIRST_PAUSE_MILLISECONDS * 2 ** Math.min(failures - 1, 16);
        const waits = Math.min(doubled, LONGEST_PAUSE_MILLISECONDS) * (0.5 + Math.random() / 2);
        await pause(waits, undefined, { signal, ref: false }).catch(() => undefined);
      }
    }
  }

  const running = run();
  return {
    synced,
    relist() {
      revision = undefined;
    },
    async stop() {
      stopping.abort();
      await running;
    },
  };
}

interface ObjectList<Sent> {
  readonly items?: readonly Sent[];
  readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string };
}

/** Source: kubernetes staging/src/k8s.io/apimachinery/pkg/apis/meta/v1/watch.go (WatchEvent, with a Status in ERROR). */
interface WatchEvent<Sent> {
  readonly type?: string;
  readonly object: Sent & { readonly code?: number; readonly message?: string };
}
