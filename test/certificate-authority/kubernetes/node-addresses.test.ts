import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterEach, beforeAll, beforeEach, expect, test } from "@jest/globals";
import type { NodeAddresses } from "../../../services/certificate-authority/domain/node-addresses.ts";
import { openNodeAddresses } from "../../../services/certificate-authority/kubernetes/node-addresses.ts";
import { kubeconfigText } from "../../builders/kubeconfig.ts";
import { temporaryDirectory } from "../../builders/temporary-directory.ts";
import { buildTlsIdentity, type TlsIdentity } from "../../builders/tls-identity.ts";
import { NodesApiServer, node } from "../../fakes/nodes-api-server.ts";
import { recordingLogger } from "../../fakes/recording-logger.ts";
import { SettableClock } from "../../fakes/settable-clock.ts";

const TOKEN = "reader-token";
const directory = temporaryDirectory();
const kubeconfigFile = join(directory, "nodes.kubeconfig");
let identity: TlsIdentity;
let server: NodesApiServer;
let url: string;
let clock: SettableClock;
let recording: ReturnType<typeof recordingLogger>;
const opened: NodeAddresses[] = [];

beforeAll(async () => {
  identity = await buildTlsIdentity();
});
beforeEach(async () => {
  server = new NodesApiServer(identity, TOKEN);
  url = await server.listen();
  clock = new SettableClock();
  recording = recordingLogger();
  writeKubeconfig(TOKEN);
});
afterEach(async () => {
  for (const nodes of opened.splice(0)) nodes.close();
  await server.close();
});

function writeKubeconfig(token: string): void {
  writeFileSync(kubeconfigFile, kubeconfigText(url, identity.caPem, { token }));
}

function open(): NodeAddresses {
  const nodes = openNodeAddresses({ kubeconfigFile, timeoutSeconds: 5 }, { clock, logger: recording.logger });
  opened.push(nodes);
  return nodes;
}

async function until(isSo: () => boolean): Promise<void> {
  for (const limit = Date.now() + 10_000; !isSo(); await pause(10)) {
    if (Date.now() > limit) throw new Error(`waited in vain; logged: ${JSON.stringify(recording.lines)}`);
  }
}

const isSynced = (nodes: NodeAddresses): boolean => nodes.isGone("no-such-node");

test("a node is read anew each time, in canonical text; one that is not there is undefined", async () => {
  server.put(node("worker-1", "10.0.0.1", "FD00:0::1", "Worker-1.Example.com", "10.0.0.1"));
  const nodes = open();
  expect(await nodes.addressesOf("worker-1")).toEqual(["10.0.0.1", "fd00::1", "worker-1.example.com"]);
  server.put(node("worker-1", "10.0.0.2"));
  expect(await nodes.addressesOf("worker-1")).toEqual(["10.0.0.2"]);
  expect(await nodes.addressesOf("worker/../2")).toBeUndefined();
  expect(server.requests).toContain("/api/v1/nodes/worker%2F..%2F2?");
});

test("all nodes are followed: pages of a list, then what changes", async () => {
  server.put(...Array.from({ length: 250 }, (_, index) => node(`worker-${index}`, `10.0.0.${index}`)));
  const nodes = open();
  await until(() => isSynced(nodes) && server.watches === 1);
  expect(nodes.othersWith("10.0.0.249", "worker-1")).toEqual(["worker-249"]);
  expect(nodes.othersWith("10.0.0.249", "worker-249")).toEqual([]);
  server.put(node("worker-1", "10.0.0.249"), node("new", "10.0.1.1"));
  await until(() => nodes.othersWith("10.0.1.1", "").length === 1);
  expect(nodes.othersWith("10.0.0.249", "worker-249")).toEqual(["worker-1"]);
  expect(nodes.othersWith("10.0.0.1", "")).toEqual([]);
  server.remove("worker-249");
  await until(() => nodes.isGone("worker-249"));
  expect(nodes.othersWith("10.0.0.249", "worker-1")).toEqual([]);
  expect(nodes.isGone("worker-1")).toBe(false);
});

test("what changes is told, and that nothing did is not", async () => {
  server.put(node("worker-1", "10.0.0.1"));
  let changes = 0;
  const onChange = (): void => {
    changes += 1;
  };
  const nodes = openNodeAddresses({ kubeconfigFile, timeoutSeconds: 5 }, { clock, logger: recording.logger, onChange });
  opened.push(nodes);
  await until(() => changes === 1 && server.watches === 1);
  server.put(node("worker-2", "10.0.0.2"), node("worker-3", "10.0.0.3"));
  await until(() => changes === 2);
  server.put(node("worker-2", "10.0.0.2"));
  server.remove("no-such-node");
  server.remove("worker-3");
  await until(() => changes === 3);
  expect(nodes.isGone("worker-3")).toBe(true);
});

test("a watch that ends goes on where it was, one that fails begins anew", async () => {
  server.put(node("worker-1", "10.0.0.1"));
  const nodes = open();
  await until(() => server.watches === 1);
  server.put(node("worker-2", "10.0.0.2"));
  await until(() => nodes.othersWith("10.0.0.2", "").length === 1);
  server.endWatches();
  await until(() => server.watches === 1);
  expect(server.requests.filter((request) => request.includes("limit="))).toHaveLength(1);
  expect(server.requests.at(-1)).toMatch(/resourceVersion=3$/);
  server.endWatches({ kind: "Status", code: 410 });
  server.remove("worker-1");
  await until(() => server.watches === 1);
  expect(nodes.isGone("worker-1")).toBe(true);
  expect(server.requests.filter((request) => request.includes("limit="))).toHaveLength(2);
});

test("without an answer nothing is known, and nobody is gone", async () => {
  server.failure = 503;
  const nodes = open();
  await expect(nodes.addressesOf("worker-1")).rejects.toThrow("answered HTTP 503");
  await until(() => recording.lines.some(({ msg }) => msg === "cannot follow the nodes of the cluster"));
  expect(() => nodes.othersWith("10.0.0.1", "worker-1")).toThrow("answered HTTP 503");
  expect(nodes.isGone("worker-1")).toBe(false);
  server.failure = undefined;
  await until(() => isSynced(nodes));
  expect(nodes.othersWith("10.0.0.1", "worker-1")).toEqual([]);
});

test("what was not heard of for long is not known any more", async () => {
  const nodes = open();
  await until(() => isSynced(nodes));
  clock.advance(601);
  expect(() => nodes.othersWith("10.0.0.1", "worker-1")).toThrow("not known");
  expect(nodes.isGone("no-such-node")).toBe(false);
});

test("credentials that were renewed are used after a failure, and none is ever told", async () => {
  writeKubeconfig("old-token");
  const nodes = open();
  await expect(nodes.addressesOf("worker-1")).rejects.toThrow("answered HTTP 401");
  writeKubeconfig(TOKEN);
  await until(() => isSynced(nodes));
  expect(JSON.stringify(recording.lines)).not.toContain("old-token");
});

test("a server that is not there is named, in words that stay the same", async () => {
  await server.close();
  const nodes = open();
  await expect(nodes.addressesOf("worker-1")).rejects.toThrow(`${new URL(url).host}: ECONNREFUSED`);
});

test("a kubeconfig that cannot be used is named", () => {
  const missing = { kubeconfigFile: join(directory, "none"), timeoutSeconds: 5 };
  expect(() => openNodeAddresses(missing, { clock, logger: recording.logger })).toThrow("none");
});
