import { X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { temporaryDirectory } from "../builders/temporary-directory.ts";
import { type BackgroundProcess, startBackground, waitUntil } from "./support/background-process.ts";
import { autoApproving } from "./support/configuration.ts";
import { COMMAND_ENTRY, runCommand } from "./support/gatehouse-command.ts";
import { type GatehouseProcess, startGatehouse } from "./support/gatehouse-process.ts";
import { HttpsClient, readKubeconfig } from "./support/https-client.ts";
import { KubeletClient } from "./support/kubelet-client.ts";

jest.setTimeout(120_000);

/** Until the authority has told what it was ordered, and the node-authorizer has asked. */
const PATIENCE_MILLISECONDS = 20_000;

const directory = temporaryDirectory();
const manifests = join(directory, "manifests");
const closed: { close(): void }[] = [];
let authority: GatehouseProcess;
let authorizer: BackgroundProcess;
let client: HttpsClient;

beforeAll(async () => {
  authority = await startGatehouse({ configuration: autoApproving() });
  await runCommand("", ["node-authorizer", "manifests", "--output", manifests]);
  await startAuthorizer();
});
afterAll(async () => {
  for (const each of closed) each.close();
  await authorizer?.stop();
  await authority?.remove();
});

/** With the same state directory each time. */
async function startAuthorizer(): Promise<void> {
  authorizer = startBackground(process.execPath, [
    ...[COMMAND_ENTRY, "node-authorizer", "--listen", "127.0.0.1:0", "--authority", authority.adminKubeconfig],
    ...["--state-dir", join(directory, "state")],
    ...["--tls-certificate", join(manifests, "serving.crt"), "--tls-key", join(manifests, "serving.key")],
  ]);
  await waitUntil("the start", authorizer, async () => urlOf(authorizer) !== undefined);
  client = new HttpsClient(urlOf(authorizer) ?? "", { caPem: readFileSync(join(manifests, "ca.crt"), "utf8") });
  closed.push(client);
  await waitUntil("readiness", authorizer, async () => (await client.send("GET", "/readyz")).status === 200);
}

function urlOf(process: BackgroundProcess): string | undefined {
  return /gatehouse ready (https:\S+)/.exec(process.output())?.[1];
}

async function newCertificate(nodeName: string): Promise<{ readonly credential: string; readonly serial: string }> {
  const kubelet = new KubeletClient({
    ...readKubeconfig(authority.bootstrapKubeconfig),
    nodeName,
    rotateCertificates: true,
  });
  closed.push(kubelet);
  const { certificatePem } = await kubelet.bootstrap();
  const { fingerprint256, serialNumber } = new X509Certificate(certificatePem);
  return { credential: `X509SHA256=${fingerprint256.replaceAll(":", "").toLowerCase()}`, serial: serialNumber };
}

/** What kube-apiserver would be told of a request of the node's by that credential. */
async function isDenied(nodeName: string, credential: string): Promise<boolean> {
  const spec = {
    user: `system:node:${nodeName}`,
    groups: ["system:nodes"],
    extra: { "authentication.kubernetes.io/credential-id": [credential] },
    resourceAttributes: { verb: "get", resource: "nodes", name: nodeName },
  };
  const review = { apiVersion: "authorization.k8s.io/v1", kind: "SubjectAccessReview", spec };
  const headers = { "content-type": "application/json" };
  const { status, body } = await client.send("POST", "/authorize", { headers, body: JSON.stringify(review) });
  expect(status).toBe(200);
  return JSON.parse(body.toString()).status.denied === true;
}

async function until(expected: boolean, nodeName: string, credential: string): Promise<boolean> {
  for (const limit = Date.now() + PATIENCE_MILLISECONDS; Date.now() < limit; await pause(20)) {
    if ((await isDenied(nodeName, credential)) === expected) return expected;
  }
  return !expected;
}

async function order(...args: string[]): Promise<void> {
  const { code, stderr } = await runCommand(authority.adminKubeconfig, args);
  if (code !== 0) throw new Error(stderr);
}

test("who is revoked at the authority is refused here, also after a restart without the authority", async () => {
  const old = await newCertificate("worker-1");
  const renewed = await newCertificate("worker-1");
  expect(await isDenied("worker-1", old.credential)).toBe(false);
  await order("certificate", "revoke", old.serial, "--confirm", "system:node:worker-1");
  expect(await until(true, "worker-1", old.credential)).toBe(true);
  expect(await isDenied("worker-1", renewed.credential)).toBe(false);

  await order("node", "quarantine", "worker-2", "--confirm", "worker-2");
  expect(await until(true, "worker-2", renewed.credential)).toBe(true);
  await order("node", "readmit", "worker-2", "--confirm", "worker-2");
  expect(await until(false, "worker-2", renewed.credential)).toBe(false);

  await authorizer.stop();
  await authority.stop();
  await startAuthorizer();
  expect(await isDenied("worker-1", old.credential)).toBe(true);
  expect(await isDenied("worker-1", renewed.credential)).toBe(false);
  const metrics = (await client.send("GET", "/metrics")).body.toString();
  expect(metrics).toMatch(/^gatehouse_node_authorizer_revocations 1$/m);
  expect(metrics).toMatch(/^gatehouse_node_authorizer_revocations_age_seconds Nan$/im);
});
