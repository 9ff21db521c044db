import { X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, jest, test } from "@jest/globals";
import { buildCsr } from "../builders/csr.ts";
import { buildIssuer } from "../builders/issuer.ts";
import { generateKey } from "../builders/keys.ts";
import { describeMlDsa } from "../builders/ml-dsa.ts";
import { Administrator } from "./support/administrator.ts";
import { autoApproving } from "./support/configuration.ts";
import { type GatehouseProcess, startGatehouse } from "./support/gatehouse-process.ts";
import { HttpsClient, readKubeconfig } from "./support/https-client.ts";
import { KubeletClient } from "./support/kubelet-client.ts";

jest.setTimeout(60_000);

const MESH = "example.com/mesh";
const keyPolicy = { mlDsa: ["ML-DSA-65", "ML-DSA-87"] };
const closing: { close(): void }[] = [];

async function issued(administrator: Administrator, name: string): Promise<string> {
  await administrator.approve(name);
  for (;;) {
    const { status } = await administrator.request(name);
    if (status.certificate !== undefined) return Buffer.from(status.certificate, "base64").toString();
    const failure = status.conditions?.find(({ type }) => type === "Failed" || type === "Denied");
    if (failure !== undefined) throw new Error(failure.message);
    await new Promise((resolve) => setTimeout(resolve, 20));
  }
}

function requestOf(requestBase64: string) {
  const usages = ["digital signature", "server auth"];
  const type = { apiVersion: "certificates.k8s.io/v1", kind: "CertificateSigningRequest" };
  return {
    ...type,
    metadata: { generateName: "mesh-" },
    spec: { request: requestBase64, signerName: MESH, usages },
  } as unknown as Parameters<Administrator["submit"]>[0];
}

describeMlDsa("with post-quantum keys chosen", () => {
  const root = { name: "pq-root", commonName: "PQ root", keyAlgorithm: "ml-dsa-87" };
  const mesh = { name: "mesh", commonName: "PQ mesh", keyAlgorithm: "ml-dsa-65", parent: "pq-root" };
  const profile = {
    subjectAltNames: { dnsNames: ["*.mesh.example.com"] },
    usages: { allowed: ["digital signature", "server auth"] },
    keys: { mlDsa: ["ML-DSA-65"] },
  };
  const signers = [{ signerName: MESH, issuer: "mesh", profile }];
  let gatehouse: GatehouseProcess;
  let administrator: Administrator;

  beforeAll(async () => {
    const configuration = autoApproving({ keyPolicy, issuers: [root, mesh], signers });
    gatehouse = await startGatehouse({ configuration });
    administrator = new Administrator(gatehouse.adminKubeconfig);
    closing.push(administrator);
  });
  afterAll(async () => {
    for (const each of closing.splice(0)) each.close();
    await gatehouse.remove();
  });

  test("a signer's certificate of an ML-DSA key verifies to its ML-DSA root, and the choice is in the log", async () => {
    expect(gatehouse.log()).toContain("keyPolicy.mlDsa has ML-DSA-65, ML-DSA-87");
    const csr = buildCsr({ key: "ml-dsa-65", organizations: [], commonName: "", dnsNames: ["a.mesh.example.com"] });
    const { metadata } = await administrator.submit(requestOf(csr.requestBase64));
    const pem = await issued(administrator, metadata.name);
    const [leaf, intermediate] = (pem.match(/-----BEGIN[\s\S]+?-----END CERTIFICATE-----\n/g) ?? []).map(
      (block) => new X509Certificate(block),
    );
    if (leaf === undefined || intermediate === undefined) throw new Error("no chain");
    expect(leaf.publicKey.equals(csr.publicKey)).toBe(true);
    expect([leaf.verify(intermediate.publicKey), intermediate.publicKey.asymmetricKeyType]).toEqual([
      true,
      "ml-dsa-65",
    ]);
    expect(intermediate.issuer).toBe("CN=PQ root");
    expect(await administrator.verifyLedger()).toMatchObject({ sound: true, problems: [] });
  });

  test("what the signer or the key policy does not take is refused", async () => {
    const wide = buildCsr({ key: "ml-dsa-87", organizations: [], commonName: "", dnsNames: ["b.mesh.example.com"] });
    const { metadata } = await administrator.submit(requestOf(wide.requestBase64));
    await expect(issued(administrator, metadata.name)).rejects.toThrow(
      /ML-DSA-87 is not allowed; allowed are: ML-DSA-65/,
    );
    const node = kubelet(gatehouse, "weak");
    const { name } = await node.submit(generateKey("ml-dsa-44").privateKey);
    await expect(administrator.approve(name)).rejects.toMatchObject({ status: { code: 422 } });
    const [condition] = (await administrator.request(name)).status.conditions ?? [];
    expect(condition).toMatchObject({
      type: "Denied",
      reason: "WeakKey",
      message: expect.stringContaining("ML-DSA-44 keys"),
    });
  });

  test("a node with an ML-DSA key joins, and renews over TLS with that key", async () => {
    const node = kubelet(gatehouse, "pq-1");
    const joined = await node.waitFor(await node.submit(generateKey("ml-dsa-65").privateKey));
    const renewing = node.withCertificate(joined);
    closing.push(renewing);
    await renewing.waitFor(await renewing.submit());
    expect(await administrator.certificates({ node: "pq-1" })).toHaveLength(2);
  });

  test("after a restart the same issuers sign; without the switch the start names it", async () => {
    const { dataDirectory } = gatehouse;
    await gatehouse.stop();
    const unchosen = [root, mesh].map((issuer) => ({ ...issuer, keyAlgorithm: "ecdsa-p256" }));
    const configuration = autoApproving({ issuers: unchosen });
    await expect(startGatehouse({ dataDirectory, configuration })).rejects.toThrow(
      /the issuer pq-root has an ML-DSA-87 key, which has to be chosen: put ML-DSA-87 into keyPolicy\.mlDsa/,
    );
    gatehouse = await startGatehouse({
      dataDirectory,
      configuration: autoApproving({ keyPolicy, issuers: [root, mesh], signers }),
    });
    const csr = buildCsr({ key: "ecdsa-p256", organizations: [], commonName: "", dnsNames: ["c.mesh.example.com"] });
    const again = new Administrator(gatehouse.adminKubeconfig);
    closing.push(again);
    const { metadata } = await again.submit(requestOf(csr.requestBase64));
    expect(await issued(again, metadata.name)).toContain("BEGIN CERTIFICATE");
  });
});

