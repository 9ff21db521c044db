import { setTimeout as pause } from "node:timers/promises";
import type { Clock } from "../../shared/clock.ts";
import type { Logger } from "../../shared/logging.ts";
import type { NodeAddresses, NodeAddressesSettings } from "../domain/node-addresses.ts";
import { type ClusterConnection, ClusterError, connectCluster } from "./cluster-connection.ts";
import { NodeDirectory, type NodeObject, namesOf } from "./node-directory.ts";

const NODES = "/api/v1/nodes";
/** One question for each serving certificate, and the watch. */
const LIMITS = { requestsPerSecond: 2000, maximumConnections: 16 };
/** Small pages, since each is parsed in one go on the thread that serves. */
const PAGE_SIZE = 100;
const WATCH_SECONDS = 300;
/** What was not heard of for so long counts as unknown. */
const STALE_MILLISECONDS = 600_000;
const FIRST_PAUSE_MILLISECONDS = 500;
const LONGEST_PAUSE_MILLISECONDS = 30_000;
const CHANGES_MILLISECONDS = 1000;

export interface NodeAddressesDependencies {
  readonly clock: Clock;
  readonly logger: Pick<Logger, "info" | "warn">;
  /** Called some time after nodes came or went, or have other addresses. */
  readonly onChange?: () => void;
}

/**
 * The Node objects of a cluster. One node is read whenever it is asked for; all of them are followed beside that, by a
 * list and a watch, to know which of them have an address.
 *
 * @throws {Error} when the kubeconfig cannot be used, naming it.
 */
export function openNodeAddresses(
  { kubeconfigFile, timeoutSeconds }: NodeAddressesSettings,
  dependencies: NodeAddressesDependencies,
): NodeAddresses {
  const api = connectCluster(kubeconfigFile, LIMITS);
  const stop = new AbortController();
  const followed = follow(api, dependencies, stop.signal);

  return {
    async addressesOf(nodeName, signal) {
      try {
        const limits = { timeoutMilliseconds: timeoutSeconds * 1000, signal };
        const node = await api.send("GET", `${NODES}/${encodeURIComponent(nodeName)}`, undefined, limits);
        return namesOf(node as NodeObject);
      } catch (error) {
        if (error instanceof ClusterError && error.code === 404) return undefined;
        throw error;
      }
    },
    othersWith: (name, nodeName) => [...followed.known().nodesWith(name)].filter((other) => other !== nodeName),
    isGone: (nodeName) => followed.isKnown() && !followed.known().has(nodeName),
    close() {
      stop.abort();
      api.close();
    },
  };
}

interface Followed {
  isKnown(): boolean;
  /** @throws {Error} when the nodes are not known, or were not heard of for too long. */
  known(): NodeDirectory;
}

function follow(
  api: ClusterConnection,
  { clock, logger, onChange = () => undefined }: NodeAddressesDependencies,
  signal: AbortSignal,
): Followed {
  const tell = collected(onChange, signal);
  let directory: NodeDirectory | undefined;
  let heardMilliseconds = 0;
  let problem: string | undefined;
  let failures = 0;
  const heard = (): void => {
    heardMilliseconds = clock.now().getTime();
    failures = 0;
    if (problem !== undefined) logger.info("the nodes of the cluster are followed again");
    problem = undefined;
  };

  async function list(): Promise<string> {
    const found = new NodeDirectory();
    for (let next = ""; ; ) {
      const query = new URLSearchParams({ limit: `${PAGE_SIZE}`, ...(next && { continue: next }) });
      const page = (await api.send("GET", `${NODES}?${query}`, undefined, { signal })) as NodeList;
      for (const node of page.items ?? []) found.put(node);
      next = page.metadata?.continue ?? "";
      if (next !== "") continue;
      if (directory === undefined) logger.info({ nodes: found.size }, "read the nodes of the cluster");
      directory = found;
      heard();
      tell();
      return page.metadata?.resourceVersion ?? "";
    }
  }

  /** @throws {Error} when the stream breaks off; a plain end is none. */
  async function watch(from: string): Promise<string> {
    let resourceVersion = from;
    const options = { watch: "1", allowWatchBookmarks: "true", timeoutSeconds: `${WATCH_SECONDS}` };
    const query = new URLSearchParams({ ...options, resourceVersion });
    for await (const event of api.watch(`${NODES}?${query}`, signal)) {
      const { type, object } = event as NodeEvent;
      if (type === "ERROR") throw new Error("the watch of nodes was ended by the API server");
      if (apply(type, object ?? {})) tell();
      resourceVersion = object?.metadata?.resourceVersion ?? resourceVersion;
      heard();
    }
    return resourceVersion;
  }

  function apply(type: string | undefined, node: NodeObject): boolean {
    if (type === "DELETED") return directory?.remove(node.metadata?.name ?? "") ?? false;
    return type !== "BOOKMARK" && (directory?.put(node) ?? false);
  }

  function failed(error: unknown): void {
    const { message } = error as Error;
    failures += 1;
    if (message !== problem) logger.warn({ problem: message }, "cannot follow the nodes of the cluster");
    problem = message;
  }

  async function run(): Promise<void> {
    while (!signal.aborted) {
      try {
        let resourceVersion = await list();
        while (!signal.aborted) resourceVersion = await watch(resourceVersion);
      } catch (error) {
        if (signal.aborted) return;
        failed(error);
        const waits = Math.min(FIRST_PAUSE_MILLISECONDS * 2 ** Math.min(failures - 1, 10), LONGEST_PAUSE_MILLISECONDS);
        await pause(waits, undefined, { signal, ref: false }).catch(() => undefined);
      }
    }
  }

  void run();
  const isKnown = (): boolean =>
    directory !== undefined && clock.now().getTime() - heardMilliseconds <= STALE_MILLISECONDS;
  return {
    isKnown,
    known() {
      if (directory !== undefined && isKnown()) return directory;
      throw new Error(problem ?? "the nodes of the cluster are not known yet");
    },
  };
}

/** Many changes come together when a cluster grows: they are told at most once a second. */
function collected(onChange: () => void, signal: AbortSignal): () => void {
  let isWaiting = false;
  const tell = (): void => {
    isWaiting = false;
    if (!signal.aborted) onChange();
  };
  return () => {
    if (!isWaiting) setTimeout(tell, CHANGES_MILLISECONDS).unref();
    isWaiting = true;
  };
}

interface NodeList {
  readonly items?: readonly NodeObject[];
  readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string };
}

interface NodeEvent {
  readonly type?: string;
  readonly object?: NodeObject;
}
