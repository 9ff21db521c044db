import { mkdirSync, writeFileSync } from "node:fs";
import { join, relative } from "node:path";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { temporaryDirectory } from "../builders/temporary-directory.ts";
import { CONTROLLER, ControlledCluster } from "./support/controlled-cluster.ts";
import { type Kubectl, kubectlWith } from "./support/kubectl.ts";
import { findKubernetesProgram } from "./support/kubernetes-programs.ts";
import { findControlPlane } from "./support/real-apiserver.ts";
import { CONFIG, helmRendered, kustomized, parseManifests } from "./support/rendered-manifests.ts";

jest.setTimeout(240_000);

const programs = findControlPlane();
const kubectlPath = findKubernetesProgram("kubectl");
const helm = findKubernetesProgram("helm");
/** A machine without these has nothing to show here; its run says so as skipped tests. */
const describeIfFound = programs === undefined || kubectlPath === undefined ? describe.skip : describe;
const testIfHelm = helm === undefined ? test.skip : test;

const BASE = join(CONFIG, "kubernetes");
const NAMESPACE = "gatehouse-system";
const NODES = { nodeObject: { kubeconfigFile: "/etc/gatehouse/nodes/nodes.kubeconfig" } };

/** As much of the Prometheus operator's CRD as its object needs to be taken. */
const SERVICE_MONITORS = {
  ...{ apiVersion: "apiextensions.k8s.io/v1", kind: "CustomResourceDefinition" },
  metadata: { name: "servicemonitors.monitoring.coreos.com" },
  spec: {
    ...{ group: "monitoring.coreos.com", scope: "Namespaced" },
    names: { kind: "ServiceMonitor", plural: "servicemonitors", singular: "servicemonitor" },
    versions: [
      {
        ...{ name: "v1", served: true, storage: true },
        schema: { openAPIV3Schema: { type: "object", "x-kubernetes-preserve-unknown-fields": true } },
      },
    ],
  },
};

/** Ways to loosen a pod, each of which Pod Security "restricted" refuses. */
const LOOSER = [
  { name: "root", pod: { runAsNonRoot: false, runAsUser: 0 }, container: {} },
  { name: "no seccomp profile", pod: { seccompProfile: undefined }, container: {} },
  { name: "capabilities", pod: {}, container: { capabilities: undefined } },
  { name: "more privileges by setuid", pod: {}, container: { allowPrivilegeEscalation: undefined } },
];

