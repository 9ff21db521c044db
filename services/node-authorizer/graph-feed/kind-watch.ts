import { setTimeout as pause } from "node:timers/promises";
import type { Clock } from "../../shared/clock.ts";
import type { Logger } from "../../shared/logging.ts";
import type { ClusterEvent, WatchedKind, WatchedObjects } from "../domain/cluster-objects.ts";
import { type ApiServer, ApiServerError, type WatchEvent } from "./cluster-api.ts";
import type { FedGraph, KindStatus } from "./feed.ts";
import { trimmed } from "./trim.ts";

/** Where the objects of each kind are; of several versions the first that is served. A kind with several may be served in none. */
const PATHS: Readonly<Record<WatchedKind, readonly string[]>> = {
  Pod: ["/api/v1/pods"],
  PersistentVolume: ["/api/v1/persistentvolumes"],
  PersistentVolumeClaim: ["/api/v1/persistentvolumeclaims"],
  Node: ["/api/v1/nodes"],
  ServiceAccount: ["/api/v1/serviceaccounts"],
  VolumeAttachment: ["/apis/storage.k8s.io/v1/volumeattachments"],
  CSIDriver: ["/apis/storage.k8s.io/v1/csidrivers"],
  ResourceSlice: ["v1", "v1beta2", "v1beta1"].map((version) => `/apis/resource.k8s.io/${version}/resourceslices`),
  PodCertificateRequest: ["v1", "v1beta1", "v1alpha1"].map(
    (version) => `/apis/certificates.k8s.io/${version}/podcertificaterequests`,
  ),
};

const PAGE_SIZE = "500";
/** As client-go: between five and ten minutes. */
const WATCH_SECONDS = 300;
const FIRST_PAUSE_MILLISECONDS = 500;
const LONGEST_PAUSE_MILLISECONDS = 30_000;
/** How long until it is asked again whether a kind is served by now. */
const UNSERVED_PAUSE_MILLISECONDS = 60_000;
/** After so many failures in a row the list is read again. */
const FAILURES_UNTIL_LIST = 5;

export interface KindWatchDependencies {
  readonly api: ApiServer;
  readonly graph: FedGraph;
  readonly clock: Clock;
  readonly logger: Logger;
  /** From 0 up to 1. */
  readonly random?: () => number;
  readonly onRefused: () => void;
}

/** What the API server told us to begin anew for. */
class GapError extends Error {
  override readonly name = "GapError";
}

/** Keeps the objects of one kind current: a list, then a watch from there; a new list after a gap. */
export class KindWatch<Kind extends WatchedKind> {
  readonly #kind: Kind;
  readonly #deps: KindWatchDependencies;
  readonly #stop = new AbortController();
  #running: Promise<void> = Promise.resolve();
  #path: string | undefined;
  #version: string | undefined;
  #isSynced = false;
  #heardAt: Date | undefined;
  #lists = 0;
  #failures = 0;
  #problem: string | undefined;

  constructor(kind: Kind, deps: KindWatchDependencies) {
    this.#kind = kind;
    this.#deps = deps;
  }

  start(): void {
    this.#running = this.#run();
  }

  async stop(): Promise<void> {
    this.#stop.abort();
    await this.#running;
  }

  /** Whether all objects were read once. */
  get isSynced(): boolean {
    return this.#isSynced;
  }

