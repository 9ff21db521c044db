import { get, type IncomingMessage } from "node:http";
import { afterEach, describe, expect, jest, test } from "@jest/globals";
import supertest from "supertest";
import { type WatchEvent, WatchFrameDecoder } from "../../../../services/shared/kubernetes/watch-frames.ts";
import { StatusError } from "../../../../services/shared/status-error.ts";
import { CSRS, type CsrApi, csrApi, listening, PROTOBUF } from "../../../builders/csr-api.ts";
import { condition, request } from "../../../builders/request.ts";

interface OpenWatch {
  readonly response: IncomingMessage;
  /** The next event; rejects when the stream ends first. */
  next(): Promise<WatchEvent>;
  /** Resolves when the server has ended the stream, with how it did. */
  readonly ended: Promise<"orderly" | "cut">;
  readonly seen: readonly WatchEvent[];
  close(): void;
}

const cleanUps: (() => unknown)[] = [];
afterEach(async () => {
  jest.useRealTimers();
  for (const cleanUp of cleanUps.splice(0).reverse()) await cleanUp();
});

const WIRES = [
  { wire: "JSON", accept: "application/json", contentType: "application/json" },
  { wire: "protobuf", accept: `${PROTOBUF},application/json`, contentType: `${PROTOBUF};stream=watch` },
] as const;

async function open(api: CsrApi, query: string, accept = "application/json"): Promise<OpenWatch> {
  const server = await listening(api.app);
  cleanUps.push(() => server.close());
  const response = await new Promise<IncomingMessage>((resolve, reject) => {
    const url = `http://127.0.0.1:${server.port}${CSRS}?watch=true${query && `&${query}`}`;
    get(url, { headers: { accept } }, resolve).on("error", reject);
  });
  return follow(response);
}

function follow(response: IncomingMessage): OpenWatch {
  const decode = response.headers["content-type"]?.startsWith(PROTOBUF) ? frames() : lines();
  const seen: WatchEvent[] = [];
  let taken = 0;
  let wake: () => void = () => {};
  let isOver = false;
  const ended = new Promise<"orderly" | "cut">((resolve) => {
    const finish = (how: "orderly" | "cut") => {
      isOver = true;
      wake();
      resolve(how);
    };
    response.on("end", () => finish("orderly"));
    response.on("error", () => finish("cut"));
  });
  response.on("data", (chunk: Buffer) => {
    seen.push(...decode(chunk));
    wake();
  });
  return {
    response,
    seen,
    ended,
    close: () => response.destroy(),
    async next() {
      while (taken >= seen.length) {
        if (isOver) throw new Error("the watch ended");
        await new Promise<void>((resolve) => {
          wake = resolve;
        });
      }
      return seen[taken++] as WatchEvent;
    },
  };
}

function frames(): (chunk: Buffer) => WatchEvent[] {
  const decoder = new WatchFrameDecoder();
  return (chunk) => decoder.push(chunk);
}

function lines(): (chunk: Buffer) => WatchEvent[] {
  let pending = "";
  return (chunk) => {
    const parts = (pending + chunk.toString()).split("\n");
    pending = parts.pop() ?? "";
    return parts.map((line) => JSON.parse(line) as WatchEvent);
  };
}

/** `TYPE name@revision`. */
function inShort({ type, object }: WatchEvent): string {
  const { name = "", resourceVersion = "" } = (object["metadata"] ?? {}) as { name?: string; resourceVersion?: string };
  return `${type} ${name}@${resourceVersion}`;
}

async function nextInShort(watch: OpenWatch, count: number): Promise<string[]> {
  const events: string[] = [];
  for (let i = 0; i < count; i += 1) events.push(inShort(await watch.next()));
  return events;
}

const stored = async (api: CsrApi, name: string) => {
  const csr = await api.requests.get(name);
  if (csr === undefined) throw new Error(`${name} is gone`);
  return csr;
};

const relabel = async (api: CsrApi, name: string, labels: Record<string, string>) => {
  const csr = await stored(api, name);
  return api.requests.update({ ...csr, metadata: { ...csr.metadata, labels } });
};

