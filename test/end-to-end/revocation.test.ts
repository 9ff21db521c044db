import { type ChildProcessWithoutNullStreams, spawn, spawnSync } from "node:child_process";
import { createHash, X509Certificate } from "node:crypto";
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { request } from "node:https";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { json } from "node:stream/consumers";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { openssl } from "../builders/openssl.ts";
import { temporaryDirectory } from "../builders/temporary-directory.ts";
import { Administrator } from "./support/administrator.ts";
import { autoApproving } from "./support/configuration.ts";
import { COMMAND_ENTRY, runCommand } from "./support/gatehouse-command.ts";
import { type GatehouseProcess, startGatehouse } from "./support/gatehouse-process.ts";
import { HttpsClient, readKubeconfig } from "./support/https-client.ts";
import { KubeletClient, type NodeCertificate } from "./support/kubelet-client.ts";

jest.setTimeout(120_000);

const directory = temporaryDirectory();
const CRLS = join(directory, "crls");
const LIMIT_MILLISECONDS = 30_000;
const opened: { close(): void }[] = [];
let gatehouse: GatehouseProcess;
let administrator: Administrator;
let anybody: HttpsClient;
let authorizer: ChildProcessWithoutNullStreams;
let webhookUrl = "";

beforeAll(async () => {
  const configuration = autoApproving({ revocation: { crl: { directory: CRLS }, ocsp: {} } });
  gatehouse = await startGatehouse({ configuration });
  administrator = new Administrator(gatehouse.adminKubeconfig);
  anybody = new HttpsClient(gatehouse.url, { caPem: readFileSync(gatehouse.caFile, "utf8") });
  const state = ["--authority", gatehouse.adminKubeconfig, "--state-dir", join(directory, "state")];
  authorizer = spawn(process.execPath, [COMMAND_ENTRY, "node-authorizer", "--listen", "127.0.0.1:0", ...state]);
  const { value } = await createInterface(authorizer.stdout)[Symbol.asyncIterator]().next();
  const [, url = ""] = /^gatehouse ready (\S+)$/.exec(String(value)) ?? [];
  webhookUrl = url;
  opened.push(anybody);
});
afterAll(async () => {
  for (const each of opened) each.close();
  administrator.close();
  authorizer.kill("SIGTERM");
  await once(authorizer, "exit");
  await gatehouse.remove();
});

function bootstrapping(nodeName: string): KubeletClient {
  const options = { ...readKubeconfig(gatehouse.bootstrapKubeconfig), nodeName, rotateCertificates: true };
  const client = new KubeletClient(options);
  opened.push(client);
  return client;
}

interface JoinedNode {
  readonly client: KubeletClient;
  readonly certificate: NodeCertificate;
  readonly serial: string;
  readonly fingerprint: string;
}

async function joined(nodeName: string): Promise<JoinedNode> {
  const bootstrap = bootstrapping(nodeName);
  const certificate = await bootstrap.bootstrap();
  const client = bootstrap.withCertificate(certificate);
  opened.push(client);
  const { serialNumber, raw } = new X509Certificate(certificate.certificatePem);
  const fingerprint = createHash("sha256").update(raw).digest("hex");
  return { client, certificate, serial: serialNumber.toLowerCase(), fingerprint };
}

/** What kube-apiserver would hear of a node that shows this certificate. */
async function isRefused(nodeName: string, { fingerprint }: JoinedNode): Promise<boolean> {
  const extra = { "authentication.kubernetes.io/credential-id": [`X509SHA256=${fingerprint}`] };
  const spec = {
    ...{ user: `system:node:${nodeName}`, groups: ["system:nodes"], extra },
    resourceAttributes: { verb: "get", version: "v1", resource: "pods", namespace: "a", name: "b" },
  };
  // The certificate of the webhook was made for this run: nobody can verify it.
  const outgoing = request(`${webhookUrl}/authorize`, { method: "POST", rejectUnauthorized: false, agent: false });
  outgoing.setHeader("content-type", "application/json");
  outgoing.end(JSON.stringify({ apiVersion: "authorization.k8s.io/v1", kind: "SubjectAccessReview", spec }));
  const [answer] = await once(outgoing, "response");
  const { status } = (await json(answer)) as { readonly status?: { readonly denied?: boolean } };
  return status?.denied === true;
}

async function until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
  for (const limit = Date.now() + LIMIT_MILLISECONDS; Date.now() < limit; await pause(20)) if (await isSo()) return;
  throw new Error(`${what} did not come about`);
}

function file(name: string, content: string | Uint8Array): string {
  const path = join(directory, name);
  writeFileSync(path, content);
  return path;
}

