import { afterEach, expect, test } from "@jest/globals";
import { createNodeAuthorizer } from "../../../services/node-authorizer/domain/node-authorizer.ts";
import {
  type ApiServer,
  ApiServerError,
  type WatchEvent,
} from "../../../services/node-authorizer/graph-feed/cluster-api.ts";
import { clusterFeed } from "../../../services/node-authorizer/graph-feed/cluster-feed.ts";
import type { GraphFeed } from "../../../services/node-authorizer/graph-feed/feed.ts";
import { recordingLogger } from "../../fakes/recording-logger.ts";
import { SettableClock } from "../../fakes/settable-clock.ts";

const pod = (name: string, secretName: string, resourceVersion = "1") => ({
  metadata: { name, namespace: "shop", uid: `uid-${name}`, resourceVersion, managedFields: [{ manager: "kubectl" }] },
  spec: { nodeName: "n1", containers: [{ image: "x", envFrom: [{ secretRef: { name: secretName } }] }] },
});

interface Stream {
  readonly path: string;
  readonly query: Readonly<Record<string, string>>;
  /** The server accepts. */
  readonly open: () => void;
  readonly send: (type: string, object: object) => void;
  /** Ends it, with an error or without. */
  readonly end: (error?: Error) => void;
}

/** An API server whose answers are written down, and whose streams the test holds. */
function fakeApi() {
  const pods: object[] = [];
  const lists: string[] = [];
  const streams: Stream[] = [];
  const failures: Error[] = [];
  const missing = new Set<string>();
  let version = 10;
  const api: ApiServer = {
    async get(path, query) {
      if (missing.has(path)) throw new ApiServerError(404, "not found");
      if (path !== "/api/v1/pods") return { items: [], metadata: { resourceVersion: "5" } };
      lists.push(query["continue"] ?? "");
      const failure = failures.shift();
      if (failure !== undefined) throw failure;
      if (pods.length > 1 && query["continue"] === undefined) {
        return { items: pods.slice(0, 1), metadata: { continue: "next", resourceVersion: String(version) } };
      }
      return { items: pods.slice(pods.length > 1 ? 1 : 0), metadata: { resourceVersion: String(version) } };
    },
    watch: (path, query, { onOpen, onEvent }, signal) =>
      new Promise((resolve, reject) => {
        signal.addEventListener("abort", () => resolve(), { once: true });
        const send = (type: string, object: object) => {
          try {
            onEvent({ type, object: object as WatchEvent["object"] });
          } catch (error) {
            reject(error as Error);
          }
        };
        streams.push({ path, query, open: onOpen, send, end: (error) => (error ? reject(error) : resolve()) });
      }),
    isAllowed: async () => false,
  };
  const setVersion = (next: number): void => {
    version = next;
  };
  return { api, pods, lists, streams, failures, missing, setVersion };
}

let feed: GraphFeed | undefined;
afterEach(async () => {
  await feed?.stop();
});

async function setUp(prepare: (fake: ReturnType<typeof fakeApi>) => void = () => undefined) {
  const fake = fakeApi();
  prepare(fake);
  const graph = createNodeAuthorizer();
  const { logger, lines } = recordingLogger();
  const clock = new SettableClock();
  // Without a half of chance the pauses are as short as they get.
  feed = clusterFeed({ api: fake.api, graph, clock, logger, random: () => 0 });
  await feed.start();
  const readable = () =>
    graph
      .readableBy("n1")
      .objects.filter(({ kind }) => kind === "secret")
      .map(({ name }) => name);
  const streamsOf = (path: string) => fake.streams.filter((stream) => stream.path === path);
  const podStreams = () => streamsOf("/api/v1/pods");
  const kindOf = (kind: string) => feed?.status().kinds.find((status) => status.kind === kind);
  return { ...fake, graph, lines, clock, readable, streamsOf, podStreams, kindOf, status: () => feed?.status() };
}

