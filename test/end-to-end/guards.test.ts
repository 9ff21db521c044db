import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import type { ShadowChainResource } from "../../services/certificate-authority/http/admin-api/resources.ts";
import { generateKey } from "../builders/keys.ts";
import { Administrator } from "./support/administrator.ts";
import { autoApproving } from "./support/configuration.ts";
import { type GatehouseProcess, startGatehouse } from "./support/gatehouse-process.ts";
import { HttpsClient, readKubeconfig } from "./support/https-client.ts";
import { KubeletClient } from "./support/kubelet-client.ts";

jest.setTimeout(120_000);

const WAIT_LIMIT_MILLISECONDS = 30_000;
/** creationTimestamp has whole seconds; what is newer must be so by them. */
const NEXT_SECOND_MILLISECONDS = 1100;
const configuration = autoApproving({
  approval: { guards: { firstJoin: "hold" }, shadow: { hooks: [{ manual: { name: "by-hand" } }] } },
});

let gatehouse: GatehouseProcess;
let administrator: Administrator;
const opened: { close(): void }[] = [];

beforeAll(async () => {
  gatehouse = await startGatehouse({ configuration });
  administrator = new Administrator(gatehouse.adminKubeconfig);
});
afterAll(async () => {
  for (const each of [...opened, administrator]) each.close();
  await gatehouse.remove();
});

function kubelet(nodeName: string): KubeletClient {
  const bootstrap = readKubeconfig(gatehouse.bootstrapKubeconfig);
  const client = new KubeletClient({ ...bootstrap, nodeName, rotateCertificates: false });
  opened.push(client);
  return client;
}

async function submit(nodeName: string): Promise<string> {
  return (await kubelet(nodeName).submit(generateKey("ecdsa-p256").privateKey)).name;
}

async function eventually<T>(read: () => Promise<T>, isThere: (value: T) => boolean): Promise<T> {
  for (const limit = Date.now() + WAIT_LIMIT_MILLISECONDS; Date.now() < limit; await pause(50)) {
    const value = await read();
    if (isThere(value)) return value;
  }
  throw new Error("it did not come to that");
}

const statusOf = async (name: string) => (await administrator.request(name)).status;
const lastDecision = async (name: string) => (await administrator.decisions(name)).items.at(-1);

test("who joins as a node that there is waits, what it asks again takes the place of that, and a person lets it in", async () => {
  await kubelet("node-a").bootstrap();
  const second = await submit("node-a");
  expect(await lastDecision(second)).toMatchObject({ outcome: "pending", message: "waits for approval by first-join" });
  expect((await statusOf(second)).conditions).toBeUndefined();
  await pause(NEXT_SECOND_MILLISECONDS);
  const third = await submit("node-a");
  const denied = await eventually(
    () => statusOf(second),
    ({ conditions }) => conditions !== undefined,
  );
  expect(denied.conditions).toMatchObject([{ type: "Denied", reason: "Superseded" }]);
  await administrator.approve(third);
  await eventually(
    () => statusOf(third),
    ({ certificate }) => certificate !== undefined,
  );
  expect(await administrator.certificates({ node: "node-a" })).toHaveLength(2);
});

test("a server that was started again knows whose names are taken", async () => {
  await gatehouse.stop();
  administrator.close();
  gatehouse = await startGatehouse({ configuration, dataDirectory: gatehouse.dataDirectory });
  administrator = new Administrator(gatehouse.adminKubeconfig);
  expect(await lastDecision(await submit("node-a"))).toMatchObject({ message: "waits for approval by first-join" });
  await kubelet("node-b").bootstrap();
});

test("the shadow tells what it would have decided otherwise", async () => {
  const { url, credentials } = readKubeconfig(gatehouse.adminKubeconfig);
  const https = new HttpsClient(url, credentials);
  opened.push(https);
  const shadow = async () =>
    JSON.parse((await https.send("GET", "/v1/approval/shadow")).body.toString("utf8")) as ShadowChainResource;
  const { counts, examples } = await eventually(shadow, (now) => (now.counts?.differed.length ?? 0) > 0);
  expect(counts?.differed).toEqual([{ live: "approved", shadow: "pending", count: 1 }]);
  expect(examples.map(({ live }) => live)).toEqual([
    { outcome: "approved", hook: "kubelet-client" },
    { outcome: "approved", hook: "kubelet-client" },
  ]);
  expect(examples[0]?.shadow.trace.map(({ hook }) => hook)).toContain("by-hand");
});
