import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from "@jest/globals";
import Database from "better-sqlite3";
import { Administrator } from "./support/administrator.ts";
import type { Wire } from "./support/certificate-requests-client.ts";
import type { Waiting } from "./support/certificate-wait.ts";
import { autoApproving } from "./support/configuration.ts";
import { type GatehouseProcess, startGatehouse } from "./support/gatehouse-process.ts";
import { readKubeconfig } from "./support/https-client.ts";
import { KubeletClient, type KubeletOptions, type NodeCertificate } from "./support/kubelet-client.ts";

jest.setTimeout(120_000);

const CLIENT_SIGNER = "kubernetes.io/kube-apiserver-client-kubelet";
const SERVING_SIGNER = "kubernetes.io/kubelet-serving";

/** Every way in which kubelets of the supported versions bootstrap. */
const CONVERSATIONS: readonly { rotateCertificates: boolean; waiting: Waiting; wire: Wire }[] = [true, false].flatMap(
  (rotateCertificates) =>
    (["sendInitialEvents", "listThenWatch"] as const).flatMap((waiting) =>
      (["protobuf", "json"] as const).map((wire) => ({ rotateCertificates, waiting, wire })),
    ),
);

const opened: { close(): void }[] = [];
let nodes = 0;

/** A node that was never seen before, with the credentials of `bootstrap.kubeconfig`. */
function newKubelet(gatehouse: GatehouseProcess, more: Partial<KubeletOptions> = {}): KubeletClient {
  nodes += 1;
  const bootstrap = readKubeconfig(gatehouse.bootstrapKubeconfig);
  const kubelet = new KubeletClient({ ...bootstrap, nodeName: `worker-${nodes}`, rotateCertificates: true, ...more });
  opened.push(kubelet);
  return kubelet;
}

/** Whether the certificate is the node's, for its key and from this CA. */
function expectNodeCertificate(gatehouse: GatehouseProcess, node: NodeCertificate, nodeName: string): void {
  const certificate = new X509Certificate(node.certificatePem);
  expect(certificate.subject).toBe(`O=system:nodes\nCN=system:node:${nodeName}`);
  expect(certificate.checkPrivateKey(createPrivateKey(node.privateKeyPem))).toBe(true);
  expect(certificate.verify(new X509Certificate(readFileSync(gatehouse.caFile)).publicKey)).toBe(true);
}

function serialOf({ certificatePem }: NodeCertificate): string {
  return new X509Certificate(certificatePem).serialNumber.toLowerCase();
}

afterEach(() => {
  for (const each of opened.splice(0)) each.close();
});

