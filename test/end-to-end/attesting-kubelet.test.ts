import { X509Certificate } from "node:crypto";
import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { afterAll, afterEach, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { kubeconfigText } from "../builders/kubeconfig.ts";
import { temporaryDirectory } from "../builders/temporary-directory.ts";
import { AttestingHost, startAuthority } from "./support/attesting-host.ts";
import { makeLeaf } from "./support/client-certificates.ts";
import { COMMAND_ENTRY } from "./support/gatehouse-command.ts";
import type { GatehouseProcess } from "./support/gatehouse-process.ts";
import { findKubernetesProgram } from "./support/kubernetes-programs.ts";
import { makeAuthority } from "./support/openssl-authority.ts";
import { KubeletMachine } from "./support/real-kubelet.ts";

jest.setTimeout(240_000);

const kubelet = findKubernetesProgram("kubelet");
/** A machine without a kubelet has nothing to show here; its run says so as skipped tests. */
const describeIfFound = kubelet === undefined ? describe.skip : describe;

describeIfFound("a real kubelet of a machine that attests", () => {
  const home = temporaryDirectory();
  const datacentre = makeAuthority(home, { commonName: "datacentre", kind: "ecdsa-p384" });
  const machines: KubeletMachine[] = [];
  let authority: GatehouseProcess;

  beforeAll(async () => {
    const purpose = { extendedKeyUsage: "1.3.6.1.5.5.7.3.2" };
    authority = await startAuthority([
      {
        ...{ name: "machines", attestor: "x509pop", roots: datacentre.certificateFile, purpose },
        ...{ nodeName: "{dns_san - .nodes.example}", firstUse: true },
      },
    ]);
  });
  afterEach(async () => {
    for (const machine of machines.splice(0)) await machine.remove();
  });
  afterAll(() => authority.remove());

  function evidenceOf(name: string): readonly string[] {
    const { certificateFile, keyFile } = makeLeaf(home, datacentre, {
      ...{ name, subject: `/CN=${name}` },
      extensions: [
        ...["keyUsage=critical,digitalSignature", "extendedKeyUsage=clientAuth"],
        `subjectAltName=DNS:${name}.nodes.example`,
      ],
    });
    return ["--attestor", "x509pop", "--evidence-certificate", certificateFile, "--evidence-key", keyFile];
  }

  function started(nodeName: string, bootstrapKubeconfig: string): KubeletMachine {
    const options = { kubelet: kubelet ?? "", bootstrapKubeconfig, nodeName, rotateCertificates: true };
    const machine = new KubeletMachine(options);
    machines.push(machine);
    machine.start();
    return machine;
  }

  test("it bootstraps with the certificate that join left", async () => {
    const host = new AttestingHost(authority);
    const bootstrap = host.at("bootstrap-kubelet.conf");
    const outcome = await host.join(...evidenceOf("left"), "--bootstrap-kubeconfig", bootstrap);
    expect([outcome.code, outcome.stderr]).toEqual([0, ""]);
    const certificate = new X509Certificate(await started("left", bootstrap).certificate());
    expect(certificate.subject).toBe("O=system:nodes\nCN=system:node:left");
  });

  test("it attests by its exec plugin, and no credential lies on the disk", async () => {
    const host = new AttestingHost(authority);
    const args = [COMMAND_ENTRY, ...host.command(...evidenceOf("plugged"), "--exec")];
    const exec = {
      ...{ apiVersion: "client.authentication.k8s.io/v1", command: process.execPath, args },
      interactiveMode: "Never",
    };
    const bootstrap = host.at("bootstrap-kubelet.conf");
    writeFileSync(bootstrap, kubeconfigText(authority.url, readFileSync(authority.caFile, "utf8"), { exec }));
    const certificate = new X509Certificate(await started("plugged", bootstrap).certificate());
    expect(certificate.subject).toBe("O=system:nodes\nCN=system:node:plugged");
    expect(readdirSync(host.directory)).toEqual(["bootstrap-kubelet.conf"]);
  });
});