describeIfFound("the manifests and a real kube-apiserver", () => {
  const directory = temporaryDirectory();
  let cluster: ControlledCluster;
  let kubectl: Kubectl;

  beforeAll(async () => {
    if (programs === undefined || kubectlPath === undefined) throw new Error("no control plane");
    cluster = await ControlledCluster.start(directory, programs);
    kubectl = kubectlWith({ version: "", path: kubectlPath }, cluster.mastersKubeconfig);
    kubectl.must(["apply", "-f", "-"], { input: JSON.stringify(SERVICE_MONITORS) });
    kubectl.must(["wait", "--for=condition=Established", "crd/servicemonitors.monitoring.coreos.com"]);
    kubectl.must(["apply", "-k", BASE]);
  });
  afterAll(async () => {
    kubectl?.remove();
    await cluster?.stop();
  });

  /** Has the API server take everything, field by field, and keep nothing. */
  const taken = (text: string): string =>
    kubectl.must(["apply", "--dry-run=server", "--validate=strict", "-f", "-"], { input: text });

  /** A pod as the controller of StatefulSets would make it. */
  async function pod(name: string, ways: { readonly pod: object; readonly container: object }): Promise<void> {
    const path = `/apis/apps/v1/namespaces/${NAMESPACE}/statefulsets/gatehouse`;
    const { spec } = (await cluster.send<{ spec: { template: { spec: PodSpec } } }>("GET", path)).spec.template;
    const volumes = [...spec.volumes, { name: "data", persistentVolumeClaim: { claimName: "data-gatehouse-0" } }];
    const securityContext = { ...spec.securityContext, ...ways.pod };
    const containers = spec.containers.map((container) => ({
      ...container,
      securityContext: { ...container.securityContext, ...ways.container },
    }));
    const body = {
      apiVersion: "v1",
      kind: "Pod",
      metadata: { name },
      spec: { ...spec, volumes, securityContext, containers },
    };
    await cluster.send("POST", `/api/v1/namespaces/${NAMESPACE}/pods`, body);
  }

  test("pods of the manifests are admitted where Pod Security is restricted, looser ones are not", async () => {
    await pod("as-it-is", { pod: {}, container: {} });
    for (const { name, ...ways } of LOOSER) {
      const outcome = await pod("looser", ways).catch((error: Error) => error.message);
      expect({ name, outcome }).toMatchObject({ name, outcome: expect.stringContaining("violates PodSecurity") });
    }
  });

  test("every component is taken, together with the base", () => {
    const overlay = join(directory, "overlay");
    mkdirSync(overlay);
    // kustomize knows no absolute paths.
    const base = relative(overlay, BASE);
    const names = ["kubelet-serving", "cluster-trust-bundle", "pod-certificates", "service-monitor"];
    const components = names.map((name) => join(base, "components", name));
    writeFileSync(join(overlay, "kustomization.yaml"), JSON.stringify({ resources: [base], components }));
    const made = kustomized(kubectlPath ?? "", overlay);
    const lines = taken(made).trim().split("\n");
    expect(lines).toHaveLength(parseManifests(made).length);
    expect(lines).toContain("servicemonitor.monitoring.coreos.com/gatehouse created (server dry run)");
  });

  testIfHelm("the chart's objects are taken, as they are and with everything that it may add", () => {
    const configuration = {
      approval: { hooks: [{ "kubelet-serving": { sources: [NODES] } }] },
      cluster: { trustBundle: { configMap: {}, clusterTrustBundle: "gatehouse" } },
    };
    const more = {
      ...{ configuration, serviceMonitor: { enabled: true }, replicas: 3, image: { pullPolicy: "Always" } },
      networkPolicy: { apiServers: [{ ipBlock: { cidr: "10.0.0.10/32" } }] },
      extraVolumes: [{ name: "module", emptyDir: {} }],
      extraVolumeMounts: [{ name: "module", mountPath: "/opt/module" }],
      storage: { className: "fast", size: "10Gi" },
    };
    // What it claims cannot be changed of one that is there.
    kubectl.must(["delete", "--namespace", NAMESPACE, "statefulset/gatehouse"]);
    for (const values of [{}, more]) {
      const made = helmRendered(helm ?? "", values);
      expect(taken(made).trim().split("\n")).toHaveLength(parseManifests(made).length);
    }
  });

  test("the static pod is taken, and its user may do what the service account may", async () => {
    // A controller of kube-controller-manager makes it elsewhere.
    kubectl.must(["create", "serviceaccount", "default", "--namespace", "kube-system"]);
    const pod = kubectl.must([
      "apply",
      "--dry-run=server",
      "--validate=strict",
      "-f",
      join(BASE, "static-pod/pod.yaml"),
    ]);
    expect(pod).toContain("pod/gatehouse created");
    const mayApprove = (user: string): string => {
      const call = ["auth", "can-i", "update", "certificatesigningrequests", "--subresource=approval"];
      return kubectl.run([...call, `--as=${user}`]).stdout.trim();
    };
    const users = [CONTROLLER, "gatehouse-controller"];
    expect(users.map(mayApprove)).toEqual(["yes", "no"]);
    kubectl.must(["apply", "-k", join(BASE, "static-pod")]);
    // The same objects, whose bindings now name the user alone.
    expect(users.map(mayApprove)).toEqual(["no", "yes"]);
  });
});

interface PodSpec {
  readonly volumes: readonly object[];
  readonly securityContext: object;
  readonly containers: readonly { readonly securityContext: object }[];
}