describeMlDsa("with an imported CA of ML-DSA that signs for everybody", () => {
  test("the server, its administrator and a node find each other by it", async () => {
    const directory = mkdtempSync(join(tmpdir(), "gatehouse-pq-"));
    const { certificatePem, privateKey } = buildIssuer("ml-dsa-65");
    const files = { certificateFile: join(directory, "ca.crt"), keyFile: join(directory, "ca.key") };
    writeFileSync(files.certificateFile, certificatePem);
    writeFileSync(files.keyFile, privateKey.export({ format: "pem", type: "pkcs8" }), { mode: 0o600 });
    const gatehouse = await startGatehouse({ configuration: autoApproving({ keyPolicy, issuer: { import: files } }) });
    const administrator = new Administrator(gatehouse.adminKubeconfig);
    const node = kubelet(gatehouse, "pq-2");
    try {
      await node.bootstrap();
      expect(await administrator.certificates({ node: "pq-2" })).toHaveLength(1);
    } finally {
      node.close();
      administrator.close();
      await gatehouse.remove();
      rmSync(directory, { recursive: true });
    }
  });
});

describeMlDsa("with nothing chosen", () => {
  test("a request with an ML-DSA key is refused as one of an unknown kind", async () => {
    const gatehouse = await startGatehouse();
    const { url, credentials } = readKubeconfig(gatehouse.adminKubeconfig);
    const client = new HttpsClient(url, credentials);
    try {
      const body = JSON.stringify(requestOf(buildCsr({ key: "ml-dsa-65" }).requestBase64));
      const headers = { "content-type": "application/json" };
      const path = "/apis/certificates.k8s.io/v1/certificatesigningrequests";
      const answer = await client.send("POST", path, { body, headers });
      expect([answer.status, answer.body.toString()]).toEqual([422, expect.stringContaining("unsupported algorithm")]);
    } finally {
      client.close();
      await gatehouse.remove();
    }
  });
});

function kubelet(gatehouse: GatehouseProcess, nodeName: string): KubeletClient {
  const client = new KubeletClient({
    ...readKubeconfig(gatehouse.bootstrapKubeconfig),
    nodeName,
    rotateCertificates: true,
  });
  closing.push(client);
  return client;
}