describe("with nothing configured", () => {
  let gatehouse: GatehouseProcess;
  let administrator: Administrator;
  beforeAll(async () => {
    gatehouse = await startGatehouse();
    administrator = new Administrator(gatehouse.adminKubeconfig);
  });
  afterAll(async () => {
    administrator.close();
    await gatehouse.remove();
  });

  test.each(CONVERSATIONS)("a person approves a join: $rotateCertificates $waiting $wire", async (conversation) => {
    const kubelet = newKubelet(gatehouse, { ...conversation, nodeName: "attended" });
    const submitted = await kubelet.submit();
    const waiting = kubelet.waitFor(submitted);
    const pending = await administrator.request(submitted.name);
    expect(pending).toMatchObject({ metadata: { uid: submitted.uid }, spec: { signerName: CLIENT_SIGNER } });
    expect(pending.spec.groups).toEqual(["system:bootstrappers", "system:authenticated"]);
    expect(pending.status).toEqual({});
    await administrator.approve(submitted.name);
    const node = await waiting;
    expectNodeCertificate(gatehouse, node, "attended");
    expect(await administrator.certificates({ request: submitted.name })).toEqual([
      expect.objectContaining({
        serial: serialOf(node),
        nodeName: "attended",
        signerName: CLIENT_SIGNER,
        request: { name: submitted.name, uid: submitted.uid, requester: expect.stringMatching(/^system:bootstrap:/) },
      }),
    ]);
  });

  test("names: generated with rotation, the hash of key, subject and usages without", async () => {
    expect((await newKubelet(gatehouse).submit()).name).toMatch(/^csr-[a-z0-9]{5}$/);
    const oneShot = newKubelet(gatehouse, { rotateCertificates: false });
    expect((await oneShot.submit()).name).toMatch(/^node-csr-[A-Za-z0-9_-]{43}$/);
  });

  test("a one-shot bootstrap that starts again finds its own request, pending and issued", async () => {
    const kubelet = newKubelet(gatehouse, { rotateCertificates: false, nodeName: "restarted" });
    const first = await kubelet.submit();
    const second = await kubelet.submit(first.privateKey);
    expect(second).toEqual({ ...first, privateKey: expect.anything() });
    await administrator.approve(first.name);
    const node = await kubelet.waitFor(second);
    expect(await kubelet.submit(first.privateKey)).toMatchObject({ name: first.name, uid: first.uid });
    expect((await kubelet.waitFor(second)).certificatePem).toBe(node.certificatePem);
    expect(await administrator.certificates({ node: "restarted" })).toHaveLength(1);
  });

  test.each(CONVERSATIONS)("a person denies a join: $rotateCertificates $waiting $wire", async (conversation) => {
    const kubelet = newKubelet(gatehouse, { ...conversation, nodeName: "unwanted" });
    const submitted = await kubelet.submit();
    const waiting = expect(kubelet.waitFor(submitted)).rejects.toThrow(/Denied: KubectlDeny: no such machine$/);
    await administrator.deny(submitted.name);
    await waiting;
    expect(await administrator.certificates({ request: submitted.name })).toEqual([]);
  });

  test("a request that is deleted while its kubelet waits is lost", async () => {
    const kubelet = newKubelet(gatehouse, { waiting: "listThenWatch" });
    const submitted = await kubelet.submit();
    const waiting = expect(kubelet.waitFor(submitted)).rejects.toThrow(/a DELETED event$|uid/);
    // The watch must have seen the request for its deletion to be an event.
    await new Promise((resolve) => setTimeout(resolve, 500));
    await administrator.removeRequest(submitted.name);
    await waiting;
  });

  test.each(["protobuf", "json"] as const)("a node's renewal needs no person: %s", async (wire) => {
    const nodeName = `renewing-${wire}`;
    const kubelet = newKubelet(gatehouse, { nodeName, wire });
    const submitted = await kubelet.submit();
    await administrator.approve(submitted.name);
    const first = await kubelet.waitFor(submitted);
    const second = await renew(kubelet, first);
    const third = await renew(kubelet, second);
    expectNodeCertificate(gatehouse, third, nodeName);
    const [newest, middle, oldest] = await administrator.certificates({ node: nodeName });
    expect([newest, middle, oldest].map((record) => record?.serial)).toEqual([third, second, first].map(serialOf));
    expect(newest?.predecessor).toBe(middle?.fingerprint);
    expect(middle?.predecessor).toBe(oldest?.fingerprint);
    expect(newest?.request?.requester).toBe(`system:node:${nodeName}`);
    expect(await administrator.request(third.name)).toMatchObject({
      status: { conditions: [{ type: "Approved", reason: "AutoApproved" }] },
    });
  });

  test("tokens: deleted, expired, unknown and misspelt ones are nobody", async () => {
    const { id, token } = await administrator.createToken({ ttlSeconds: 3600 });
    const { url, credentials } = readKubeconfig(gatehouse.bootstrapKubeconfig);
    const attempt = (other: string) =>
      newKubelet(gatehouse, { url, credentials: { caPem: credentials.caPem, token: other } }).submit();
    expect((await attempt(token)).name).toMatch(/^csr-/);
    await administrator.removeToken(id);
    const refused = { status: { code: 401, reason: "Unauthorized" } };
    await expect(attempt(token)).rejects.toMatchObject(refused);
    await expect(attempt("aaaaaa.0123456789abcdef")).rejects.toMatchObject(refused);
    await expect(attempt(credentials.token?.toUpperCase() ?? "")).rejects.toMatchObject(refused);
    await expect(attempt(`${credentials.token?.slice(0, -1)}!`)).rejects.toMatchObject(refused);
    await expect(attempt("")).rejects.toMatchObject(refused);
  });
});

/** A node's next certificate, asked for with the one it has. */
async function renew(kubelet: KubeletClient, current: NodeCertificate): Promise<NodeCertificate> {
  const renewing = kubelet.withCertificate(current);
  opened.push(renewing);
  return renewing.bootstrap();
}

