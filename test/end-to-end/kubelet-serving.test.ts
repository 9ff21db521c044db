import { X509Certificate } from "node:crypto";
import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from "@jest/globals";
import Database from "better-sqlite3";
import { generateKey } from "../builders/keys.ts";
import { kubeconfigText } from "../builders/kubeconfig.ts";
import { temporaryDirectory } from "../builders/temporary-directory.ts";
import { buildTlsIdentity } from "../builders/tls-identity.ts";
import { NodesApiServer, node } from "../fakes/nodes-api-server.ts";
import { Administrator } from "./support/administrator.ts";
import { autoApproving } from "./support/configuration.ts";
import { type GatehouseProcess, startGatehouse } from "./support/gatehouse-process.ts";
import { readKubeconfig } from "./support/https-client.ts";
import { KubeletClient } from "./support/kubelet-client.ts";

jest.setTimeout(120_000);

const WAIT_LIMIT_MILLISECONDS = 30_000;
const SERVING = "kubernetes.io/kubelet-serving";
const CLIENT = "kubernetes.io/kube-apiserver-client-kubelet";
/** In the range of the nodes edge-*, and among the names of Gatehouse's own certificate. */
const OWN_ADDRESS = "198.51.100.1";

interface Names {
  readonly dnsNames: readonly string[];
  readonly ipAddresses: readonly string[];
}

const directory = temporaryDirectory();
const inventory = join(directory, "nodes.yaml");
const opened: { close(): void }[] = [];
let gatehouse: GatehouseProcess;
let administrator: Administrator;
let configuration: string;

function listed(nodes: object): void {
  writeFileSync(`${inventory}.new`, JSON.stringify({ nodes }));
  renameSync(`${inventory}.new`, inventory);
}

async function start(settings: object): Promise<void> {
  listed({ "worker-1": { addresses: ["192.0.2.1"] }, "worker-2": { addresses: ["192.0.2.2"] } });
  const sources = [
    { inventory: { file: inventory } },
    { nameSuffixes: { suffixes: ["example.com"] } },
    { addressRanges: [{ ranges: ["198.51.100.0/24"], nodes: ["edge-*"] }] },
  ];
  const serving = { sources, ...settings };
  const approval = { hooks: [{ manual: {} }, { "kubelet-client": {} }, { "kubelet-serving": serving }] };
  configuration = autoApproving({ approval, server: { names: [OWN_ADDRESS] } });
  gatehouse = await startGatehouse({ configuration });
  administrator = new Administrator(gatehouse.adminKubeconfig);
}

/** The sources being the Node objects of a cluster that fails in this way, and the name of the node. */
async function startWithCluster(settings: object, failure?: number): Promise<NodesApiServer> {
  const identity = await buildTlsIdentity();
  const nodes = new NodesApiServer(identity, "reader-token");
  nodes.failure = failure;
  const kubeconfigFile = join(directory, "nodes.kubeconfig");
  writeFileSync(kubeconfigFile, kubeconfigText(await nodes.listen(), identity.caPem, { token: "reader-token" }));
  await start({ sources: [{ nodeObject: { kubeconfigFile } }, { nameSuffixes: {} }], ...settings });
  return nodes;
}

async function stop(): Promise<void> {
  administrator.close();
  await gatehouse.remove();
}

