import { X509Certificate } from "node:crypto";
import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { temporaryDirectory } from "../builders/temporary-directory.ts";
import { Administrator } from "./support/administrator.ts";
import { autoApproving } from "./support/configuration.ts";
import { type GatehouseProcess, startGatehouse } from "./support/gatehouse-process.ts";
import { readKubeconfig } from "./support/https-client.ts";
import { KubeletClient } from "./support/kubelet-client.ts";

jest.setTimeout(120_000);

const WAIT_LIMIT_MILLISECONDS = 30_000;

interface Names {
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
}

const directory = temporaryDirectory();
const inventory = join(directory, "nodes.yaml");
const opened: { close(): void }[] = [];
let gatehouse: GatehouseProcess;
let administrator: Administrator;

function listed(nodes: object): void {
  writeFileSync(`${inventory}.new`, JSON.stringify({ nodes }));
  renameSync(`${inventory}.new`, inventory);
}

async function start(settings: object): Promise<void> {
  listed({ "worker-1": { addresses: ["192.0.2.1"] }, "worker-2": { addresses: ["192.0.2.2"] } });
  const sources = [{ inventory: { file: inventory } }, { nameSuffixes: { suffixes: ["example.com"] } }];
  const serving = { sources, ...settings };
  const approval = { hooks: [{ manual: {} }, { "kubelet-client": {} }, { "kubelet-serving": serving }] };
  gatehouse = await startGatehouse({ configuration: autoApproving({ approval }) });
  administrator = new Administrator(gatehouse.adminKubeconfig);
}

async function stop(): Promise<void> {
  administrator.close();
  await gatehouse.remove();
}

/** A node that has its client certificate. */
async function joined(nodeName: string): Promise<KubeletClient> {
  const bootstrap = new KubeletClient({
    ...readKubeconfig(gatehouse.bootstrapKubeconfig),
    nodeName,
    rotateCertificates: true,
  });
  opened.push(bootstrap);
  const node = bootstrap.withCertificate(await bootstrap.bootstrap());
  opened.push(node);
  return node;
}

async function decisionOn(name: string) {
  for (const limit = Date.now() + WAIT_LIMIT_MILLISECONDS; Date.now() < limit; await pause(20)) {
    const last = (await administrator.decisions(name)).items.at(-1);
    if (last !== undefined) return last;
  }
  throw new Error(`request ${name} was not looked at`);
}

afterEach(() => {
  for (const each of opened.splice(0)) each.close();
});

describe("what is not shown waits for a person", () => {
  beforeAll(() => start({}));
  afterAll(stop);

  test("a node gets the certificate for its own names, and the record says what showed each", async () => {
    const names = { dnsNames: ["worker-1", "worker-1.example.com"], ipAddresses: ["192.0.2.1"] };
    const node = await joined("worker-1");
    const submitted = await node.submitServing(names);
    const { certificatePem } = await node.waitFor(submitted);
    const certificate = new X509Certificate(certificatePem);
    expect(certificate.subjectAltName).toBe("DNS:worker-1, DNS:worker-1.example.com, IP Address:192.0.2.1");
    const decision = await decisionOn(submitted.name);
    expect(decision).toMatchObject({ outcome: "approved", hook: "kubelet-serving" });
    expect(JSON.stringify(decision)).toContain("nodes.yaml lists it for the node");
  });

  test.each<{ name: string; names: Names; says: RegExp }>([
    {
      name: "another node's address",
      names: { dnsNames: ["worker-1"], ipAddresses: ["192.0.2.2"] },
      says: /"192\.0\.2\.2".*list it for the node in nodes\.yaml/,
    },
    {
      name: "a name that begins like its own",
      names: { dnsNames: ["worker-10.example.com"], ipAddresses: ["192.0.2.1"] },
      says: /"worker-10\.example\.com"/,
    },
    {
      name: "the API server's name",
      names: { dnsNames: ["kubernetes.default.svc"], ipAddresses: [] },
      says: /the API server's name/,
    },
  ])("a node that asks for $name waits, and a person may approve", async ({ names, says }) => {
    const node = await joined("worker-1");
    const submitted = await node.submitServing(names);
    expect(await decisionOn(submitted.name)).toMatchObject({ outcome: "pending" });
    expect(JSON.stringify(await decisionOn(submitted.name))).toMatch(says);
    expect((await administrator.request(submitted.name)).status.conditions).toBeUndefined();
    await administrator.approve(submitted.name);
    await node.waitFor(submitted);
  });

  test("an address that is written down while the server runs is approved from then on", async () => {
    listed({ "worker-3": { addresses: ["192.0.2.3"] } });
    while (!gatehouse.log().includes("read the inventory again")) await pause(50);
    const node = await joined("worker-3");
    await node.waitFor(await node.submitServing({ dnsNames: ["worker-3"], ipAddresses: ["192.0.2.3"] }));
  });
});

describe("what is not shown is denied", () => {
  beforeAll(() => start({ otherwise: "deny" }));
  afterAll(stop);

  test("a node that asks for another's address is refused, and the condition says which", async () => {
    const node = await joined("worker-1");
    const submitted = await node.submitServing({ dnsNames: ["worker-1"], ipAddresses: ["192.0.2.2"] });
    await expect(node.waitFor(submitted)).rejects.toThrow(/Denied: NamesNotShown: .*192\.0\.2\.2/);
    expect(await administrator.certificates({ request: submitted.name })).toEqual([]);
  });
});