  status(): KindStatus {
    const problem = this.#problem;
    return { kind: this.#kind, isSynced: this.#isSynced, heardAt: this.#heardAt, lists: this.#lists, problem };
  }

  async #run(): Promise<void> {
    const { signal } = this.#stop;
    while (!signal.aborted) {
      try {
        if (this.#version === undefined) await this.#list();
        if (this.#path === undefined) await this.#pause(UNSERVED_PAUSE_MILLISECONDS);
        else await this.#watch(this.#path, this.#version ?? "");
        this.#recovered();
      } catch (error) {
        this.#failed(error);
        await this.#pause(this.#backOff());
      }
    }
  }

  /** @throws when no version of the kind can be listed. */
  async #list(): Promise<void> {
    for (const path of PATHS[this.#kind]) {
      try {
        await this.#listAt(path);
        this.#path = path;
        return;
      } catch (error) {
        const isUnserved = error instanceof ApiServerError && error.statusCode === 404;
        if (!isUnserved || !this.#mayBeUnserved) throw error;
      }
    }
    // A cluster without the API has none of its objects.
    this.#path = undefined;
    this.#replace([]);
  }

  /** What every cluster serves and is not found was looked for at the wrong address: nothing is known then. */
  get #mayBeUnserved(): boolean {
    return PATHS[this.#kind].length > 1;
  }

  async #listAt(path: string): Promise<void> {
    const objects: WatchedObjects[Kind][] = [];
    let next = "";
    let version = "";
    do {
      const page = (await this.#deps.api.get(
        path,
        { limit: PAGE_SIZE, ...(next && { continue: next }) },
        this.#stop.signal,
      )) as ListPage;
      for (const item of page.items ?? []) objects.push(trimmed(this.#kind, item as WatchedObjects[Kind]));
      next = page.metadata?.continue ?? "";
      version = page.metadata?.resourceVersion ?? "";
    } while (next !== "" && !this.#stop.signal.aborted);
    if (this.#stop.signal.aborted) return;
    this.#replace(objects);
    // Not before: a list that could not be taken is to be read again, not watched from.
    this.#version = version;
  }

  #replace(objects: readonly WatchedObjects[Kind][]): void {
    this.#deps.graph.replace(this.#kind, objects);
    this.#lists += 1;
    this.#heard();
    if (!this.#isSynced) this.#deps.logger.info({ kind: this.#kind, objects: objects.length }, "read all objects");
    this.#isSynced = true;
  }

  async #watch(path: string, resourceVersion: string): Promise<void> {
    const timeoutSeconds = String(Math.round(WATCH_SECONDS * (1 + this.#random())));
    const query = { resourceVersion, timeoutSeconds, allowWatchBookmarks: "true" };
    const handlers = { onOpen: () => this.#heard(), onEvent: (event: WatchEvent) => this.#take(event) };
    await this.#deps.api.watch(path, query, handlers, this.#stop.signal);
  }

  #take({ type, object }: WatchEvent): void {
    if (type === "ERROR") throw errorOf(object);
    const { resourceVersion } = (object["metadata"] ?? {}) as { resourceVersion?: string };
    if (type === "ADDED" || type === "MODIFIED" || type === "DELETED") this.#apply(type, object);
    if (resourceVersion) this.#version = resourceVersion;
    this.#heard();
    this.#recovered();
  }

  #apply(type: ClusterEvent["type"], object: WatchEvent["object"]): void {
    try {
      this.#deps.graph.apply({ kind: this.#kind, type, object } as ClusterEvent);
    } catch (error) {
      // An object without a name: it cannot come from an API server, and reading the list again would not help.
      this.#deps.onRefused();
      this.#deps.logger.error({ err: error, kind: this.#kind }, "could not take an event");
    }
  }

  #heard(): void {
    this.#heardAt = this.#deps.clock.now();
  }

  #recovered(): void {
    if (this.#problem !== undefined) this.#deps.logger.info({ kind: this.#kind }, "the watch is well again");
    this.#problem = undefined;
    this.#failures = 0;
  }

  #failed(error: unknown): void {
    const { message } = error as Error;
    this.#failures += 1;
    const isGap = error instanceof GapError || (error instanceof ApiServerError && error.statusCode === 410);
    // What is known stays in force meanwhile: a list that is late is better than none.
    if (isGap || this.#failures % FAILURES_UNTIL_LIST === 0) this.#version = undefined;
    if (isGap) return;
    if (this.#problem !== message) this.#deps.logger.warn({ kind: this.#kind, problem: message }, "a watch failed");
    this.#problem = message;
  }

  #backOff(): number {
    const doubled = FIRST_PAUSE_MILLISECONDS * 2 ** Math.min(this.#failures - 1, 16);
    return Math.min(doubled, LONGEST_PAUSE_MILLISECONDS) * (0.5 + this.#random() / 2);
  }

  async #pause(milliseconds: number): Promise<void> {
    await pause(milliseconds, undefined, { signal: this.#stop.signal, ref: false }).catch(() => undefined);
    if (this.#path === undefined) this.#version = undefined;
  }

  #random(): number {
    return (this.#deps.random ?? Math.random)();
  }
}

interface ListPage {
  readonly items?: readonly object[];
  readonly metadata?: { readonly resourceVersion?: string; readonly continue?: string };
}

/** Source: kubernetes staging/src/k8s.io/apimachinery/pkg/apis/meta/v1/types.go (Status in a watch). */
function errorOf({ code, message }: WatchEvent["object"]): Error {
  const said = typeof message === "string" ? message : "the watch ended with an error";
  return code === 410 ? new GapError(said) : new Error(said);
}