/** Changes what is on record while the server is stopped. */
async function restartWith(change: (database: Database.Database) => unknown): Promise<void> {
  administrator.close();
  await gatehouse.stop();
  const { dataDirectory } = gatehouse;
  const database = new Database(join(dataDirectory, "gatehouse.db"));
  change(database);
  database.close();
  gatehouse = await startGatehouse({ dataDirectory, configuration });
  administrator = new Administrator(gatehouse.adminKubeconfig);
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

function evidenceIn(decision: object, hook: string): unknown {
  const { trace } = decision as { trace: readonly { hook: string; evidence: unknown }[] };
  return trace.find((entry) => entry.hook === hook)?.evidence;
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

  test("a request that waits is approved when its names are written down", async () => {
    const node = await joined("worker-3");
    const submitted = await node.submitServing({ dnsNames: ["worker-3"], ipAddresses: ["192.0.2.3"] });
    expect(await decisionOn(submitted.name)).toMatchObject({ outcome: "pending" });
    listed({ "worker-3": { addresses: ["192.0.2.3"] } });
    await node.waitFor(submitted);
    expect(gatehouse.log()).toContain("read the inventory again");
  });

  test("an address that another node's certificate has is held back, and the record says whose it is", async () => {
    const first = await joined("edge-1");
    await first.waitFor(await first.submitServing({ dnsNames: ["edge-1"], ipAddresses: ["198.51.100.7"] }));
    const second = await joined("edge-2");
    const submitted = await second.submitServing({ dnsNames: ["edge-2"], ipAddresses: ["198.51.100.7"] });
    expect(JSON.stringify(await decisionOn(submitted.name))).toMatch(
      /"outcome":"pending".*is held by node \\"edge-1\\"/,
    );
    const again = await first.submitServing({ dnsNames: ["edge-1"], ipAddresses: ["198.51.100.7"] });
    await first.waitFor(again);
  });

  test("Gatehouse's own address is no node's, though it lies in a range of theirs", async () => {
    const node = await joined("edge-3");
    const submitted = await node.submitServing({ dnsNames: ["edge-3"], ipAddresses: [OWN_ADDRESS] });
    const decision = JSON.stringify(await decisionOn(submitted.name));
    expect(decision).toMatch(/"outcome":"pending".*is held by .*gatehouse\.dev\/serving/);
  });

  test("renewals are compared with the certificate before, and lists tell whether the key is the same", async () => {
    const client = await joined("edge-4");
    const names = { dnsNames: ["edge-4"], ipAddresses: ["198.51.100.8"] };
    await client.waitFor(await client.submitServing(names));
    const renewed = await client.submitServing({ ...names, ipAddresses: ["198.51.100.9"] });
    await client.waitFor(renewed);
    const [newest, oldest] = await administrator.certificates({ node: "edge-4", signer: SERVING });
    expect([newest?.keyReused, oldest?.keyReused, newest?.predecessor]).toEqual([
      false,
      undefined,
      oldest?.fingerprint,
    ]);
    expect(evidenceIn(await decisionOn(renewed.name), "kubelet-serving")).toMatchObject({
      renews: {
        ...{ fingerprint: oldest?.fingerprint, serial: oldest?.serial, keyReused: false },
        ...{ sansAdded: ["198.51.100.9"], sansRemoved: ["198.51.100.8"] },
      },
    });

    const { privateKey } = generateKey("ecdsa-p256");
    for (const keyReused of [false, true]) {
      const submitted = await client.submit(privateKey);
      await client.waitFor(submitted);
      const [latest, former] = await administrator.certificates({ node: "edge-4", signer: CLIENT });
      expect(latest?.keyReused).toBe(keyReused);
      expect(evidenceIn(await decisionOn(submitted.name), "kubelet-client")).toMatchObject({
        allowedBy: "selfnodeclient",
        renews: { fingerprint: former?.fingerprint, keyReused, sansAdded: [], sansRemoved: [] },
      });
    }
  });

  test("a node whose certificate is revoked renews nothing", async () => {
    const node = await joined("edge-5");
    const [certificate] = await administrator.certificates({ node: "edge-5" });
    await restartWith((database) =>
      database.prepare("UPDATE certificates SET state = 'revoked' WHERE serial = unhex(?)").run(certificate?.serial),
    );
    const revoked = node.at(gatehouse.url);
    opened.push(revoked);
    const refused = { status: expect.objectContaining({ code: 401 }) };
    await expect(revoked.submit()).rejects.toMatchObject(refused);
    const names = { dnsNames: ["edge-5"], ipAddresses: ["198.51.100.10"] };
    await expect(revoked.submitServing(names)).rejects.toMatchObject(refused);
    expect(await administrator.certificates({ node: "edge-5" })).toHaveLength(1);
  });
});

describe("a cluster whose nodes register late", () => {
  let nodes: NodesApiServer;
  beforeAll(async () => {
    nodes = await startWithCluster({});
  });
  afterAll(async () => {
    await stop();
    await nodes.close();
  });

  test("a request that waits is approved when the Node has the address", async () => {
    const asking = await joined("late-1");
    const submitted = await asking.submitServing({ dnsNames: ["late-1"], ipAddresses: ["203.0.113.2"] });
    const pending = decisionOn(submitted.name);
    expect(JSON.stringify(await pending)).toMatch(/"outcome":"pending".*there is no such Node/);
    nodes.put(node("late-1", "203.0.113.2"));
    await asking.waitFor(submitted);
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

describe("a cluster that does not answer", () => {
  let nodes: NodesApiServer;
  beforeAll(async () => {
    nodes = await startWithCluster({ otherwise: "deny" }, 503);
    nodes.put(node("cluster-1", "203.0.113.1"));
  });
  afterAll(async () => {
    await stop();
    await nodes.close();
  });

  test("what it alone could show waits, is denied by nobody, and is approved when it answers", async () => {
    const asking = await joined("cluster-1");
    const submitted = await asking.submitServing({ dnsNames: ["cluster-1"], ipAddresses: ["203.0.113.1"] });
    const pending = JSON.stringify(await decisionOn(submitted.name));
    expect(pending).toMatch(/"outcome":"pending","reason":"HookFailed"/);
    expect(pending).toMatch(/answered HTTP 503: no Status, and nothing else shows \\"203\.0\.113\.1\\"/);
    nodes.failure = undefined;
    await asking.waitFor(submitted);
    expect(await decisionOn(submitted.name)).toMatchObject({ outcome: "approved", hook: "kubelet-serving" });
    expect(gatehouse.log()).not.toContain("reader-token");
  });
});
