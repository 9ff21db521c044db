import { execFileSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { copyFileSync, readFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { buildCsr } from "../builders/csr.ts";
import { temporaryDirectory } from "../builders/temporary-directory.ts";
import { Administrator } from "./support/administrator.ts";
import type { BackgroundProcess } from "./support/background-process.ts";
import { configurationWith } from "./support/configuration.ts";
import { ControlledCluster } from "./support/controlled-cluster.ts";
import { runCommand } from "./support/gatehouse-command.ts";
import { type GatehouseProcess, startGatehouse } from "./support/gatehouse-process.ts";
import { findKubernetesProgram } from "./support/kubernetes-programs.ts";
import { findControlPlane } from "./support/real-apiserver.ts";
import { startSigningController } from "./support/real-signing-controller.ts";

jest.setTimeout(240_000);

const programs = findControlPlane();
const kubectl = findKubernetesProgram("kubectl");
/** A machine without a control plane has nothing to show here; its run says so as skipped tests. */
const describeIfFound = programs === undefined || kubectl === undefined ? describe.skip : describe;

const SIGNER = "kubernetes.io/kube-apiserver-client-kubelet";
const USAGES = ["digital signature", "client auth"];
const THEIRS = /^Auto approving /;

const MANIFESTS = join(import.meta.dirname, "../../config/kubernetes");

interface Report {
  readonly checks: readonly {
    readonly id: string;
    readonly findings: readonly { readonly outcome: string; readonly subject: string }[];
  }[];
}

/** The way of config/kubernetes/by-hand.md. */
describeIfFound("a cluster that is moved over from kube-controller-manager, and back", () => {
  const directory = temporaryDirectory();
  let cluster: ControlledCluster;
  let manager: BackgroundProcess | undefined;
  let controller: GatehouseProcess;
  let joins = 0;
  const controllerKubeconfig = (): string => join(directory, "controller.kubeconfig");

  beforeAll(async () => {
    if (programs === undefined) throw new Error("no control plane");
    cluster = await ControlledCluster.start(directory, programs);
    startManager();
  });
  afterAll(async () => {
    await controller?.remove();
    await manager?.stop();
    await cluster?.stop();
  });

  /** All that it does with requests, by the cluster's own CA. */
  function startManager(): void {
    if (programs === undefined) throw new Error("no control plane");
    const { apiserver, authority } = cluster;
    manager = startSigningController({
      ...{ programs, directory, apiserver, kubelets: authority, clients: authority },
      controllers: ["csrapproving", "csrcleaner"],
    });
  }

  /** @returns what the condition says of the approval of a node's request, once it has its certificate. */
  async function joined(): Promise<string> {
    joins += 1;
    const name = `node-${joins}`;
    const csr = { commonName: `system:node:${name}`, organizations: ["system:nodes"] };
    await cluster.create(name, { request: buildCsr(csr).requestBase64, signerName: SIGNER, usages: USAGES });
    const { status } = await cluster.until(name, (each) => each.status.certificate !== undefined);
    return status.conditions?.find(({ type }) => type === "Approved")?.message ?? "";
  }

  /** The checks of the doctor that are errors. */
  async function errors(): Promise<readonly string[]> {
    const { dataDirectory, adminKubeconfig } = controller;
    const place = ["--data-dir", dataDirectory, "--config", join(dataDirectory, "configuration.yaml")];
    const asked = [
      "--cluster",
      cluster.mastersKubeconfig,
      "--controller-user",
      "gatehouse-controller",
      "--only",
      "cluster",
    ];
    const { stdout } = await runCommand(adminKubeconfig, ["doctor", ...place, ...asked, "-o", "json"]);
    const { checks } = JSON.parse(stdout) as Report;
    return checks.filter(({ findings }) => findings.some(({ outcome }) => outcome === "error")).map(({ id }) => id);
  }

  test("before, kube-controller-manager approves and signs", async () => {
    expect(await joined()).toMatch(THEIRS);
  });

  test("the commands of the guide make a credential that may do what is needed, and no more", async () => {
    const guide = readFileSync(join(MANIFESTS, "by-hand.md"), "utf8");
    const [, block = ""] = /```sh\n(.*?)```/s.exec(guide) ?? [];
    const commands = block
      .replaceAll(/^ {3}/gm, "")
      .replaceAll("config/kubernetes/static-pod", join(MANIFESTS, "static-pod"))
      .replaceAll("https://127.0.0.1:6443", cluster.apiserver.url);
    copyFileSync(cluster.authority.certificateFile, join(directory, "ca.crt"));
    const PATH = `${dirname(kubectl ?? "")}:${process.env["PATH"]}`;
    const environment = { ...process.env, PATH, KUBECONFIG: cluster.mastersKubeconfig };
    execFileSync("bash", ["-euo", "pipefail", "-c", commands], { cwd: directory, env: environment, stdio: "pipe" });
    const rights = ["--only", "cluster.rights", "--only", "cluster.excess-rights"];
    const place = ["--config", join(MANIFESTS, "static-pod/gatehouse.yaml"), "--data-dir", directory];
    const asked = ["doctor", ...place, ...rights, "--cluster", controllerKubeconfig(), "-o", "json"];
    const { stdout } = await runCommand(cluster.mastersKubeconfig, asked);
    const found = (JSON.parse(stdout) as Report).checks.flatMap(({ findings }) => findings);
    expect(found).toMatchObject(
      ["gatehouse-controller", "gatehouse-controller"].map((subject) => ({ outcome: "ok", subject })),
    );
  });

  test("started beside it, Gatehouse leads, nobody waits, and the doctor tells that two decide", async () => {
    const { certificateFile, keyFile } = cluster.authority;
    controller = await startGatehouse({
      command: ["controller", "--kubeconfig", controllerKubeconfig()],
      configuration: configurationWith({
        issuer: { import: { certificateFile, keyFile } },
        approval: { hooks: [{ "kubelet-client": {} }] },
        cluster: { leaderElection: { retryPeriodSeconds: 0.3 } },
      }),
    });
    for (let count = 0; count < 20; count += 1) await joined();
    expect(await errors()).toEqual(["cluster.requests"]);
  });

  test("once kube-controller-manager is without its controllers, Gatehouse alone approves and signs", async () => {
    await manager?.stop();
    expect(await joined()).not.toMatch(THEIRS);
    const administrator = new Administrator(controller.adminKubeconfig);
    const onRecord = new Set((await administrator.certificates({ signer: SIGNER })).map(({ serial }) => serial));
    // What the other has signed before is on record too.
    for (let join = 1; join <= joins; join += 1) {
      const { status } = await cluster.request(`node-${join}`);
      const { serialNumber } = new X509Certificate(Buffer.from(status.certificate ?? "", "base64"));
      expect(onRecord).toContain(serialNumber.toLowerCase());
    }
    administrator.close();
  });

  test("back again: kube-controller-manager goes on where Gatehouse has stopped", async () => {
    startManager();
    await controller.stop();
    expect(await joined()).toMatch(THEIRS);
    expect(await errors()).toEqual(["cluster.leader", "cluster.requests"]);
  });
});
