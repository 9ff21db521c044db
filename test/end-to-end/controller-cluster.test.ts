import { X509Certificate } from "node:crypto";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import {
  type CertificateSigningRequest,
  conditionOf,
} from "../../services/certificate-authority/domain/certificate-signing-request.ts";
import { buildCsr, type CsrArguments } from "../builders/csr.ts";
import { temporaryDirectory } from "../builders/temporary-directory.ts";
import { Administrator } from "./support/administrator.ts";
import { REQUESTS_PATH, RefusedError } from "./support/certificate-requests-client.ts";
import { ControlledCluster, grantedCalls } from "./support/controlled-cluster.ts";
import { auditArguments, controllerCalls } from "./support/controller-calls.ts";
import type { GatehouseProcess } from "./support/gatehouse-process.ts";
import { findKubectls, kubectlWith } from "./support/kubectl.ts";
import { KubeletClient, type NodeCertificate } from "./support/kubelet-client.ts";
import { findKubernetesProgram } from "./support/kubernetes-programs.ts";
import { findControlPlane } from "./support/real-apiserver.ts";
import { KubeletMachine } from "./support/real-kubelet.ts";
import { requestManifest } from "./support/request-manifest.ts";

jest.setTimeout(240_000);

const programs = findControlPlane();
const kubelet = findKubernetesProgram("kubelet");
const [kubectlBinary] = findKubectls();
/** A machine without these has nothing to show here; its run says so as skipped tests. */
const describeIfFound = programs === undefined ? describe.skip : describe;
const testIfKubelet = kubelet === undefined ? test.skip : test;
const testIfKubectl = kubectlBinary === undefined ? test.skip : test;

const CLIENT = "kubernetes.io/kube-apiserver-client";
const TWO_HOURS_AGO = new Date(Date.now() - 7_200_000).toISOString().replace(/\.\d+Z$/, "Z");

function personal(csr: CsrArguments, usages: readonly string[] = ["client auth"]) {
  return { request: buildCsr(csr).requestBase64, signerName: CLIENT, usages };
}

const certificateOf = ({ status }: CertificateSigningRequest): X509Certificate =>
  new X509Certificate(Buffer.from(status.certificate ?? "", "base64"));