async function until(isSo: () => boolean): Promise<void> {
  for (const limit = Date.now() + 5000; !isSo(); ) {
    if (Date.now() > limit) throw new Error("it never came to that");
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

test("a list over several pages, then a watch from there", async () => {
  const { pods, lists, podStreams, readable, status } = await setUp(({ pods: all }) => {
    all.push(pod("a", "one"), pod("b", "two"));
  });
  await until(() => status()?.isSynced === true && podStreams().length === 1);
  expect(lists).toEqual(["", "next"]);
  expect(readable().sort()).toEqual(["one", "two"]);
  expect(podStreams()[0]?.query).toMatchObject({
    resourceVersion: "10",
    allowWatchBookmarks: "true",
    timeoutSeconds: "300",
  });
  podStreams()[0]?.send("ADDED", pod("c", "three", "11"));
  podStreams()[0]?.send("DELETED", pod("a", "one", "12"));
  expect(readable().sort()).toEqual(["three", "two"]);
  expect(pods).toHaveLength(2);
});

test("a stream that ends is begun anew where it was, bookmarks included, without a list", async () => {
  const { lists, podStreams, readable } = await setUp();
  await until(() => podStreams().length === 1);
  podStreams()[0]?.send("ADDED", pod("a", "one", "11"));
  podStreams()[0]?.send("BOOKMARK", { metadata: { resourceVersion: "40" } });
  podStreams()[0]?.end();
  await until(() => podStreams().length === 2);
  expect(podStreams()[1]?.query["resourceVersion"]).toBe("40");
  expect(lists).toHaveLength(1);
  expect(readable()).toEqual(["one"]);
});

test.each([
  { name: "an event of the stream", gap: (stream: Stream) => stream.send("ERROR", { code: 410, message: "too old" }) },
  { name: "the answer to it", gap: (stream: Stream) => stream.end(new ApiServerError(410, "too old")) },
])("a gap, told by $name: everything is listed again, and what is gone is gone", async ({ gap }) => {
  const { pods, lists, podStreams, readable, setVersion, kindOf } = await setUp(({ pods: all }) => {
    all.push(pod("a", "one"));
  });
  await until(() => podStreams().length === 1);
  pods.splice(0, 1, pod("b", "two"));
  setVersion(90);
  const [first] = podStreams();
  if (first !== undefined) gap(first);
  await until(() => podStreams().length === 2);
  expect(lists).toHaveLength(2);
  expect(readable()).toEqual(["two"]);
  expect(podStreams()[1]?.query["resourceVersion"]).toBe("90");
  expect(kindOf("Pod")).toMatchObject({ isSynced: true, lists: 2, problem: undefined });
});

test("a server that fails is asked again; before it answers nothing is synced, and what is wrong is told once", async () => {
  const { podStreams, lines, kindOf, status } = await setUp(({ failures }) => {
    failures.push(new ApiServerError(500, "etcd is away"), new ApiServerError(500, "etcd is away"));
  });
  await until(() => kindOf("Pod")?.problem !== undefined);
  expect(kindOf("Pod")).toMatchObject({ isSynced: false, problem: "etcd is away" });
  expect(status()?.isSynced).toBe(false);
  await until(() => podStreams().length === 1);
  expect(status()?.isSynced).toBe(true);
  expect(lines.filter(({ problem }) => problem === "etcd is away")).toHaveLength(1);
});

test("after failures in a row everything is listed again", async () => {
  const { lists, podStreams } = await setUp();
  for (let failure = 1; failure <= 2; failure += 1) {
    await until(() => podStreams().length === failure);
    podStreams()[failure - 1]?.end(new Error("connection reset"));
  }
  await until(() => podStreams().length === 3);
  expect(lists).toHaveLength(1);
  podStreams()[2]?.send("ADDED", pod("a", "one", "11"));
  podStreams()[2]?.end(new Error("connection reset"));
  await until(() => podStreams().length === 4);
  expect(podStreams()[3]?.query["resourceVersion"]).toBe("11");
});

test("of a kind with several versions the newest that is served is watched; one that is not served has no objects", async () => {
  const slices = (version: string) => `/apis/resource.k8s.io/${version}/resourceslices`;
  const { streamsOf, status } = await setUp(({ missing }) => {
    missing.add(slices("v1"));
  });
  await until(() => streamsOf(slices("v1beta2")).length === 1);
  expect(streamsOf(slices("v1"))).toEqual([]);
  await until(() => status()?.isSynced === true);
  await feed?.stop();
  const without = await setUp(({ missing }) => {
    for (const version of ["v1", "v1beta2", "v1beta1"]) missing.add(slices(version));
  });
  await until(() => without.status()?.isSynced === true);
  expect(without.streams.some(({ path }) => path.includes("resourceslices"))).toBe(false);
});

test("what every cluster has is not taken for absent when it is not found: nobody is answered", async () => {
  const { missing, podStreams, kindOf, status } = await setUp((fake) => fake.missing.add("/api/v1/pods"));
  await until(() => kindOf("Pod")?.problem !== undefined);
  expect(status()?.isSynced).toBe(false);
  missing.clear();
  await until(() => podStreams().length === 1);
  expect(kindOf("Pod")).toMatchObject({ isSynced: true, lists: 1 });
});

test("an event that cannot be taken is told and counted, and the stream goes on", async () => {
  const { podStreams, readable, status, lines } = await setUp();
  await until(() => podStreams().length === 1);
  podStreams()[0]?.send("ADDED", { metadata: {} });
  podStreams()[0]?.send("ADDED", pod("a", "one", "11"));
  expect(readable()).toEqual(["one"]);
  expect(status()).toMatchObject({ refused: 1 });
  expect(lines.filter(({ msg }) => msg === "could not take an event")).toHaveLength(1);
});

test("a list that cannot be taken after a gap is read again, and nothing is watched from it", async () => {
  const { pods, lists, podStreams, readable, kindOf } = await setUp();
  await until(() => podStreams().length === 1);
  pods.push({ metadata: {} });
  podStreams()[0]?.end(new ApiServerError(410, "too old"));
  await until(() => lists.length === 3);
  expect([podStreams().length, kindOf("Pod")?.lists]).toEqual([1, 1]);
  pods.splice(0, 1, pod("a", "one"));
  await until(() => podStreams().length === 2);
  expect([readable(), kindOf("Pod")?.lists]).toEqual([["one"], 2]);
});

test("what was heard last is told, so that a silent watch is seen", async () => {
  const { podStreams, clock, kindOf } = await setUp();
  await until(() => podStreams().length === 1);
  clock.set("2026-03-01T00:00:00Z");
  podStreams()[0]?.send("BOOKMARK", { metadata: { resourceVersion: "40" } });
  expect(kindOf("Pod")?.heardAt).toEqual(new Date("2026-03-01T00:00:00Z"));
  expect(kindOf("Node")?.heardAt).not.toEqual(new Date("2026-03-01T00:00:00Z"));
  podStreams()[0]?.end();
  await until(() => podStreams().length === 2);
  clock.set("2026-03-01T00:01:00Z");
  podStreams()[1]?.open();
  expect(kindOf("Pod")?.heardAt).toEqual(new Date("2026-03-01T00:01:00Z"));
});
