import { copyFileSync, cpSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { parse, stringify } from "yaml";
import { buildCsr } from "../builders/csr.ts";
import { temporaryDirectory } from "../builders/temporary-directory.ts";
import { Administrator } from "./support/administrator.ts";
import { AttestingMachine, byJoinToken } from "./support/attesting-machine.ts";
import { CertificateRequestsClient } from "./support/certificate-requests-client.ts";
import { runCommand } from "./support/gatehouse-command.ts";
import { type GatehouseProcess, startGatehouse } from "./support/gatehouse-process.ts";
import { HttpsClient, readKubeconfig } from "./support/https-client.ts";

jest.setTimeout(120_000);

const CONFIG = join(import.meta.dirname, "..", "..", "config");
const PATIENCE_MILLISECONDS = 30_000;
const CLIENT = "kubernetes.io/kube-apiserver-client";
const KUBELET_CLIENT = "kubernetes.io/kube-apiserver-client-kubelet";

const directory = temporaryDirectory();
const inForce = join(directory, "approval", "gatehouse.yaml");
let gatehouse: GatehouseProcess;
let administrator: Administrator;

interface Step {
  readonly approval: { readonly hooks: object[] };
}

beforeAll(async () => {
  for (const part of ["approval", "policies", "hooks", "examples"]) {
    mkdirSync(join(directory, part));
    cpSync(join(CONFIG, part), join(directory, part), { recursive: true });
  }
  copyFileSync(join(directory, "approval", "1-by-hand.yaml"), inForce);
  gatehouse = await startGatehouse({ configurationFile: inForce });
  administrator = new Administrator(gatehouse.adminKubeconfig);
});
afterAll(async () => {
  administrator.close();
  await gatehouse.remove();
});

/** Ends the server and starts it with what is in force now, on what it has left. */
async function restart(): Promise<void> {
  const { dataDirectory } = gatehouse;
  administrator.close();
  await gatehouse.stop();
  gatehouse = await startGatehouse({ configurationFile: inForce, dataDirectory });
  administrator = new Administrator(gatehouse.adminKubeconfig);
}

/** Puts a step's file in the place of the one before, as the page says, and waits until it is in force. */
async function takeStep(file: string, isInForce: (chain: string) => boolean): Promise<void> {
  copyFileSync(join(directory, "approval", file), inForce);
  for (const limit = Date.now() + PATIENCE_MILLISECONDS; ; await pause(100)) {
    const { stdout } = await runCommand(gatehouse.adminKubeconfig, ["policy", "show"]);
    if (isInForce(stdout)) return;
    if (Date.now() > limit) throw new Error(`${file} did not come into force:\n${stdout}\n${gatehouse.log()}`);
  }
}

/** Asks with a bootstrap token, one that is bound to a node where one is named. */
async function joinAs(commonName: string, { boundTo }: { boundTo?: string } = {}) {
  const token = (await administrator.createToken(boundTo === undefined ? {} : { nodeName: boundTo })).token;
  const { url, credentials } = readKubeconfig(gatehouse.adminKubeconfig);
  const https = new HttpsClient(url, { caPem: credentials.caPem, token });
  try {
    const { pem: requestPem } = buildCsr({ commonName: `system:node:${commonName}`, organizations: ["system:nodes"] });
    const usages = ["digital signature", "client auth"];
    const fields = { name: "", generateName: "csr-", requestPem, signerName: KUBELET_CLIENT, usages };
    return (await new CertificateRequestsClient(https, "json").create(fields)).metadata.name;
  } finally {
    https.close();
  }
}

async function outcomeOf(name: string): Promise<string> {
  for (const limit = Date.now() + PATIENCE_MILLISECONDS; ; await pause(50)) {
    const { conditions = [], certificate } = (await administrator.request(name)).status;
    if (certificate !== undefined) return "issued";
    const settled = conditions.find(({ type }) => type === "Denied" || type === "Failed");
    if (settled !== undefined) return settled.type;
    const { items } = await administrator.decisions(name);
    if (items.at(-1)?.outcome === "pending" || Date.now() > limit) return "pending";
  }
}

test("every step has a file, and every file is a step of the page", () => {
  const steps = readdirSync(join(CONFIG, "approval")).filter((name) => /^\d/.test(name));
  expect(steps.map((name) => name[0])).toEqual(["1", "2", "3", "4", "5"]);
});

test("step 1: a join waits for a person", async () => {
  const name = await joinAs("anything");
  expect(await outcomeOf(name)).toBe("pending");
  await administrator.approve(name);
  for (let tries = 0; (await outcomeOf(name)) !== "issued" && tries < 100; tries += 1) await pause(50);
  expect(await outcomeOf(name)).toBe("issued");
});

test("step 2: what gives a person access takes two", async () => {
  await takeStep("2-two-people.yaml", (chain) => /four-eyes +manual, 2 people/.test(chain) && !/policy/.test(chain));
  const { requestBase64: request } = buildCsr({ commonName: "jane", organizations: ["developers"] });
  const spec = { request, signerName: CLIENT, usages: ["client auth"] };
  const { metadata } = await administrator.submit({ metadata: { generateName: "csr-" }, spec });
  const { stderr } = await runCommand(gatehouse.adminKubeconfig, ["csr", "approve", metadata.name]);
  // Whoever asked is none of the two.
  expect(stderr).toMatch(/2 people have to approve it/);
  const node = await joinAs("anything-else");
  await administrator.approve(node);
  for (let tries = 0; (await outcomeOf(node)) !== "issued" && tries < 100; tries += 1) await pause(50);
  expect(await outcomeOf(node)).toBe("issued");
});

test("step 3: rules deny what nobody should have to look at", async () => {
  await takeStep("3-rules.yaml", (chain) => /policy/.test(chain) && !/kubelet-serving/.test(chain));
  expect(await outcomeOf(await joinAs("database"))).toBe("Denied");
  expect(await outcomeOf(await joinAs("worker-7"))).toBe("pending");
});

test("step 4: a node with a token of its own joins by itself, one with a token for any waits", async () => {
  await takeStep("4-automatic.yaml", (chain) => /kubelet-serving/.test(chain) && !/script/.test(chain));
  expect(await outcomeOf(await joinAs("worker-1", { boundTo: "worker-1" }))).toBe("issued");
  expect(await outcomeOf(await joinAs("worker-8"))).toBe("pending");
  expect(await outcomeOf(await joinAs("worker-9", { boundTo: "worker-1" }))).toBe("Denied");
});

test("a program may vouch for machines that cannot prove anything themselves", async () => {
  const [, snippet = ""] = /```yaml\n(.*?)```/s.exec(readFileSync(join(CONFIG, "approval", "README.md"), "utf8")) ?? [];
  const step = parse(readFileSync(join(CONFIG, "approval", "4-automatic.yaml"), "utf8")) as Step;
  const place = step.approval.hooks.findIndex((hook) => "kubelet-client" in hook);
  step.approval.hooks.splice(place, 0, ...(parse(snippet) as object[]));
  writeFileSync(join(directory, "approval", "program.yaml"), stringify(step));
  await takeStep("program.yaml", (chain) => /machine/.test(chain));
  expect(await outcomeOf(await joinAs("worker-2", { boundTo: "worker-2" }))).toBe("issued");
  expect(await outcomeOf(await joinAs("worker-3", { boundTo: "worker-3" }))).toBe("Denied");
  const unknown = await joinAs("worker-4", { boundTo: "worker-4" });
  expect(await outcomeOf(unknown)).toBe("pending");
  const { stdout } = await runCommand(gatehouse.adminKubeconfig, ["csr", "explain", unknown]);
  expect(stdout).toMatch(/machine \(required\) +noOpinion +NotInInventory/);
});

test("step 5: nobody but machines that prove what they are, and serving certificates for what is theirs", async () => {
  copyFileSync(join(directory, "approval", "5-attested.yaml"), inForce);
  await restart();
  expect(await outcomeOf(await joinAs("worker-6", { boundTo: "worker-6" }))).toBe("Denied");
  const enrollment = ["machine", "enroll", "join_token", "worker-5", "--node", "worker-5", "--ip", "10.0.0.9"];
  expect(await runCommand(gatehouse.adminKubeconfig, enrollment)).toMatchObject({ code: 0 });
  const creation = ["token", "create", "--for", "attestation", "--node", "worker-5", "--ttl", "15m"];
  const { stdout: token } = await runCommand(gatehouse.adminKubeconfig, creation);
  const machine = new AttestingMachine(gatehouse.url, readFileSync(gatehouse.caFile, "utf8"));
  const kubelet = await machine.kubelet({ ...byJoinToken(token.trim()), nodeName: "worker-5" }, "worker-5");
  const node = kubelet.withCertificate(await kubelet.bootstrap());
  const serving = await node.submitServing({ dnsNames: ["worker-5"], ipAddresses: ["10.0.0.9"] });
  await node.waitFor(serving);
  const foreign = await node.submitServing({ dnsNames: ["worker-5"], ipAddresses: ["10.0.0.5"] });
  expect(await outcomeOf(foreign.name)).toBe("pending");
});
