import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import type { ApprovalChainResource } from "../../services/certificate-authority/http/admin-api/resources.ts";
import { generateKey } from "../builders/keys.ts";
import { Administrator } from "./support/administrator.ts";
import { autoApproving } from "./support/configuration.ts";
import { type GatehouseProcess, startGatehouse } from "./support/gatehouse-process.ts";
import { HttpsClient, readKubeconfig } from "./support/https-client.ts";
import { KubeletClient } from "./support/kubelet-client.ts";

jest.setTimeout(120_000);

const WAIT_LIMIT_MILLISECONDS = 30_000;
const BY_HAND = { approval: { hooks: [{ manual: { required: true } }] } };
const BY_RBAC = { approval: { hooks: [{ "kubelet-client": { name: "rbac", required: true } }] } };

let gatehouse: GatehouseProcess;
let administrator: Administrator;
let https: HttpsClient;
const kubelets: KubeletClient[] = [];

beforeAll(async () => {
  gatehouse = await startGatehouse({ configuration: autoApproving(BY_HAND) });
  administrator = new Administrator(gatehouse.adminKubeconfig);
  const { url, credentials } = readKubeconfig(gatehouse.adminKubeconfig);
  https = new HttpsClient(url, credentials);
});
afterAll(async () => {
  for (const each of [...kubelets, administrator, https]) each.close();
  await gatehouse.remove();
});

function configure(content: string): void {
  writeFileSync(join(gatehouse.dataDirectory, "configuration.yaml"), content);
}

async function chain(): Promise<ApprovalChainResource> {
  return JSON.parse((await https.send("GET", "/v1/approval")).body.toString("utf8")) as ApprovalChainResource;
}

async function eventually<T>(read: () => Promise<T>, isThere: (value: T) => boolean): Promise<T> {
  for (const limit = Date.now() + WAIT_LIMIT_MILLISECONDS; Date.now() < limit; await pause(50)) {
    const value = await read();
    if (isThere(value)) return value;
  }
  throw new Error("it did not come to that");
}

async function submit(nodeName: string): Promise<string> {
  const bootstrap = readKubeconfig(gatehouse.bootstrapKubeconfig);
  const kubelet = new KubeletClient({ ...bootstrap, nodeName, rotateCertificates: false });
  kubelets.push(kubelet);
  return (await kubelet.submit(generateKey("ecdsa-p256").privateKey)).name;
}

const isIssued = async (name: string) => (await administrator.request(name)).status.certificate !== undefined;

test("a new chain is in force without a restart, and decides what waits", async () => {
  const name = await submit("waits");
  expect(await chain()).toMatchObject({ hooks: [{ name: "manual", required: true }] });
  expect((await administrator.request(name)).status.conditions).toBeUndefined();
  configure(autoApproving(BY_RBAC));
  await eventually(
    () => isIssued(name),
    (issued) => issued,
  );
  const { hooks, configurationFile } = await chain();
  expect(hooks).toEqual([{ name: "rbac", kind: "kubelet-client", required: true }]);
  expect(configurationFile).toEqual({
    path: join(gatehouse.dataDirectory, "configuration.yaml"),
    needsRestart: [],
  });
});

test("an invalid file keeps the chain, and says why everywhere", async () => {
  configure(autoApproving({ approval: { hooks: [{ wizard: {} }] } }));
  const { hooks, configurationFile } = await eventually(chain, (now) => now.configurationFile?.problem !== undefined);
  expect(hooks).toMatchObject([{ name: "rbac" }]);
  expect(configurationFile?.problem?.message).toMatch(/approval\.hooks\[0\]/);
  expect(await administrator.metrics()).toContain("gatehouse_configuration_rejected 1\n");
  expect(gatehouse.log()).toContain("the chain in force stays");
  const name = await submit("joins-anyway");
  await eventually(
    () => isIssued(name),
    (issued) => issued,
  );
  expect(await administrator.metrics()).toMatch(/gatehouse_hook_answers_total\{hook="rbac",verdict="approved"\} 2\n/);
});

test("a valid file solves it, and what needs a restart is named", async () => {
  configure(autoApproving({ ...BY_RBAC, limits: { maxStoredRequests: 5000 } }));
  const { configurationFile } = await eventually(chain, (now) => now.configurationFile?.problem === undefined);
  expect(configurationFile?.needsRestart).toEqual(["limits.maxStoredRequests"]);
  expect(await administrator.metrics()).toContain("gatehouse_configuration_needs_restart 1\n");
});

test("what is less safe about a new chain is said, and the rules of a shadow are followed too", async () => {
  const rules = join(gatehouse.dataDirectory, "shadow.yaml");
  const write = (deny: string) =>
    writeFileSync(rules, `apiVersion: gatehouse.dev/v1\nkind: ApprovalPolicy\nrules: [{ name: all, deny: ${deny} }]\n`);
  const saidSoFar = (text: string) => gatehouse.log().split(text).length - 1;
  const changes = async () => saidSoFar("a new approval chain is in force");
  write("false");
  const [before, warned] = [await changes(), saidSoFar("approval.guards.firstJoin is allow")];
  const shadow = { hooks: [{ policy: { file: rules } }] };
  configure(autoApproving({ approval: { ...BY_RBAC.approval, guards: { firstJoin: "allow" }, shadow } }));
  await eventually(changes, (count) => count === before + 1);
  expect(saidSoFar("approval.guards.firstJoin is allow")).toBe(warned + 1);
  write("true");
  await eventually(changes, (count) => count === before + 2);
});