describe.each(WIRES)("in $wire", ({ accept, contentType }) => {
  test("headers come at once, then every change", async () => {
    const api = csrApi();
    const watch = await open(api, "", accept);
    expect(watch.response.statusCode).toBe(200);
    expect(watch.response.headers["content-type"]).toBe(contentType);
    expect(watch.response.headers["transfer-encoding"]).toBe("chunked");
    await api.requests.create(request());
    await relabel(api, "csr-1", { a: "b" });
    await api.requests.remove("csr-1", {});
    expect(await nextInShort(watch, 3)).toEqual(["ADDED csr-1@1", "MODIFIED csr-1@2", "DELETED csr-1@3"]);
  });

  test("events carry whole objects", async () => {
    const api = csrApi({ initial: [request()] });
    const { object } = await (await open(api, "", accept)).next();
    expect(object).toEqual(request());
  });

  test("initial events end with a bookmark", async () => {
    const api = csrApi({ initial: [request(), request({ metadata: { name: "csr-2" } })] });
    const query = "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";
    const watch = await open(api, query, accept);
    expect(await nextInShort(watch, 2)).toEqual(["ADDED csr-1@1", "ADDED csr-2@2"]);
    expect(await watch.next()).toEqual({
      type: "BOOKMARK",
      object: {
        kind: "CertificateSigningRequest",
        apiVersion: "certificates.k8s.io/v1",
        metadata: { resourceVersion: "2", annotations: { "k8s.io/initial-events-end": "true" } },
      },
    });
    await api.requests.create(request({ metadata: { name: "csr-3" } }));
    expect(await nextInShort(watch, 1)).toEqual(["ADDED csr-3@3"]);
  });

  test("a revision that was compacted is an ERROR event", async () => {
    const api = csrApi({ initial: [request()] });
    await relabel(api, "csr-1", { a: "b" });
    api.requests.compact(2);
    const watch = await open(api, "resourceVersion=1", accept);
    expect(watch.response.statusCode).toBe(200);
    expect(await watch.next()).toMatchObject({
      type: "ERROR",
      object: { kind: "Status", apiVersion: "v1", status: "Failure", reason: "Expired", code: 410 },
    });
    expect(await watch.ended).toBe("orderly");
    expect(api.watches.size).toBe(0);
  });
});

describe("where a watch begins", () => {
  const twoChanges = async () => {
    const api = csrApi({ initial: [request()] });
    await relabel(api, "csr-1", { a: "b" });
    return api;
  };

  test.each([
    { query: "", first: "ADDED csr-1@2" },
    { query: "resourceVersion=", first: "ADDED csr-1@2" },
    { query: "resourceVersion=0", first: "ADDED csr-1@2" },
    { query: "resourceVersion=1", first: "MODIFIED csr-1@2" },
    { query: "resourceVersion=2", first: "ADDED next@3" },
    { query: "sendInitialEvents=false&resourceVersionMatch=NotOlderThan", first: "ADDED next@3" },
    { query: "sendInitialEvents=false&resourceVersionMatch=NotOlderThan&resourceVersion=1", first: "MODIFIED csr-1@2" },
    { query: "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&resourceVersion=1", first: "ADDED csr-1@2" },
    { query: "timeout=7m19s&timeoutSeconds=439", first: "ADDED csr-1@2" },
  ])("$query: $first", async ({ query, first }) => {
    const api = await twoChanges();
    const watch = await open(api, query);
    await api.requests.create(request({ metadata: { name: "next" } }));
    expect(await nextInShort(watch, 1)).toEqual([first]);
  });

  test.each(["", "&resourceVersion=0"])(
    "a state that was not asked for by name ends with a bookmark too: %j",
    async (query) => {
      const watch = await open(await twoChanges(), `allowWatchBookmarks=true${query}`);
      expect(await nextInShort(watch, 1)).toEqual(["ADDED csr-1@2"]);
      expect((await watch.next()).object).toMatchObject({
        metadata: { annotations: { "k8s.io/initial-events-end": "true" } },
      });
    },
  );

  test("initial events without bookmarks end without one", async () => {
    const api = await twoChanges();
    const watch = await open(api, "sendInitialEvents=true&resourceVersionMatch=NotOlderThan");
    await api.requests.create(request({ metadata: { name: "next" } }));
    expect(await nextInShort(watch, 2)).toEqual(["ADDED csr-1@2", "ADDED next@3"]);
  });

  test.each([
    { query: "resourceVersion=3", code: 504, reason: "Timeout" },
    { query: "resourceVersion=x", code: 400, reason: "BadRequest" },
    { query: "timeoutSeconds=x", code: 400, reason: "BadRequest" },
    { query: "limit=x", code: 400, reason: "BadRequest" },
    { query: "continue=x", code: 422, reason: "Invalid" },
    { query: "fieldSelector=a%3Db", code: 400, reason: "BadRequest" },
    { query: "labelSelector=a%20b", code: 400, reason: "BadRequest" },
    { query: "sendInitialEvents=true", code: 422, reason: "Invalid" },
    { query: "sendInitialEvents=false", code: 422, reason: "Invalid" },
    { query: "sendInitialEvents=true&resourceVersionMatch=Exact", code: 422, reason: "Invalid" },
    { query: "resourceVersionMatch=NotOlderThan", code: 422, reason: "Invalid" },
  ])("$query is $code", async ({ query, code, reason }) => {
    const api = await twoChanges();
    const { body } = await supertest(api.app).get(`${CSRS}?watch=1&${query}`).expect(code);
    expect(body.reason).toBe(reason);
    expect(api.watches.size).toBe(0);
  });

  test("YAML cannot be streamed", async () => {
    await supertest(csrApi().app).get(`${CSRS}?watch=1`).set("accept", "application/yaml").expect(406);
  });

  test("a failing store is an answer, not a stream", async () => {
    const api = csrApi({
      store: { list: async () => Promise.reject(new StatusError("ServiceUnavailable", "closed")) },
    });
    await supertest(api.app).get(`${CSRS}?watch=1`).expect(503);
    expect(api.watches.size).toBe(0);
  });
});

