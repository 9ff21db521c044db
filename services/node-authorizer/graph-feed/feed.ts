import type { ClusterEvent, WatchedKind, WatchedObjects } from "../domain/cluster-objects.ts";

/** Who takes the events: the domain. */
export interface FedGraph {
  readonly watchedKinds: readonly WatchedKind[];
  readonly apply: (event: ClusterEvent) => boolean;
  readonly replace: <Kind extends WatchedKind>(kind: Kind, objects: Iterable<WatchedObjects[Kind]>) => boolean;
}

/** How the feed of one kind stands. */
export interface KindStatus {
  readonly kind: WatchedKind;
  readonly isSynced: boolean;
  /** When something was last heard, be it that nothing happened. */
  readonly heardAt: Date | undefined;
  /** How often the whole list was read. */
  readonly lists: number;
  /** What is wrong now; undefined when nothing is. */
  readonly problem: string | undefined;
}

export interface FeedStatus {
  readonly source: "cluster" | "objects" | "none";
  /** Whether the graph holds everything there is: before that nobody may be answered. */
  readonly isSynced: boolean;
  readonly kinds: readonly KindStatus[];
  /** Objects and lines that could not be taken. */
  readonly refused: number;
}

/** Keeps the graph current. */
export interface GraphFeed {
  /** Resolves when the feed has begun; it may be synced much later. @throws when it can never begin. */
  start(): Promise<void>;
  stop(): Promise<void>;
  /** As in `status`, without a report: every review asks. */
  isSynced(): boolean;
  status(): FeedStatus;
}

/** For a server that only vetoes. */
export const NO_FEED: GraphFeed = {
  start: async () => undefined,
  stop: async () => undefined,
  isSynced: () => true,
  status: () => ({ source: "none", isSynced: true, kinds: [], refused: 0 }),
};
