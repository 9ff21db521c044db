import { createPrivateKey, X509Certificate } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { buildIssuer } from "../builders/issuer.ts";
import { generateKey } from "../builders/keys.ts";
import { buildLeafCertificate } from "../builders/leaf-certificate.ts";
import { temporaryDirectory } from "../builders/temporary-directory.ts";
import { Administrator } from "./support/administrator.ts";
import { autoApproving } from "./support/configuration.ts";
import { type GatehouseProcess, startGatehouse } from "./support/gatehouse-process.ts";
import { readKubeconfig } from "./support/https-client.ts";
import { findKubernetesProgram } from "./support/kubernetes-programs.ts";
import { verifyChain } from "./support/openssl-certificate.ts";
import { KubeletMachine } from "./support/real-kubelet.ts";

jest.setTimeout(240_000);

const MINUTE_MILLISECONDS = 60_000;
const kubelet = findKubernetesProgram("kubelet");
/** A machine without a kubelet has nothing to show here; its run says so as skipped tests. */
const describeIfFound = kubelet === undefined ? describe.skip : describe;

describeIfFound("a real kubelet", () => {
  const directory = temporaryDirectory();
  const issuer = buildIssuer("ecdsa-p256");
  const machines: KubeletMachine[] = [];
  let gatehouse: GatehouseProcess;
  let administrator: Administrator;
  const newMachine = (nodeName: string, rotateCertificates: boolean): KubeletMachine => {
    const { bootstrapKubeconfig } = gatehouse;
    const machine = new KubeletMachine({ kubelet: kubelet ?? "", bootstrapKubeconfig, nodeName, rotateCertificates });
    machines.push(machine);
    return machine;
  };

  beforeAll(async () => {
    const [certificateFile, keyFile] = [join(directory, "ca.crt"), join(directory, "ca.key")];
    writeFileSync(certificateFile, issuer.certificatePem);
    writeFileSync(keyFile, issuer.privateKey.export({ type: "pkcs8", format: "pem" }), { mode: 0o600 });
    gatehouse = await startGatehouse({
      configuration: autoApproving({ issuer: { import: { certificateFile, keyFile } }, log: { level: "debug" } }),
    });
    administrator = new Administrator(gatehouse.adminKubeconfig);
  });
  afterEach(async () => {
    for (const machine of machines.splice(0)) await machine.remove();
  });
  afterAll(async () => {
    administrator.close();
    await gatehouse.remove();
  });

  /** What was answered on the request of this name, as the server logs it; a watch is logged when it ends. */
  async function answersOn(requestName: string, count: number): Promise<readonly string[]> {
    for (;;) {
      const lines = gatehouse
        .log()
        .split("\n")
        .slice(0, -1)
        .filter((line) => line.includes(requestName));
      const answers = lines.map((line) => JSON.parse(line)).filter(({ method }) => method !== undefined);
      if (answers.length >= count) return answers.map(({ method, code }) => `${method} ${code}`);
      await new Promise((resolve) => setTimeout(resolve, 50));
    }
  }

  test.each([
    { rotateCertificates: true, requestName: /^csr-[a-z0-9]{5}$/ },
    { rotateCertificates: false, requestName: /^node-csr-[A-Za-z0-9_-]{43}$/ },
  ])("bootstraps with rotateCertificates $rotateCertificates", async ({ rotateCertificates, requestName }) => {
    const nodeName = `real-${rotateCertificates}`;
    const machine = newMachine(nodeName, rotateCertificates);
    machine.start();
    const pem = await machine.certificate();
    const certificate = new X509Certificate(pem);
    expect(certificate.subject).toBe(`O=system:nodes\nCN=system:node:${nodeName}`);
    expect(certificate.checkPrivateKey(createPrivateKey(pem))).toBe(true);
    expect(verifyChain(gatehouse.caFile, machine.currentFile, "sslclient")).toBe("OK");
    const onRecord = await administrator.certificates({ node: nodeName });
    expect(onRecord).toEqual([
      expect.objectContaining({
        serial: certificate.serialNumber.toLowerCase(),
        request: expect.objectContaining({ name: expect.stringMatching(requestName) }),
      }),
    ]);
    // The list and the watch, at the first attempt: it was not refused and did not fall back.
    expect(await answersOn(onRecord[0]?.request?.name ?? "", 2)).toEqual(["GET 200", "GET 200"]);
  });

  test("is turned away with a token that nobody made", async () => {
    const { credentials } = readKubeconfig(gatehouse.bootstrapKubeconfig);
    const forged = join(directory, "forged.kubeconfig");
    const text = readFileSync(gatehouse.bootstrapKubeconfig, "utf8");
    writeFileSync(forged, text.replace(credentials.token ?? "", "aaaaaa.0123456789abcdef"));
    const options = { kubelet: kubelet ?? "", bootstrapKubeconfig: forged, nodeName: "forged" };
    const machine = new KubeletMachine({ ...options, rotateCertificates: false });
    machines.push(machine);
    machine.start();
    await machine.says(/the server has asked for the client to provide credentials/);
    expect(await administrator.certificates({ node: "forged" })).toEqual([]);
  });

  test("renews with its own certificate when the old one nears its end", async () => {
    const nodeName = "real-renewing";
    const machine = newMachine(nodeName, true);
    machine.start();
    await machine.certificate();
    await machine.stop();

    // As a CA that Gatehouse took over would have signed it: nine tenths of its life are gone, so renewal is due.
    const key = generateKey("ecdsa-p256").privateKey;
    const now = Date.now();
    const certificatePem = buildLeafCertificate({
      issuer,
      commonName: `system:node:${nodeName}`,
      organization: "system:nodes",
      key,
      notBefore: new Date(now - 600 * MINUTE_MILLISECONDS),
      notAfter: new Date(now + 30 * MINUTE_MILLISECONDS),
    });
    const old = certificatePem + key.export({ type: "pkcs8", format: "pem" });
    writeFileSync(machine.currentFile, old);
    machine.start();
    const renewed = await machine.certificate(old);
    expect(verifyChain(gatehouse.caFile, machine.currentFile, "sslclient")).toBe("OK");
    const [newest, ...older] = await administrator.certificates({ node: nodeName });
    expect(newest?.serial).toBe(new X509Certificate(renewed).serialNumber.toLowerCase());
    expect(newest?.request?.requester).toBe(`system:node:${nodeName}`);
    expect(older).toHaveLength(1);
  });
});
