import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { generateKey } from "../builders/keys.ts";
import { policyFile } from "../builders/policy.ts";
import { temporaryDirectory } from "../builders/temporary-directory.ts";
import { Administrator } from "./support/administrator.ts";
import { autoApproving } from "./support/configuration.ts";
import { runCommand } from "./support/gatehouse-command.ts";
import { type GatehouseProcess, startGatehouse } from "./support/gatehouse-process.ts";
import { readKubeconfig } from "./support/https-client.ts";
import { KubeletClient } from "./support/kubelet-client.ts";

jest.setTimeout(120_000);

const WAIT_LIMIT_MILLISECONDS = 30_000;
const RULES = [
  { library: "node-name", with: { pattern: "^worker-[0-9]+$" } },
  { library: "one-machine" },
  { library: "lifetime", with: { maximumHours: 48 } },
];

const directory = temporaryDirectory();
let file: string;
let gatehouse: GatehouseProcess;
let administrator: Administrator;
const kubelets: KubeletClient[] = [];

beforeAll(async () => {
  file = policyFile(directory, "policy.yaml", { rules: RULES });
  const hooks = [{ policy: { file, required: true } }, { "kubelet-client": {} }];
  gatehouse = await startGatehouse({ configuration: autoApproving({ approval: { hooks } }) });
  administrator = new Administrator(gatehouse.adminKubeconfig);
});
afterAll(async () => {
  for (const each of [...kubelets, administrator]) each.close();
  await gatehouse.remove();
});

function kubelet(nodeName: string): KubeletClient {
  const client = new KubeletClient({
    ...readKubeconfig(gatehouse.bootstrapKubeconfig),
    ...{ nodeName, rotateCertificates: true },
  });
  kubelets.push(client);
  return client;
}

async function submit(nodeName: string): Promise<string> {
  return (await kubelet(nodeName).submit(generateKey("ecdsa-p256").privateKey)).name;
}

async function eventually<T>(read: () => Promise<T> | T, isThere: (value: T) => boolean): Promise<T> {
  for (const limit = Date.now() + WAIT_LIMIT_MILLISECONDS; Date.now() < limit; await pause(50)) {
    const value = await read();
    if (isThere(value)) return value;
  }
  throw new Error("it did not come to that");
}

async function decided(name: string) {
  const { items } = await eventually(
    () => administrator.decisions(name),
    (found) => found.items.length > 0,
  );
  return items.at(-1);
}

test("what the rules have nothing against is approved by others, what they deny is denied with the reason", async () => {
  await kubelet("worker-1").bootstrap();
  const name = await submit("laptop");
  expect(await decided(name)).toMatchObject({ outcome: "denied", hook: "policy" });
  // The decision can be read a moment before the answer that tells of it, and the change of the request, go out.
  const { status } = await eventually(
    () => administrator.request(name),
    (request) => request.status.conditions !== undefined,
  );
  expect(status.conditions?.[0]).toMatchObject({
    ...{ type: "Denied", reason: "NodeNameNotOurs" },
    message: "nodes are named by the pattern ^worker-[0-9]+$, and this one is laptop",
  });
});

test("another machine that takes a running node's name waits for a person", async () => {
  await kubelet("worker-2").bootstrap();
  const name = await submit("worker-2");
  expect(await decided(name)).toMatchObject({
    outcome: "pending",
    trace: expect.arrayContaining([
      expect.objectContaining({ hook: "policy", kind: "noOpinion", reason: "NameInUse" }),
      expect.objectContaining({ hook: "kubelet-client", kind: "approved" }),
    ]),
  });
  await administrator.approve(name);
  await eventually(
    () => administrator.certificates({ node: "worker-2" }),
    (certificates) => certificates.length === 2,
  );
});

test("a changed file is in force without a restart, and a broken one is not", async () => {
  policyFile(directory, "policy.yaml", { rules: [{ library: "node-name", with: { pattern: "^laptop$" } }] });
  await eventually(
    () => gatehouse.log(),
    (log) => /a new approval chain is in force/.test(log),
  );
  await kubelet("laptop").bootstrap();
  policyFile(directory, "policy.yaml", { rules: [{ name: "typo", deny: "nodename == ''" }] });
  const log = await eventually(
    () => gatehouse.log(),
    (text) => /the chain in force stays/.test(text),
  );
  expect(log).toMatch(/rules\[0\] \(typo\) deny: .*Unknown variable: nodename \(at character 1\)/);
  expect(await decided(await submit("worker-3"))).toMatchObject({ outcome: "denied", hook: "policy" });
});

test("a server does not start with a rule that cannot be used, and says which", async () => {
  const hooks = [{ policy: { rules: [{ name: "typo", deny: "nodename == ''" }] } }];
  const refused = startGatehouse({ configuration: autoApproving({ approval: { hooks } }) });
  await expect(refused).rejects.toThrow(/approval\.hooks policy: rules\[0\] \(typo\) deny: .*nodename/);
});

test("gatehouse policy test tries the same configuration without a server", async () => {
  policyFile(directory, "policy.yaml", { rules: RULES });
  const config = join(directory, "gatehouse.yaml");
  const hooks = [{ policy: { file: "policy.yaml", required: true } }, { "kubelet-client": {} }];
  const head = { apiVersion: "gatehouse.dev/v1" };
  writeFileSync(config, JSON.stringify({ ...head, kind: "GatehouseConfiguration", approval: { hooks } }));
  const cases = join(directory, "cases.yaml");
  const verdicts = { "kubelet-client": "approved" };
  const joins = { name: "joins", given: { nodeName: "worker-1" }, verdicts, expect: "approved" };
  const write = (...list: readonly object[]) =>
    writeFileSync(cases, JSON.stringify({ ...head, kind: "PolicyTest", cases: list }));
  const run = () => runCommand("", ["policy", "test", cases, "--config", config, "-o", "json"]);
  write(joins, {
    name: "held",
    given: { nodeName: "worker-1", previous: [{}] },
    verdicts,
    expect: { outcome: "pending", rule: "one-machine" },
  });
  expect(await run()).toMatchObject({ code: 0, stdout: expect.stringContaining('"passed": 2') });
  write({ ...joins, expect: "denied" });
  expect(await run()).toMatchObject({ code: 1, stderr: expect.stringContaining("1 of 1 cases failed") });
  write({ ...joins, verdicts: { nobody: "approved" } });
  expect(await run()).toMatchObject({ code: 2, stderr: expect.stringContaining("is no hook of the chain") });
});