test("a revoked certificate opens nothing any more: not here, not at a kube-apiserver, not by CRL or OCSP", async () => {
  const [stolen, other] = [await joined("worker-1"), await joined("worker-2")];
  await until("an answer", async () => !(await isRefused("worker-1", stolen)));
  const confirm = ["--confirm", "system:node:worker-1"];
  const command = ["certificate", "revoke", stolen.serial, "--reason", "keyCompromise", ...confirm];
  const { code, stdout } = await runCommand(gatehouse.adminKubeconfig, command);
  expect([code, stdout]).toEqual([0, expect.stringContaining("1 certificate revoked")]);

  await expect(stolen.client.submit()).rejects.toMatchObject({ status: expect.objectContaining({ code: 401 }) });
  await until("the refusal", () => isRefused("worker-1", stolen));
  expect(await isRefused("worker-2", other)).toBe(false);

  const ca = gatehouse.caFile;
  const issuerId = createHash("sha256")
    .update(new X509Certificate(readFileSync(ca)).raw)
    .digest("hex");
  const crl = await anybody.send("GET", `/v1/crls/${issuerId}`, { headers: { accept: "application/x-pem-file" } });
  const crlFile = file("now.pem", crl.body);
  const verify = (node: JoinedNode) =>
    spawnSync(
      "openssl",
      ["verify", "-crl_check", "-CRLfile", crlFile, "-CAfile", ca, file("leaf.pem", node.certificate.certificatePem)],
      { encoding: "utf8" },
    );
  expect(verify(stolen).stderr).toContain("certificate revoked");
  expect(verify(other).stdout).toContain("OK");
  await until("the file of the CRL", () => {
    const path = join(CRLS, `${issuerId}.crl`);
    return (
      existsSync(path) && openssl("crl", "-in", path, "-inform", "DER", "-noout", "-text").includes("Serial Number")
    );
  });

  const leaves = [stolen, other].map((node, index) => file(`${index}.pem`, node.certificate.certificatePem));
  const asked = join(directory, "request.der");
  openssl("ocsp", "-issuer", ca, ...leaves.flatMap((leaf) => ["-cert", leaf]), "-reqout", asked);
  const headers = { "content-type": "application/ocsp-request" };
  const posted = await anybody.send("POST", "/v1/ocsp", { headers, body: readFileSync(asked) });
  const got = await anybody.send("GET", `/v1/ocsp/${encodeURIComponent(readFileSync(asked).toString("base64"))}`);
  for (const { status, body } of [posted, got]) {
    expect(status).toBe(200);
    const response = ["-respin", file("response.der", body), "-issuer", ca, "-CAfile", ca];
    const said = openssl("ocsp", "-no_nonce", ...response, ...leaves.flatMap((leaf) => ["-cert", leaf]));
    expect(said).toMatch(/0\.pem: revoked[\s\S]*Reason: keyCompromise[\s\S]*1\.pem: good/);
  }
});

test("a quarantined node gets nothing, whoever asks; readmitted it joins anew", async () => {
  const node = await joined("worker-3");
  const quarantine = ["node", "quarantine", "worker-3", "--confirm", "worker-3"];
  expect((await runCommand(gatehouse.adminKubeconfig, quarantine)).code).toBe(0);
  await until("the refusal", () => isRefused("worker-3", { ...node, fingerprint: "00".repeat(32) }));
  await expect(node.client.submit()).rejects.toMatchObject({ status: expect.objectContaining({ code: 401 }) });
  await expect(bootstrapping("worker-3").submit()).rejects.toMatchObject({
    status: expect.objectContaining({ code: 403, message: expect.stringContaining("is quarantined") }),
  });
  const records = await administrator.certificates({ node: "worker-3" });
  expect(records.map(({ state }) => state)).toEqual(["revoked"]);

  const readmit = ["node", "readmit", "worker-3", "--confirm", "worker-3"];
  expect((await runCommand(gatehouse.adminKubeconfig, readmit)).code).toBe(0);
  const again = await joined("worker-3");
  await until("the end of the refusal", async () => !(await isRefused("worker-3", again)));
  expect(await isRefused("worker-3", node)).toBe(true);
  const key = node.certificate.privateKey;
  await expect(bootstrapping("worker-3").submit(key)).rejects.toMatchObject({
    status: expect.objectContaining({ code: 403, message: expect.stringContaining("was revoked; make a new key") }),
  });
});

test("the ledger is sound with what was taken back", async () => {
  const before = await administrator.certificates({ state: "revoked" });
  const { code, stdout } = await runCommand(gatehouse.adminKubeconfig, ["ledger", "verify"]);
  expect([code, stdout]).toEqual([0, expect.not.stringContaining("problem")]);
  expect(before.length).toBeGreaterThanOrEqual(2);
});
