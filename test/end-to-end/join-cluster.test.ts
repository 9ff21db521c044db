import { readFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { temporaryDirectory } from "../builders/temporary-directory.ts";
import { AttestingHost, startAuthority } from "./support/attesting-host.ts";
import { REQUESTS_PATH } from "./support/certificate-requests-client.ts";
import { ControlledCluster } from "./support/controlled-cluster.ts";
import { type CommandOutcome, runCommand } from "./support/gatehouse-command.ts";
import { HttpsClient } from "./support/https-client.ts";
import { IdleRuntime } from "./support/idle-runtime.ts";
import { findKubernetesProgram } from "./support/kubernetes-programs.ts";
import { findControlPlane, freePorts } from "./support/real-apiserver.ts";
import { KubeletMachine } from "./support/real-kubelet.ts";

jest.setTimeout(240_000);

const LIMIT_MILLISECONDS = 60_000;
const programs = findControlPlane();
const kubelet = findKubernetesProgram("kubelet");
const nodeAddress = Object.values(networkInterfaces())
  .flatMap((addresses) => addresses ?? [])
  .find(({ family, internal }) => family === "IPv4" && !internal)?.address;
/** A kubelet that comes all the way up needs root and an address that is not loopback; see kubelet-serving-real. */
const canRun = kubelet !== undefined && nodeAddress !== undefined && process.getuid?.() === 0;
const describeIfFound = programs === undefined ? describe.skip : describe;
const testIfPossible = canRun ? test : test.skip;

describeIfFound("with a real kube-apiserver", () => {
  const directory = temporaryDirectory();
  const runtime = new IdleRuntime(join(directory, "runtime.sock"));
  let cluster: ControlledCluster;

  beforeAll(async () => {
    if (programs === undefined) throw new Error("no control plane");
    cluster = await ControlledCluster.start(directory, programs);
    await cluster.startController();
    await runtime.start();
  });
  afterAll(async () => {
    runtime.stop();
    await cluster?.stop();
  });

  function joining(nodeName: string, ...args: readonly string[]): Promise<CommandOutcome> {
    const fixed = ["join", "--kubeconfig", cluster.bootstrapKubeconfig, "--node-name", nodeName, "--log-level", "warn"];
    return runCommand("/nowhere", [...fixed, ...args]);
  }

  async function requests(): Promise<number> {
    const { items } = await cluster.send<{ items: readonly unknown[] }>("GET", REQUESTS_PATH);
    return items.length;
  }

  async function newMachine(nodeName: string, bootstrapKubeconfig: string): Promise<KubeletMachine> {
    const [port = 0] = await freePorts(1);
    return new KubeletMachine({
      ...{ kubelet: kubelet ?? "", bootstrapKubeconfig, nodeName, rotateCertificates: true },
      serving: { nodeAddress: nodeAddress ?? "", port, runtimeEndpoint: runtime.endpoint },
    });
  }

  async function registered(nodeName: string, machine: KubeletMachine): Promise<void> {
    const masters = new HttpsClient(cluster.apiserver.url, cluster.apiserver.masters);
    const until = Date.now() + LIMIT_MILLISECONDS;
    while ((await masters.send("GET", `/api/v1/nodes/${nodeName}`)).status !== 200) {
      if (Date.now() > until) throw new Error(`${nodeName} did not register:\n${machine.log()}`);
      await pause(100);
    }
    masters.close();
  }

  test("a certificate of the cluster's CA, which the API server takes for the node's", async () => {
    const files = [
      "--kubelet-kubeconfig",
      join(directory, "host", "kubelet.conf"),
      "--cert-dir",
      join(directory, "host"),
    ];
    const outcome = await joining("lonely", "--certificate", ...files);
    expect([outcome.code, outcome.stderr]).toEqual([0, ""]);
    const both = readFileSync(join(directory, "host", "kubelet-client-current.pem"), "utf8");
    const node = new HttpsClient(cluster.apiserver.url, {
      ...{ caPem: cluster.caPem, certificatePem: both, privateKeyPem: both },
    });
    // Its own Node object, which there is not yet; another's it may not read.
    expect((await node.send("GET", "/api/v1/nodes/lonely")).status).toBe(404);
    expect((await node.send("GET", "/api/v1/nodes/other")).status).toBe(403);
    node.close();
  });

  test("a token that may not ask for certificates is refused before anything is written, with what to do", async () => {
    const files = ["--kubelet-kubeconfig", join(directory, "none.conf"), "--cert-dir", join(directory, "none")];
    await cluster.send("DELETE", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings/test:kubelet-bootstrap");
    const { code, stderr } = await joining("powerless", "--certificate", ...files);
    expect([code, stderr]).toEqual([1, expect.stringContaining("does not let this credential ask for certificates")]);
    expect(stderr).toContain("system:node-bootstrapper");
    await cluster.send("POST", "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings", {
      ...{ apiVersion: "rbac.authorization.k8s.io/v1", kind: "ClusterRoleBinding" },
      metadata: { name: "test:kubelet-bootstrap" },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "system:node-bootstrapper" },
      subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "Group", name: "system:bootstrappers" }],
    });
  });

  test("a pod of the cluster attests elsewhere, by a token that the cluster makes for this challenge", async () => {
    await cluster.send("POST", "/api/v1/namespaces", { metadata: { name: "vms" } });
    await cluster.send("POST", "/api/v1/namespaces/vms/serviceaccounts", { metadata: { name: "launcher" } });
    const spec = { serviceAccountName: "launcher", containers: [{ name: "vm", image: "example.com/vm" }] };
    await cluster.send("POST", "/api/v1/namespaces/vms/pods", {
      metadata: { name: "vm-1" },
      spec: { ...spec, nodeName: "host-1", automountServiceAccountToken: false },
    });
    const kubeconfig = cluster.mastersKubeconfig;
    const authority = await startAuthority([
      {
        ...{ name: "pods", attestor: "psat", cluster: "mgmt", kubeconfig, serviceAccounts: ["vms:launcher"] },
        ...{ machine: "pod", nodeName: "{pod_name}", firstUse: true },
      },
    ]);
    const host = new AttestingHost(authority);
    const evidence = ["--evidence-kubeconfig", kubeconfig, "--service-account", "vms/launcher", "--pod", "vm-1"];
    const outcome = await host.join("--attestor", "psat", ...evidence, "--certificate");
    expect([outcome.code, outcome.stderr]).toEqual([0, ""]);
    expect(host.subject).toBe("O=system:nodes\nCN=system:node:vm-1");
    await authority.remove();
  });

  testIfPossible("a kubelet starts with the certificate that join left, without bootstrapping", async () => {
    const machine = await newMachine("prepared", join(directory, "no-such-file"));
    try {
      const files = ["--kubelet-kubeconfig", machine.kubeconfigFile, "--cert-dir", dirname(machine.currentFile)];
      const joined = await joining("prepared", "--certificate", ...files);
      expect([joined.code, joined.stderr]).toEqual([0, ""]);
      const before = readFileSync(machine.currentFile, "utf8");
      machine.start();
      await registered("prepared", machine);
      expect(readFileSync(machine.currentFile, "utf8")).toBe(before);
      expect(machine.log()).not.toContain("Using bootstrap kubeconfig");
    } finally {
      await machine.remove();
    }
  });

  testIfPossible("a kubelet bootstraps with the kubeconfig that join left", async () => {
    const bootstrap = join(directory, "etc", "bootstrap-kubelet.conf");
    const machine = await newMachine("bootstrapped", bootstrap);
    try {
      const made = await requests();
      const files = ["--kubelet-kubeconfig", machine.kubeconfigFile, "--cert-dir", dirname(machine.currentFile)];
      const args = [...files, "--bootstrap-kubeconfig", bootstrap];
      expect(await joining("bootstrapped", ...args)).toMatchObject({ code: 0, stderr: "" });
      expect(await requests()).toBe(made);
      machine.start();
      await registered("bootstrapped", machine);
      // The kubelet has its certificate now: there is nothing to prepare any more.
      const again = await joining("bootstrapped", ...args);
      expect([again.code, again.stdout]).toEqual([0, expect.stringMatching(/client certificate and key\s+was there/)]);
    } finally {
      await machine.remove();
    }
  });
});
