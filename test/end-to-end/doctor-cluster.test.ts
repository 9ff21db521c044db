import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { buildCsr } from "../builders/csr.ts";
import { temporaryDirectory } from "../builders/temporary-directory.ts";
import type { BackgroundProcess } from "./support/background-process.ts";
import { CONTROLLER, ControlledCluster } from "./support/controlled-cluster.ts";
import { runCommand } from "./support/gatehouse-command.ts";
import type { GatehouseProcess } from "./support/gatehouse-process.ts";
import { makeAuthority } from "./support/openssl-authority.ts";
import { findControlPlane } from "./support/real-apiserver.ts";
import { startSigningController } from "./support/real-signing-controller.ts";

jest.setTimeout(240_000);

const programs = findControlPlane();
/** A machine without a control plane has nothing to show here; its run says so as skipped tests. */
const describeIfFound = programs === undefined ? describe.skip : describe;

const CLIENT = "kubernetes.io/kube-apiserver-client-kubelet";

interface Finding {
  readonly outcome: string;
  readonly subject: string;
  readonly finding: string;
}

describeIfFound("gatehouse doctor --cluster and a real kube-apiserver", () => {
  const directory = temporaryDirectory();
  let cluster: ControlledCluster;
  let controller: GatehouseProcess;
  let controllerManager: BackgroundProcess | undefined;

  beforeAll(async () => {
    if (programs === undefined) throw new Error("no control plane");
    cluster = await ControlledCluster.start(directory, programs, [
      ...["--feature-gates=ClusterTrustBundle=true", "--runtime-config=certificates.k8s.io/v1beta1=true"],
    ]);
    const sources = [{ nodeObject: { kubeconfigFile: cluster.controllerKubeconfig } }];
    controller = await cluster.startController({
      approval: { hooks: [{ manual: {} }, { "kubelet-client": {} }, { "kubelet-serving": { sources } }] },
      cluster: {
        leaderElection: { retryPeriodSeconds: 0.3 },
        trustBundle: { configMap: {}, clusterTrustBundle: "gatehouse" },
      },
    });
  });
  afterAll(async () => {
    await controllerManager?.stop();
    await cluster?.stop();
  });

  /** What every check of the cluster found, by its id. */
  async function doctor(kubeconfig: string, ...args: readonly string[]) {
    const { dataDirectory, adminKubeconfig } = controller;
    const place = ["--data-dir", dataDirectory, "--config", join(dataDirectory, "configuration.yaml")];
    const fixed = ["doctor", ...place, "--only", "cluster", "-o", "json", "--cluster", kubeconfig];
    const { code, stdout, stderr } = await runCommand(adminKubeconfig, [...fixed, ...args]);
    interface Report {
      readonly checks: readonly { readonly id: string; readonly findings: readonly Finding[] }[];
    }
    if (stdout === "") throw new Error(stderr);
    const { checks } = JSON.parse(stdout) as Report;
    return { code, found: Object.fromEntries(checks.map(({ id, findings }) => [id, findings])) };
  }

  const asController = () => doctor(cluster.controllerKubeconfig);
  const asAdministrator = () => doctor(cluster.mastersKubeconfig, "--controller-user", CONTROLLER);
  const outcomes = (found: Readonly<Record<string, readonly Finding[]>>) =>
    Object.fromEntries(
      Object.entries(found).map(([id, each]) => [id, [...new Set(each.map(({ outcome }) => outcome))]]),
    );

  test("with the controller's own rights, what it needs is well, and what it may not see is said", async () => {
    const { code, found } = await asController();
    expect(outcomes(found)).toEqual({
      "cluster.reachable": ["ok"],
      "cluster.clock": ["ok"],
      "cluster.apis": ["ok"],
      "cluster.rights": ["ok"],
      "cluster.excess-rights": ["ok"],
      "cluster.trust": ["skipped"],
      "cluster.leader": ["ok"],
      "cluster.controller-manager": ["skipped"],
      "cluster.approvers": ["skipped"],
      "cluster.requests": ["ok"],
      "cluster.webhooks": ["skipped"],
    });
    expect(found["cluster.reachable"]).toMatchObject([
      { finding: expect.stringMatching(`^Kubernetes v1\\..*${CONTROLLER}$`) },
    ]);
    expect(code).toBe(0);
  });

  test("an administrator sees everything, and asks for the controller", async () => {
    const { code, found } = await asAdministrator();
    expect(found["cluster.rights"]).toMatchObject([{ outcome: "ok", subject: CONTROLLER }]);
    expect(found["cluster.excess-rights"]).toMatchObject([{ outcome: "ok", subject: CONTROLLER }]);
    expect(found["cluster.trust"]?.[0]).toMatchObject({
      ...{ outcome: "ok", subject: "kube-apiserver --client-ca-file" },
    });
    // As kubeadm binds it.
    expect(found["cluster.approvers"]).toMatchObject([
      { outcome: "warning", subject: "Group system:bootstrappers", finding: expect.stringContaining("any first join") },
    ]);
    expect(found["cluster.webhooks"]).toMatchObject([{ outcome: "ok" }]);
    expect(code).toBe(0);
  });

  test("a right that was taken away is an error that names the call", async () => {
    const path = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/gatehouse-controller-nodes";
    const binding = await cluster.send<{ metadata: object }>("GET", path);
    await cluster.send("DELETE", path);
    const { code, found } = await asController();
    expect(found["cluster.rights"]?.map(({ finding }) => finding)).toEqual(
      ["get", "list", "watch"].map((verb) => `may not ${verb} nodes`),
    );
    expect(code).toBe(1);
    const { name } = binding.metadata as { name: string };
    await cluster.send("POST", path.replace(`/${name}`, ""), { ...binding, metadata: { name } });
    expect((await asController()).found["cluster.rights"]).toMatchObject([{ outcome: "ok" }]);
  });

  test("where the controller stopped and kube-controller-manager decides and signs, both are errors", async () => {
    if (programs === undefined) throw new Error("no control plane");
    await controller.stop();
    const authority = makeAuthority(directory, { commonName: "another-ca", kind: "ecdsa-p384" });
    const { apiserver } = cluster;
    const signing = { programs, directory, apiserver, kubelets: authority, clients: authority };
    controllerManager = startSigningController({
      ...{ ...signing, controllers: ["certificatesigningrequest-approving-controller"] },
    });
    const { requestBase64: request } = buildCsr({ commonName: "system:node:w", organizations: ["system:nodes"] });
    // Masters may create all that there is, so what they ask for is approved.
    await cluster.create("w", { request, signerName: CLIENT, usages: ["digital signature", "client auth"] });
    await cluster.until("w", ({ status }) => status.certificate !== undefined);
    const { code, found } = await asController();
    expect(found["cluster.leader"]).toMatchObject([{ outcome: "error", finding: "is held by nobody: requests wait" }]);
    expect(found["cluster.requests"]).toMatchObject([
      { outcome: "error", finding: "approved by kube-controller-manager, within the last 15 minutes: w" },
      { outcome: "error", finding: "signed by a CA that is none of ours, within the last 15 minutes: w" },
    ]);
    expect(code).toBe(1);
  });
});
