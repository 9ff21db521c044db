import type { Server } from "node:https";
import { afterEach, beforeAll, expect, test } from "@jest/globals";
import { createNodeAuthorizer } from "../../../services/node-authorizer/domain/node-authorizer.ts";
import { createApp } from "../../../services/node-authorizer/http/app.ts";
import { createMetrics } from "../../../services/node-authorizer/http/metrics.ts";
import { createHttpsServer, listen, shutDown } from "../../../services/node-authorizer/http/server.ts";
import { buildTlsIdentity, type TlsIdentity } from "../../builders/tls-identity.ts";
import { HttpsClient } from "../../end-to-end/support/https-client.ts";
import { recordingLogger } from "../../fakes/recording-logger.ts";

let identity: TlsIdentity;
let server: Server | undefined;
const clients: HttpsClient[] = [];
beforeAll(async () => {
  identity = await buildTlsIdentity();
});
afterEach(async () => {
  for (const client of clients.splice(0)) client.close();
  if (server !== undefined) await shutDown(server, 0);
});

interface Arguments {
  readonly isOpen?: boolean;
  readonly allowedClients?: readonly string[];
  readonly unreadiness?: string;
}

async function start({ isOpen = false, allowedClients = [], unreadiness }: Arguments = {}) {
  const authorizer = createNodeAuthorizer();
  const containers = [{ envFrom: [{ secretRef: { name: "database" } }] }];
  const spec = { nodeName: "n1", containers };
  authorizer.apply({
    kind: "Pod",
    type: "ADDED",
    object: { metadata: { name: "p", namespace: "shop", uid: "u" }, spec },
  });
  const metrics = createMetrics({
    graph: () => ({ sizes: { pod: 1 }, eventsApplied: authorizer.eventsApplied }),
    feed: () => ({ isSynced: true, lagSeconds: 2 }),
    revocations: () => ({ entries: 3, ageSeconds: 1 }),
  });
  const { logger } = recordingLogger();
  const state = () => ({ mode: "full" });
  const app = createApp({ authorizer, state, unreadiness: () => unreadiness, metrics, logger });
  const { certificatePem, privateKeyPem: keyPem } = identity.serving;
  const tls = { certificatePem, keyPem, clientCaPem: isOpen ? undefined : identity.caPem, allowedClients };
  const echo = async (_: unknown, response: { end: (text: string) => void }) => response.end("judged");
  server = createHttpsServer({ tls, app, webhooks: { authorize: echo, admit: echo } as never });
  const { port } = await listen(server, "127.0.0.1:0");
  const clientOf = (isKnown: boolean) => {
    const client = new HttpsClient(`https://127.0.0.1:${port}`, {
      caPem: identity.caPem,
      ...(isKnown && identity.client),
    });
    clients.push(client);
    return client;
  };
  return { known: clientOf(true), stranger: clientOf(false) };
}

const bodyOf = ({ body }: { readonly body: Buffer }) => JSON.parse(body.toString());

test.each(["/authorize", "/authorize?timeout=3s", "/admit/node-restriction?timeout=3s"])(
  "%s is for callers with a certificate of the CA",
  async (path) => {
    const { known, stranger } = await start();
    expect((await known.send("POST", path, { body: "{}" })).body.toString()).toBe("judged");
    const refused = await stranger.send("POST", path, { body: "{}" });
    expect(refused.status).toBe(401);
    expect(bodyOf(refused)).toMatchObject({ kind: "Status", reason: "Unauthorized" });
  },
);

test.each([
  { allowedClients: ["client"], status: 200 },
  { allowedClients: ["somebody-else"], status: 403 },
])("callers may be told by name: $allowedClients", async ({ allowedClients, status }) => {
  const { known } = await start({ allowedClients });
  expect((await known.send("GET", "/v1/graph")).status).toBe(status);
  expect((await known.send("POST", "/authorize", { body: "{}" })).status).toBe(status);
});

test("without a CA everybody is let in", async () => {
  const { stranger } = await start({ isOpen: true });
  expect((await stranger.send("GET", "/v1/graph")).status).toBe(200);
});

test("probes come without a certificate, metrics do not", async () => {
  const { stranger } = await start();
  for (const path of ["/livez", "/readyz", "/healthz"]) expect((await stranger.send("GET", path)).status).toBe(200);
  expect((await stranger.send("GET", "/metrics")).status).toBe(401);
});

test("what is not ready says why, and lives", async () => {
  const { stranger } = await start({ unreadiness: "not all pods have been read" });
  const ready = await stranger.send("GET", "/readyz");
  expect({ status: ready.status, text: ready.body.toString() }).toEqual({
    status: 503,
    text: "not all pods have been read\n",
  });
  expect((await stranger.send("GET", "/livez")).status).toBe(200);
});

test.each([
  { method: "GET", path: "/authorize", status: 405 },
  { method: "POST", path: "/v1/graph", status: 405 },
  { method: "GET", path: "/authorize/", status: 404 },
  { method: "GET", path: "/v2", status: 404 },
  { method: "GET", path: "/v1/explain", status: 400 },
  { method: "GET", path: "/v1/explain?node=n1&verb=get&resource=secrets&frob=1", status: 400 },
  { method: "GET", path: "/v1/readers?resource=leases&name=x", status: 400 },
  { method: "GET", path: "/v1/changes?since=yesterday", status: 400 },
  { method: "GET", path: "/v1/nodes/%ff/objects", status: 400 },
])("$method $path: $status, as a Status", async ({ method, path, status }) => {
  const { known } = await start();
  const answer = await known.send(method, path);
  expect(answer.status).toBe(status);
  expect(bodyOf(answer)).toMatchObject({ kind: "Status", status: "Failure", code: status });
});

test("what is known is told: the graph, a path, the readers, what a node reads, a drain, what changed", async () => {
  const { known } = await start();
  const get = async (path: string) => bodyOf(await known.send("GET", path));
  const secret = { kind: "secret", namespace: "shop", name: "database" };
  expect(await get("/v1/graph")).toMatchObject({ kind: "Graph", eventsApplied: 1, mode: "full" });
  const explain = "/v1/explain?node=n1&verb=get&resource=secrets&namespace=shop&name=";
  expect(await get(`${explain}database`)).toMatchObject({
    verdict: "allow",
    path: [secret, { kind: "pod" }, { kind: "node" }],
  });
  expect(await get(`${explain}other`)).toMatchObject({ verdict: "noOpinion", path: [], missing: expect.any(String) });
  const readers = await get("/v1/readers?resource=secrets&namespace=shop&name=database");
  expect(readers).toMatchObject({ object: secret, items: [{ node: "n1" }] });
  expect((await get("/v1/nodes/n1/objects")).objects).toContainEqual(secret);
  expect((await get("/v1/nodes/n1/drain")).lost).toContainEqual(secret);
  expect((await get("/v1/changes?since=0")).changes).toContainEqual(
    expect.objectContaining({ change: "granted", node: "n1", object: secret }),
  );
});

test("metrics tell sizes, lag, and how old the list of revocations is", async () => {
  const { known } = await start();
  const text = (await known.send("GET", "/metrics")).body.toString();
  for (const line of [
    'graph_size{kind="pod"} 1',
    "feed_lag_seconds 2",
    "feed_synced 1",
    "revocations 3",
    "revocations_age_seconds 1",
  ]) {
    expect(text).toContain(`gatehouse_node_authorizer_${line}`);
  }
});
