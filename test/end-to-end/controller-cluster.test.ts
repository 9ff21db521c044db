import { X509Certificate } from "node:crypto";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import {
  type CertificateSigningRequest,
  conditionOf,
} from "../../services/certificate-authority/domain/certificate-signing-request.ts";
import { buildCsr, type CsrArguments } from "../builders/csr.ts";
import { temporaryDirectory } from "../builders/temporary-directory.ts";
import { Administrator } from "./support/administrator.ts";
import { ControlledCluster } from "./support/controlled-cluster.ts";
import type { GatehouseProcess } from "./support/gatehouse-process.ts";
import { KubeletClient } from "./support/kubelet-client.ts";
import { findControlPlane } from "./support/real-apiserver.ts";

jest.setTimeout(240_000);

const programs = findControlPlane();
/** A machine without a control plane has nothing to show here; its run says so as skipped tests. */
const describeIfFound = programs === undefined ? describe.skip : describe;

const CLIENT = "kubernetes.io/kube-apiserver-client";

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
    cluster = await ControlledCluster.start(directory, programs);
    controller = await cluster.startController();
    administrator = new Administrator(controller.adminKubeconfig);
  });
  afterAll(async () => {
    administrator?.close();
    await cluster?.stop();
  });

  test("what a person approved is signed with the cluster's CA", async () => {
    await cluster.create("jane", personal({ commonName: "jane", organizations: ["developers"] }));
    await cluster.decide("jane", { type: "Approved", reason: "Known", message: "I know her" });
    const certificate = certificateOf(await cluster.until("jane", ({ status }) => status.certificate !== undefined));
    expect(certificate.subject).toBe("O=developers\nCN=jane");
    expect(certificate.verify(new X509Certificate(cluster.caPem).publicKey)).toBe(true);
  });

  test("what was approved and cannot be signed is marked Failed, with the reason", async () => {
    await cluster.create("server", personal({ commonName: "server" }, ["server auth"]));
    await cluster.decide("server", { type: "Approved", reason: "Mistaken", message: "" });
    const csr = await cluster.until("server", (each) => conditionOf(each, "Failed") !== undefined);
    expect(conditionOf(csr, "Failed")).toMatchObject({ reason: "SignerValidationFailure", status: "True" });
    expect(csr.status.certificate).toBeUndefined();
  });

  test("a kubelet joins with a bootstrap token, and renews with its certificate", async () => {
    const nodeName = "joining";
    const { url } = cluster.apiserver;
    const credentials = { caPem: cluster.caPem, token: cluster.bootstrapToken };
    const joining = new KubeletClient({ url, credentials, nodeName, rotateCertificates: true });
    const { certificatePem, privateKeyPem } = await joining.bootstrap();
    joining.close();
    const node = { caPem: cluster.caPem, certificatePem, privateKeyPem };
    const renewing = new KubeletClient({ url, credentials: node, nodeName, rotateCertificates: true });
    const renewed = await renewing.bootstrap();
    renewing.close();
    expect(new X509Certificate(renewed.certificatePem).subject).toBe(`O=system:nodes\nCN=system:node:${nodeName}`);
    const csr = await cluster.request(renewed.name);
    expect(conditionOf(csr, "Approved")?.message).toContain("selfnodeclient");
    const onRecord = await administrator.certificates({ node: nodeName });
    expect(onRecord.map(({ serial }) => serial)).toEqual(
      [renewed.certificatePem, certificatePem].map((pem) => new X509Certificate(pem).serialNumber.toLowerCase()),
    );
  });
});
