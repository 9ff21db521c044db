import { execFileSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { certificateUser, kubeconfigText } from "../builders/kubeconfig.ts";
import { temporaryDirectory } from "../builders/temporary-directory.ts";
import { Administrator } from "./support/administrator.ts";
import { makeClient, makeLeaf } from "./support/client-certificates.ts";
import { autoApproving } from "./support/configuration.ts";
import { type GatehouseProcess, startGatehouse } from "./support/gatehouse-process.ts";
import { HttpsClient } from "./support/https-client.ts";
import { IdleRuntime } from "./support/idle-runtime.ts";
import { findKubernetesProgram } from "./support/kubernetes-programs.ts";
import { makeAuthority } from "./support/openssl-authority.ts";
import { findControlPlane, freePorts, type RealApiserver, startRealApiserver } from "./support/real-apiserver.ts";
import { KubeletMachine } from "./support/real-kubelet.ts";
import { SignerProxy } from "./support/signer-proxy.ts";

jest.setTimeout(240_000);

const SERVING = "kubernetes.io/kubelet-serving";
const LIMIT_MILLISECONDS = 60_000;
const programs = findControlPlane();
const kubelet = findKubernetesProgram("kubelet");
const nodeAddress = Object.values(networkInterfaces())
  .flatMap((addresses) => addresses ?? [])
  .find(({ family, internal }) => family === "IPv4" && !internal)?.address;
/**
 * It takes a kubelet, a control plane, an address that is not loopback, and root: a kubelet that comes all the way up
 * mounts a directory and sets what it wants of the kernel, where it may.
 */
const canRun = programs !== undefined && kubelet !== undefined && nodeAddress !== undefined && process.getuid?.() === 0;
const describeIfPossible = canRun ? describe : describe.skip;

describeIfPossible("a real kubelet and the Node objects of a real kube-apiserver", () => {
  const directory = temporaryDirectory();
  const runtime = new IdleRuntime(join(directory, "runtime.sock"));
  const machines: KubeletMachine[] = [];
  let apiserver: RealApiserver;
  let cluster: HttpsClient;
  let gatehouse: GatehouseProcess;
  let administrator: Administrator;
  let proxy: SignerProxy;
  let bootstrapKubeconfig: string;

  beforeAll(async () => {
    const authority = makeAuthority(directory, { commonName: "cluster-ca", kind: "ecdsa-p384" });
    const proxyCa = makeAuthority(directory, { commonName: "front-proxy-ca", kind: "ecdsa-p384" });
    if (programs === undefined) throw new Error("no control plane");
    apiserver = await startRealApiserver({
      ...{ programs, directory, authority },
      arguments: [
        `--requestheader-client-ca-file=${proxyCa.certificateFile}`,
        "--requestheader-username-headers=X-Remote-User",
        "--requestheader-group-headers=X-Remote-Group",
      ],
    });
    const caPem = readFileSync(authority.certificateFile, "utf8");
    cluster = new HttpsClient(apiserver.url, apiserver.masters);
    await bind("nodes", { kind: "Group", name: "system:nodes" }, "system:node");
    await bind("reader", { kind: "User", name: "gatehouse-reader" }, await nodeReader());
    const kubeconfigFile = join(directory, "nodes.kubeconfig");
    const reader = makeClient(directory, authority, "reader", "/CN=gatehouse-reader");
    writeFileSync(kubeconfigFile, kubeconfigText(apiserver.url, caPem, certificateUser(reader)));
    const sources = [{ nodeObject: { kubeconfigFile } }];
    const approval = { hooks: [{ manual: {} }, { "kubelet-client": {} }, { "kubelet-serving": { sources } }] };
    const frontProxy = { certificateAuthorityFile: proxyCa.certificateFile, allowedNames: ["front-proxy-client"] };
    const authentication = [{ frontProxy }, { clientCertificate: {} }, { bootstrapToken: {} }];
    gatehouse = await startGatehouse({ configuration: autoApproving({ approval, authentication }) });
    administrator = new Administrator(gatehouse.adminKubeconfig);
    const gatehouseCa = readFileSync(gatehouse.caFile, "utf8");
    const extensions = ["subjectAltName=IP:127.0.0.1", "extendedKeyUsage=serverAuth"];
    proxy = new SignerProxy({
      serving: makeLeaf(directory, authority, { name: "proxy", subject: "/CN=proxy", extensions }),
      clientCaPem: gatehouseCa,
      proxy: makeClient(directory, proxyCa, "front-proxy-client", "/CN=front-proxy-client"),
      signer: { url: gatehouse.url, caPem: gatehouseCa },
      cluster: { url: apiserver.url, caPem },
    });
    const { token } = await administrator.createToken({});
    bootstrapKubeconfig = join(directory, "bootstrap.kubeconfig");
    writeFileSync(bootstrapKubeconfig, kubeconfigText(await proxy.listen(), caPem, { token }));
    await runtime.start();
  });
  afterEach(async () => {
    for (const machine of machines.splice(0)) await machine.remove();
  });
  afterAll(async () => {
    runtime.stop();
    administrator?.close();
    cluster?.close();
    await proxy?.close();
    await gatehouse?.remove();
    await apiserver?.stop();
  });

  async function create(path: string, object: object): Promise<void> {
    const headers = { "content-type": "application/json" };
    const { status, body } = await cluster.send("POST", path, { headers, body: JSON.stringify(object) });
    if (status !== 201) throw new Error(`${path} answered ${status}: ${body.toString()}`);
  }

  async function bind(name: string, subject: { kind: string; name: string }, role: string): Promise<void> {
    const apiGroup = "rbac.authorization.k8s.io";
    await create(`/apis/${apiGroup}/v1/clusterrolebindings`, {
      ...{ apiVersion: `${apiGroup}/v1`, kind: "ClusterRoleBinding", metadata: { name: `test-${name}` } },
      roleRef: { apiGroup, kind: "ClusterRole", name: role },
      subjects: [{ apiGroup, ...subject }],
    });
  }

  /** As the documentation says: what is read are nodes, and nothing is written. */
  async function nodeReader(): Promise<string> {
    const rules = [{ apiGroups: [""], resources: ["nodes"], verbs: ["get", "list", "watch"] }];
    const metadata = { name: "node-reader" };
    const kind = { apiVersion: "rbac.authorization.k8s.io/v1", kind: "ClusterRole" };
    await create("/apis/rbac.authorization.k8s.io/v1/clusterroles", { ...kind, metadata, rules });
    return metadata.name;
  }

  async function newMachine(nodeName: string): Promise<{ machine: KubeletMachine; port: number }> {
    const [port = 0] = await freePorts(1);
    const machine = new KubeletMachine({
      ...{ kubelet: kubelet ?? "", bootstrapKubeconfig, nodeName, rotateCertificates: true },
      serving: { nodeAddress: nodeAddress ?? "", port, runtimeEndpoint: runtime.endpoint },
    });
    machines.push(machine);
    return { machine, port };
  }

  test("a kubelet asks for its serving certificate, is approved by its Node object, and serves with it", async () => {
    const { machine, port } = await newMachine("real-serving");
    machine.start();
    const pem = await machine.certificate(undefined, machine.servingFile);
    const certificate = new X509Certificate(pem);
    expect(certificate.subjectAltName).toBe(`DNS:real-serving, IP Address:${nodeAddress}`);
    const [onRecord] = await administrator.certificates({ node: "real-serving", signer: SERVING });
    expect(onRecord?.serial).toBe(certificate.serialNumber.toLowerCase());
    const { items } = await administrator.decisions(onRecord?.request?.name ?? "");
    expect(items.at(-1)).toMatchObject({ outcome: "approved", hook: "kubelet-serving" });
    expect(JSON.stringify(items.at(-1))).toContain("the Node has it in status.addresses");
    expect(shownOn(`${nodeAddress}:${port}`, gatehouse.caFile)).toMatchObject({
      serialNumber: certificate.serialNumber,
      verification: "0 (ok)",
    });
  });

  test("a kubelet whose address another Node has waits for a person", async () => {
    const status = { addresses: [{ type: "InternalIP", address: nodeAddress }] };
    await create("/api/v1/nodes", { apiVersion: "v1", kind: "Node", metadata: { name: "first" } });
    await patchStatus("first", status);
    const { machine } = await newMachine("second");
    machine.start();
    await machine.certificate();
    const request = await servingRequestOf("second");
    const { items } = await administrator.decisions(request);
    expect(items.at(-1)).toMatchObject({ outcome: "pending" });
    expect(JSON.stringify(items.at(-1))).toContain("has it as well");
    await administrator.approve(request);
    await machine.certificate(undefined, machine.servingFile);
  });

  async function patchStatus(name: string, status: object): Promise<void> {
    const headers = { "content-type": "application/merge-patch+json" };
    const body = JSON.stringify({ status });
    const answer = await cluster.send("PATCH", `/api/v1/nodes/${name}/status`, { headers, body });
    if (answer.status !== 200) throw new Error(`the status of ${name}: ${answer.status} ${answer.body.toString()}`);
  }

  /** The name of a node's request for a serving certificate, once the chain has looked at it. */
  async function servingRequestOf(node: string): Promise<string> {
    for (const limit = Date.now() + LIMIT_MILLISECONDS; Date.now() < limit; await pause(100)) {
      const requests = await administrator.requests();
      const found = requests.find(({ spec }) => spec.signerName === SERVING && spec.username === `system:node:${node}`);
      const name = found?.metadata.name;
      if (name !== undefined && (await administrator.decisions(name)).items.length > 0) return name;
    }
    throw new Error(`no request of ${node}; the kubelet said:\n${machines[0]?.log().slice(-4000)}`);
  }
});

/** What openssl sees on a port. */
function shownOn(address: string, caFile: string) {
  const args = ["s_client", "-connect", address, "-CAfile", caFile];
  const output = execFileSync("openssl", args, { input: "", encoding: "utf8", stdio: ["pipe", "pipe", "ignore"] });
  const [pem = ""] = /-----BEGIN CERTIFICATE-----[\s\S]+?-----END CERTIFICATE-----/.exec(output) ?? [];
  const [, verification] = /Verify return code: (.+)/.exec(output) ?? [];
  return { serialNumber: new X509Certificate(pem).serialNumber, verification };
}