describe("selectors", () => {
  test("one name, as the kubelet waits", async () => {
    const api = csrApi({ initial: [request(), request({ metadata: { name: "csr-2" } })] });
    const watch = await open(api, "fieldSelector=metadata.name%3Dcsr-2&resourceVersion=0");
    await relabel(api, "csr-1", { a: "b" });
    await relabel(api, "csr-2", { a: "b" });
    expect(await nextInShort(watch, 2)).toEqual(["ADDED csr-2@2", "MODIFIED csr-2@4"]);
  });

  test("what comes to match is added, what ceases to is deleted as it was", async () => {
    const api = csrApi({ initial: [request()] });
    const watch = await open(api, "labelSelector=watched%3Dyes");
    await relabel(api, "csr-1", { watched: "no" });
    await relabel(api, "csr-1", { watched: "yes" });
    await relabel(api, "csr-1", { watched: "yes", more: "x" });
    await relabel(api, "csr-1", { watched: "no" });
    await relabel(api, "csr-1", { watched: "yes" });
    await api.requests.remove("csr-1", {});
    expect(await nextInShort(watch, 3)).toEqual(["ADDED csr-1@3", "MODIFIED csr-1@4", "DELETED csr-1@5"]);
    expect(watch.seen[2]?.object).toMatchObject({ metadata: { labels: { watched: "yes", more: "x" } } });
    expect(await nextInShort(watch, 2)).toEqual(["ADDED csr-1@6", "DELETED csr-1@7"]);
  });

  test("what never matched is never mentioned", async () => {
    const api = csrApi({ initial: [request()] });
    const watch = await open(api, "labelSelector=watched");
    await api.requests.remove("csr-1", {});
    await api.requests.create(request({ metadata: { name: "csr-2", labels: { watched: "" } } }));
    expect(await nextInShort(watch, 1)).toEqual(["ADDED csr-2@3"]);
  });

  test("signer names", async () => {
    const api = csrApi({ initial: [request()] });
    const watch = await open(api, "fieldSelector=spec.signerName%3Da.b/c");
    await api.requests.create(request({ metadata: { name: "csr-2" }, spec: { signerName: "a.b/c" } }));
    expect(await nextInShort(watch, 1)).toEqual(["ADDED csr-2@2"]);
  });
});