describe("with joins approved automatically", () => {
  let gatehouse: GatehouseProcess;
  let administrator: Administrator;
  beforeAll(async () => {
    gatehouse = await startGatehouse({ configuration: autoApproving() });
    administrator = new Administrator(gatehouse.adminKubeconfig);
  });
  afterAll(async () => {
    administrator.close();
    await gatehouse.remove();
  });

  test.each(CONVERSATIONS)("a join needs no person: $rotateCertificates $waiting $wire", async (conversation) => {
    const kubelet = newKubelet(gatehouse, { ...conversation, nodeName: "unattended" });
    const node = await kubelet.bootstrap();
    expectNodeCertificate(gatehouse, node, "unattended");
    const { items } = await administrator.decisions(node.name);
    expect(items).toEqual([expect.objectContaining({ outcome: "approved", hook: "kubelet-client" })]);
  });

  test.each(["rsa-2048", "ecdsa-p384", "ed25519"] as const)("a kubelet with an %s key joins", async (keyAlgorithm) => {
    const node = await newKubelet(gatehouse, { keyAlgorithm, nodeName: `with-${keyAlgorithm}` }).bootstrap();
    expectNodeCertificate(gatehouse, node, `with-${keyAlgorithm}`);
  });

  test("many join at once, each with a certificate of its own", async () => {
    const all = await Promise.all(
      Array.from({ length: 60 }, (_, index) =>
        newKubelet(gatehouse, {
          nodeName: `herd-${index}`,
          rotateCertificates: index % 2 === 0,
          waiting: index % 3 === 0 ? "listThenWatch" : "sendInitialEvents",
        }).bootstrap(),
      ),
    );
    for (const [index, node] of all.entries()) expectNodeCertificate(gatehouse, node, `herd-${index}`);
    expect(new Set(all.map(serialOf)).size).toBe(60);
    const onRecord = new Set((await administrator.certificates({ signer: CLIENT_SIGNER })).map(({ serial }) => serial));
    expect(all.map(serialOf).filter((serial) => !onRecord.has(serial))).toEqual([]);
  });

  test("a token bound to one node joins that node and no other", async () => {
    const { token } = await administrator.createToken({ nodeName: "bound-node" });
    const { caPem } = readKubeconfig(gatehouse.bootstrapKubeconfig).credentials;
    const credentials = { caPem, token };
    const impostor = newKubelet(gatehouse, { credentials, nodeName: "other-node" });
    await expect(impostor.bootstrap()).rejects.toThrow(/Denied: \w+: .*bound-node/);
    const node = await newKubelet(gatehouse, { credentials, nodeName: "bound-node" }).bootstrap();
    expectNodeCertificate(gatehouse, node, "bound-node");
    expect(await administrator.certificates({ node: "other-node" })).toEqual([]);
  });

  test("a node asks for its own name only, for client and serving certificates", async () => {
    const kubelet = newKubelet(gatehouse, { nodeName: "honest" });
    const { certificatePem, privateKeyPem } = await kubelet.bootstrap();
    const { caPem } = readKubeconfig(gatehouse.bootstrapKubeconfig).credentials;
    const credentials = { caPem, certificatePem, privateKeyPem };
    const impostor = newKubelet(gatehouse, { credentials, nodeName: "victim" });
    const refused = { status: { code: 403, reason: "Forbidden", details: { kind: "certificatesigningrequests" } } };
    await expect(impostor.submit()).rejects.toMatchObject(refused);
    await expect(impostor.submitServing({ dnsNames: ["victim"], ipAddresses: [] })).rejects.toMatchObject(refused);
    expect(await administrator.certificates({ node: "victim" })).toEqual([]);
  });

  test("a serving certificate waits for a person", async () => {
    const kubelet = newKubelet(gatehouse, { nodeName: "serving" });
    const renewing = kubelet.withCertificate(await kubelet.bootstrap());
    opened.push(renewing);
    const submitted = await renewing.submitServing({ dnsNames: ["serving.example"], ipAddresses: ["192.0.2.7"] });
    const waiting = renewing.waitFor(submitted);
    // A later request that is decided shows that the chain had its say on the earlier one.
    await renew(kubelet, await kubelet.bootstrap());
    expect((await administrator.request(submitted.name)).status).toEqual({});
    await administrator.approve(submitted.name);
    const certificate = new X509Certificate((await waiting).certificatePem);
    expect(certificate.subjectAltName).toBe("DNS:serving.example, IP Address:192.0.2.7");
    expect(await administrator.certificates({ node: "serving", signer: SERVING_SIGNER })).toHaveLength(1);
  });

  test("a certificate of another CA is nobody, however right it looks", async () => {
    const stranger = await startGatehouse({ configuration: autoApproving() });
    try {
      const { certificatePem, privateKeyPem } = await newKubelet(stranger, { nodeName: "stranger" }).bootstrap();
      const { caPem } = readKubeconfig(gatehouse.bootstrapKubeconfig).credentials;
      const credentials = { caPem, certificatePem, privateKeyPem };
      const refused = { status: { code: 401, reason: "Unauthorized" } };
      await expect(newKubelet(gatehouse, { credentials }).submit()).rejects.toMatchObject(refused);
    } finally {
      await stranger.remove();
    }
  });

  test("the ledger is sound after all of it", async () => {
    expect(await administrator.verifyLedger()).toMatchObject({ sound: true, problems: [] });
  });
});

/** The shortest token lives for a minute, which no test should take. */
function expireTokens(dataDirectory: string): void {
  const database = new Database(join(dataDirectory, "gatehouse.db"));
  database.prepare("UPDATE bootstrap_tokens SET expires_ms = ?").run(Date.now() - 1000);
  database.close();
}

test("an expired token is nobody", async () => {
  let gatehouse = await startGatehouse();
  try {
    expect((await newKubelet(gatehouse).submit()).name).toMatch(/^csr-/);
    await gatehouse.stop();
    expireTokens(gatehouse.dataDirectory);
    gatehouse = await startGatehouse({ dataDirectory: gatehouse.dataDirectory });
    await expect(newKubelet(gatehouse).submit()).rejects.toMatchObject({ status: { code: 401 } });
  } finally {
    await gatehouse.remove();
  }
});
