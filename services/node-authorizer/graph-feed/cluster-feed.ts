import type { GraphFeed } from "./feed.ts";
import { KindWatch, type KindWatchDependencies } from "./kind-watch.ts";

/** Feeds the graph from a kube-apiserver: each kind by itself, so that a slow one holds up no other. */
export function clusterFeed(deps: Omit<KindWatchDependencies, "onRefused">): GraphFeed {
  let refused = 0;
  const onRefused = (): void => {
    refused += 1;
  };
  const watches = deps.graph.watchedKinds.map((kind) => new KindWatch(kind, { ...deps, onRefused }));
  const isSynced = (): boolean => watches.every((watch) => watch.isSynced);
  return {
    async start() {
      for (const watch of watches) watch.start();
    },
    async stop() {
      await Promise.all(watches.map((watch) => watch.stop()));
    },
    isSynced,
    status: () => ({
      source: "cluster",
      isSynced: isSynced(),
      kinds: watches.map((watch) => watch.status()),
      refused,
    }),
  };
}