describe("conversions", () => {
  const TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io,application/json";

  test("tables of one row, the columns only once", async () => {
    const api = csrApi({ initial: [request()] });
    const watch = await open(api, "resourceVersion=0", TABLE);
    const first = await watch.next();
    expect(first).toMatchObject({
      type: "ADDED",
      object: {
        kind: "Table",
        metadata: { resourceVersion: "1" },
        rows: [{ cells: expect.arrayContaining(["csr-1"]) }],
      },
    });
    expect(first.object["columnDefinitions"]).toHaveLength(6);
    await relabel(api, "csr-1", {});
    expect((await watch.next()).object).toMatchObject({
      columnDefinitions: null,
      rows: [{ object: { kind: "PartialObjectMetadata" } }],
    });
  });

  test("the bookmark of a table keeps its annotation", async () => {
    const api = csrApi();
    const watch = await open(
      api,
      "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true",
      TABLE,
    );
    const { type, object } = await watch.next();
    expect(type).toBe("BOOKMARK");
    expect(object).toMatchObject({ metadata: { resourceVersion: "0" } });
    const metadata = { resourceVersion: "0", annotations: { "k8s.io/initial-events-end": "true" } };
    expect(object["rows"]).toEqual([expect.objectContaining({ object: expect.objectContaining({ metadata }) })]);
  });

  test("only the metadata", async () => {
    const api = csrApi({ initial: [request()] });
    const watch = await open(api, "", `${PROTOBUF};as=PartialObjectMetadata;v=v1;g=meta.k8s.io`);
    expect((await watch.next()).object).toEqual({
      kind: "PartialObjectMetadata",
      apiVersion: "meta.k8s.io/v1",
      metadata: request().metadata,
    });
  });
});

describe("bookmarks", () => {
  const minute = () => jest.advanceTimersByTime(60_000);
  const holdTimers = () => jest.useFakeTimers({ doNotFake: ["nextTick", "setImmediate", "queueMicrotask"] });

  test("come each minute and never run ahead of the events", async () => {
    holdTimers();
    const api = csrApi({ initial: [request()] });
    const watch = await open(api, "allowWatchBookmarks=true&fieldSelector=metadata.name%3Dcsr-1&resourceVersion=1");
    await api.requests.create(request({ metadata: { name: "other" } }));
    minute();
    expect(await watch.next()).toEqual({
      type: "BOOKMARK",
      object: {
        kind: "CertificateSigningRequest",
        apiVersion: "certificates.k8s.io/v1",
        metadata: { resourceVersion: "1" },
      },
    });
    minute();
    expect(await nextInShort(watch, 1)).toEqual(["BOOKMARK @2"]);
    await relabel(api, "csr-1", { a: "b" });
    expect(await nextInShort(watch, 1)).toEqual(["MODIFIED csr-1@3"]);
    minute();
    minute();
    expect(await nextInShort(watch, 2)).toEqual(["BOOKMARK @3", "BOOKMARK @3"]);
  });

  test.each([
    { timeoutSeconds: 30, last: 28_000 },
    { timeoutSeconds: 3, last: 1_000 },
  ])("the last one comes two seconds before the end after $timeoutSeconds s", async ({ timeoutSeconds, last }) => {
    holdTimers();
    const api = csrApi({ initial: [request()] });
    const watch = await open(api, `allowWatchBookmarks=true&resourceVersion=1&timeoutSeconds=${timeoutSeconds}`);
    jest.advanceTimersByTime(last - 1);
    await relabel(api, "csr-1", { a: "b" });
    expect(await nextInShort(watch, 1)).toEqual(["MODIFIED csr-1@2"]);
    jest.advanceTimersByTime(1);
    expect(await nextInShort(watch, 1)).toEqual(["BOOKMARK @2"]);
    jest.advanceTimersByTime(2_000);
    expect(await watch.ended).toBe("orderly");
  });

  test("one watch has those of each minute, the last one and its end", async () => {
    holdTimers();
    const api = csrApi({ initial: [request()] });
    const watch = await open(api, "allowWatchBookmarks=true&resourceVersion=1&timeoutSeconds=125");
    for (const wait of [60_000, 60_000, 3_000]) {
      jest.advanceTimersByTime(wait - 1);
      await relabel(api, "csr-1", { a: String(wait) });
      expect(await nextInShort(watch, 1)).toEqual([expect.stringMatching(/^MODIFIED/)]);
      jest.advanceTimersByTime(1);
      expect(await nextInShort(watch, 1)).toEqual([expect.stringMatching(/^BOOKMARK/)]);
    }
    jest.advanceTimersByTime(1_999);
    expect(api.watches.size).toBe(1);
    jest.advanceTimersByTime(1);
    expect(await watch.ended).toBe("orderly");
    expect(jest.getTimerCount()).toBe(0);
  });

  test("a watch of two seconds has none", async () => {
    holdTimers();
    const watch = await open(
      csrApi(),
      "allowWatchBookmarks=true&sendInitialEvents=false&resourceVersionMatch=NotOlderThan&timeoutSeconds=2",
    );
    jest.advanceTimersByTime(2_000);
    expect(await watch.ended).toBe("orderly");
  });

  test("come only when they are allowed", async () => {
    holdTimers();
    const api = csrApi();
    const watch = await open(api, "");
    minute();
    await api.requests.create(request());
    expect(await nextInShort(watch, 1)).toEqual(["ADDED csr-1@1"]);
  });

  test("without a timeout of its own a watch ends after half an hour to an hour", async () => {
    holdTimers();
    const api = csrApi();
    const watch = await open(api, "");
    jest.advanceTimersByTime(1_799_000);
    expect(api.watches.size).toBe(1);
    jest.advanceTimersByTime(1_801_000);
    expect(api.watches.size).toBe(0);
    expect(await watch.ended).toBe("orderly");
  });
});