describeIfFound("gatehouse controller and a real kube-apiserver", () => {
  const directory = temporaryDirectory();
  let cluster: ControlledCluster;
  let controller: GatehouseProcess;
  let administrator: Administrator;

  beforeAll(async () => {
    if (programs === undefined) throw new Error("no control plane");
    cluster = await ControlledCluster.start(directory, programs, [
      ...auditArguments(directory),
      ...["--feature-gates=ClusterTrustBundle=true", "--runtime-config=certificates.k8s.io/v1beta1=true"],
    ]);
    const sources = [{ nodeObject: { kubeconfigFile: cluster.controllerKubeconfig } }];
    controller = await cluster.startController({
      cleaner: { intervalSeconds: 2 },
      approval: { hooks: [{ manual: {} }, { "kubelet-client": {} }, { "kubelet-serving": { sources } }] },
      cluster: {
        events: "all",
        leaderElection: { retryPeriodSeconds: 0.3 },
        trustBundle: { configMap: {}, clusterTrustBundle: "gatehouse" },
      },
    });
    administrator = new Administrator(controller.adminKubeconfig);
  });
  afterAll(async () => {
    administrator?.close();
    await cluster?.stop();
  });

  async function joined(nodeName: string): Promise<NodeCertificate> {
    const credentials = { caPem: cluster.caPem, token: cluster.bootstrapToken };
    const joining = new KubeletClient({ url: cluster.apiserver.url, credentials, nodeName, rotateCertificates: true });
    const certificate = await joining.bootstrap();
    joining.close();
    return certificate;
  }

  function nodeClient(nodeName: string, { certificatePem, privateKeyPem }: NodeCertificate): KubeletClient {
    const credentials = { caPem: cluster.caPem, certificatePem, privateKeyPem };
    return new KubeletClient({ url: cluster.apiserver.url, credentials, nodeName, rotateCertificates: true });
  }

  /** Waits until something was decided on a request. */
  async function decisionOn(name: string): Promise<{ readonly outcome: string } | undefined> {
    for (;;) {
      const { items } = await administrator.decisions(name).catch(() => ({ items: [] }));
      if (items.length > 0) return items.at(-1);
      await pause(50);
    }
  }

  /** Waits for an event on an object. */
  async function event(kind: string, name: string, reason: string): Promise<{ note: string; type: string }> {
    interface Event {
      readonly reason: string;
      readonly note: string;
      readonly type: string;
      readonly regarding: { readonly kind: string; readonly name: string };
    }
    for (;;) {
      const { items } = await cluster.send<{ items: Event[] }>(
        "GET",
        "/apis/events.k8s.io/v1/namespaces/default/events",
      );
      const found = items.find(
        (each) => each.regarding.kind === kind && each.regarding.name === name && each.reason === reason,
      );
      if (found !== undefined) return found;
      await pause(50);
    }
  }

  test("what a person approved is signed with the cluster's CA", async () => {
    await cluster.create("jane", personal({ commonName: "jane", organizations: ["developers"] }));
    await cluster.decide("jane", { type: "Approved", reason: "Known", message: "I know her" });
    const certificate = certificateOf(await cluster.until("jane", ({ status }) => status.certificate !== undefined));
    expect(certificate.subject).toBe("O=developers\nCN=jane");
    expect(certificate.verify(new X509Certificate(cluster.caPem).publicKey)).toBe(true);
    const settled = { outcome: "approved", decidedBy: "others", reason: "Known", message: "I know her" };
    expect((await administrator.decisions("jane")).items).toContainEqual(expect.objectContaining(settled));
    expect((await event("CertificateSigningRequest", "jane", "CertificateIssued")).note).toContain(
      certificate.serialNumber.toLowerCase(),
    );
  });

  testIfKubectl("kubectl creates, approves and denies; what was denied is never signed", async () => {
    const kubectl = kubectlWith(kubectlBinary ?? { version: "", path: "" }, cluster.mastersKubeconfig);
    for (const name of ["approved-by-kubectl", "denied-by-kubectl"]) {
      kubectl.must(["create", "-f", "-"], { input: requestManifest({ name }) });
    }
    kubectl.must(["certificate", "deny", "denied-by-kubectl"]);
    kubectl.must(["certificate", "approve", "approved-by-kubectl"]);
    await cluster.until("approved-by-kubectl", ({ status }) => status.certificate !== undefined);
    expect(kubectl.must(["get", "csr", "approved-by-kubectl"])).toContain("Approved,Issued");
    const denied = await cluster.request("denied-by-kubectl");
    expect(denied.status.certificate).toBeUndefined();
    kubectl.remove();
  });

  test("what was approved and cannot be signed is marked Failed, with the reason", async () => {
    await cluster.create("server", personal({ commonName: "server" }, ["server auth"]));
    await cluster.decide("server", { type: "Approved", reason: "Mistaken", message: "" });
    const csr = await cluster.until("server", (each) => conditionOf(each, "Failed") !== undefined);
    expect(conditionOf(csr, "Failed")).toMatchObject({ reason: "SignerValidationFailure", status: "True" });
    expect(csr.status.certificate).toBeUndefined();
    expect(await event("CertificateSigningRequest", "server", "SignerValidationFailure")).toMatchObject({
      type: "Warning",
    });
  });

  test("a kubelet joins with a bootstrap token, and renews with its certificate", async () => {
    const nodeName = "joining";
    const first = await joined(nodeName);
    const renewing = nodeClient(nodeName, first);
    const renewed = await renewing.bootstrap();
    renewing.close();
    expect(new X509Certificate(renewed.certificatePem).subject).toBe(`O=system:nodes\nCN=system:node:${nodeName}`);
    const csr = await cluster.request(renewed.name);
    expect(conditionOf(csr, "Approved")?.message).toContain("selfnodeclient");
    const onRecord = await administrator.certificates({ node: nodeName });
    expect(onRecord.map(({ serial }) => serial)).toEqual(
      [renewed, first].map(({ certificatePem }) => new X509Certificate(certificatePem).serialNumber.toLowerCase()),
    );
    await event("Node", nodeName, "CertificateIssued");
  });

  test("a node gets a serving certificate for the addresses of its Node, and none for others", async () => {
    const nodeName = "serving";
    const node = nodeClient(nodeName, await joined(nodeName));
    const path = "/api/v1/nodes";
    await cluster.send("POST", path, { apiVersion: "v1", kind: "Node", metadata: { name: nodeName } });
    const addresses = [{ type: "InternalIP", address: "10.1.2.3" }];
    const read = await cluster.send<{ status: object }>("GET", `${path}/${nodeName}`);
    await cluster.send("PUT", `${path}/${nodeName}/status`, { ...read, status: { ...read.status, addresses } });
    const { name } = await node.submitServing({ dnsNames: [], ipAddresses: ["10.1.2.3"] });
    const issued = await cluster.until(name, ({ status }) => status.certificate !== undefined);
    expect(certificateOf(issued).subjectAltName).toBe("IP Address:10.1.2.3");
    const other = await node.submitServing({ dnsNames: [], ipAddresses: ["10.9.9.9"] });
    expect(await decisionOn(other.name)).toMatchObject({ outcome: "pending" });
    expect((await cluster.request(other.name)).status).toEqual({});
    node.close();
  });

  testIfKubelet("a real kubelet joins", async () => {
    const machine = new KubeletMachine({
      ...{ kubelet: kubelet ?? "", bootstrapKubeconfig: cluster.bootstrapKubeconfig },
      ...{ nodeName: "real", rotateCertificates: true },
    });
    machine.start();
    const certificate = new X509Certificate(await machine.certificate());
    expect(certificate.subject).toBe("O=system:nodes\nCN=system:node:real");
    expect(certificate.verify(new X509Certificate(cluster.caPem).publicKey)).toBe(true);
    await machine.remove();
  });

  test("the cleaner deletes what has outlived its use, also of other signers; the record stays", async () => {
    await cluster.create("foreign", { ...personal({ commonName: "x" }), signerName: "example.com/theirs" });
    await cluster.create("outlived", personal({ commonName: "x" }));
    for (const name of ["foreign", "outlived"]) {
      const csr = await cluster.request(name);
      const denied = { type: "Denied", status: "True", reason: "No", lastUpdateTime: TWO_HOURS_AGO };
      await cluster.send("PUT", `${REQUESTS_PATH}/${name}/approval`, { ...csr, status: { conditions: [denied] } });
    }
    const isGone = (name: string): Promise<boolean> =>
      cluster.request(name).then(
        () => false,
        () => true,
      );
    while (!((await isGone("foreign")) && (await isGone("outlived")))) await pause(50);
    const onRecord = await administrator.certificates();
    expect(onRecord.map(({ request }) => request?.name)).toContain("jane");
    const joined = onRecord.find(({ nodeName, request }) => nodeName !== undefined && request !== undefined);
    const { items } = await administrator.decisions(joined?.request?.name ?? "nobody joined");
    expect(items.length).toBeGreaterThan(0);
  });

  test("the trust bundle is in the cluster's objects", async () => {
    const configMap = await cluster.send<{ data: Record<string, string> }>(
      "GET",
      "/api/v1/namespaces/kube-public/configmaps/gatehouse-trust-bundle",
    );
    expect(configMap.data["ca.crt"]).toBe(cluster.caPem);
    const bundle = await cluster.send<{ spec: { trustBundle: string } }>(
      "GET",
      "/apis/certificates.k8s.io/v1beta1/clustertrustbundles/gatehouse",
    );
    expect(bundle.spec.trustBundle).toBe(cluster.caPem);
  });

  test("requests are not made on our side of it", async () => {
    const spec = { ...personal({ commonName: "x" }), username: "", groups: [] };
    const refused = administrator.submit({ metadata: { generateName: "x-" }, spec });
    await expect(refused).rejects.toBeInstanceOf(RefusedError);
  });

  test("every call is one that the manifests allow, and everything that they allow is used", async () => {
    await administrator.removeRequest("jane");
    const calls = controllerCalls(directory);
    expect(calls.refused).toEqual([]);
    expect(grantedCalls().filter((granted) => !calls.allowed.has(granted) && !WITHOUT_A_CALL.has(granted))).toEqual([]);
  });
});

/** Bundles are updated when an issuer is replaced, requests are read one by one after a conflict. */
const WITHOUT_A_CALL: ReadonlySet<string> = new Set([
  ...["update configmaps", "update clustertrustbundles", "get certificatesigningrequests"],
]);