describe("how a watch ends", () => {
  test("after its timeout", async () => {
    const api = csrApi();
    const watch = await open(api, "timeoutSeconds=1");
    expect(await watch.ended).toBe("orderly");
    expect(watch.seen).toEqual([]);
    expect(api.watches.size).toBe(0);
  });

  test("when the client leaves", async () => {
    let closed = 0;
    const api = csrApi({
      store: { subscribe: () => ({ close: () => (closed += 1) }) },
    });
    const watch = await open(api, "");
    expect(api.watches.size).toBe(1);
    watch.close();
    while (api.watches.size > 0) await new Promise((resolve) => setImmediate(resolve));
    expect(closed).toBe(1);
  });

  test("when the server shuts down; then no more are taken", async () => {
    const api = csrApi();
    const watch = await open(api, "");
    api.watches.closeAll();
    expect(await watch.ended).toBe("orderly");
    const { body, headers } = await supertest(api.app).get(`${CSRS}?watch=1`).expect(503);
    expect(body.reason).toBe("ServiceUnavailable");
    expect(headers["retry-after"]).toBe("1");
  });

  test("when compaction overtakes it", async () => {
    const api = csrApi({ initial: [request()] });
    const watch = await open(api, "resourceVersion=1");
    await relabel(api, "csr-1", { a: "b" });
    api.requests.compact(2);
    expect(await watch.next()).toMatchObject({ type: "ERROR", object: { code: 410 } });
    expect(await watch.ended).toBe("orderly");
  });

  test("with a bare internal error when the store fails", async () => {
    let fail: (error: Error) => void = () => {};
    const api = csrApi({
      store: {
        subscribe: (_after, _selection, _onChanges, onError) => {
          fail = onError;
          return { close() {} };
        },
      },
    });
    const watch = await open(api, "");
    fail(new Error("secret detail"));
    const { object } = await watch.next();
    expect(object).toMatchObject({ reason: "InternalError", message: "internal error", code: 500 });
  });

  test("by being cut when its reader falls behind", async () => {
    const api = csrApi({ maxBufferBytes: 64 * 1024 });
    const watch = await open(api, "");
    watch.response.pause();
    const message = "x".repeat(200_000);
    for (let i = 0; api.watches.size > 0; i += 1) {
      const status = { conditions: [condition("Approved", { message })] };
      await api.requests.create(request({ metadata: { name: `csr-${i}` }, status }));
      await new Promise((resolve) => setImmediate(resolve));
    }
    watch.response.resume();
    expect(await watch.ended).toBe("cut");
  });
});

test("a long initial state waits for its reader instead of being cut", async () => {
  const message = "x".repeat(100_000);
  const initial = Array.from({ length: 100 }, (_, i) =>
    request({ metadata: { name: `csr-${100 + i}` }, status: { conditions: [condition("Approved", { message })] } }),
  );
  const api = csrApi({ initial, maxBufferBytes: 64 * 1024 });
  const watch = await open(api, "");
  watch.response.pause();
  await new Promise((resolve) => setTimeout(resolve, 100));
  watch.response.resume();
  expect(await nextInShort(watch, 100)).toEqual(initial.map(({ metadata }, i) => `ADDED ${metadata.name}@${i + 1}`));
});

test("the number of watches is limited", async () => {
  const api = csrApi({ maxWatches: 1 });
  const watch = await open(api, "");
  const { body, headers } = await supertest(api.app).get(`${CSRS}?watch=1`).expect(429);
  expect(body).toMatchObject({ reason: "TooManyRequests", details: { retryAfterSeconds: 1 } });
  expect(headers["retry-after"]).toBe("1");
  watch.close();
  while (api.watches.size > 0) await new Promise((resolve) => setImmediate(resolve));
  const again = await open(api, "timeoutSeconds=1");
  expect(again.response.statusCode).toBe(200);
});
