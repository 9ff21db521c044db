import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { networkInterfaces } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, jest, test } from "@jest/globals";
import { temporaryDirectory } from "../builders/temporary-directory.ts";
import { type Setting, send, startSetting } from "./authorizer-conformance/setting.ts";
import { IdleRuntime } from "./support/idle-runtime.ts";
import { findKubernetesProgram } from "./support/kubernetes-programs.ts";
import { findControlPlane, freePorts } from "./support/real-apiserver.ts";

jest.setTimeout(240_000);

const PATIENCE_MILLISECONDS = 60_000;
const programs = findControlPlane();
const kubelet = findKubernetesProgram("kubelet");
const address = Object.values(networkInterfaces())
  .flatMap((addresses) => addresses ?? [])
  .find(({ family, internal }) => family === "IPv4" && !internal)?.address;
/** It takes a control plane, a kubelet, an address that is not loopback, and root: a kubelet mounts what its pods read. */
const canRun = programs !== undefined && kubelet !== undefined && address !== undefined && process.getuid?.() === 0;

/** The volume that is added to each pod, for the token of its service account. */
interface TokenVolume {
  readonly name: string;
  readonly projected: { readonly sources: readonly { readonly configMap?: { readonly name: string } }[] };
}

(canRun ? describe : describe.skip)("a real kubelet behind mode full", () => {
  const directory = temporaryDirectory();
  const inDirectory = (...names: string[]): string => join(directory, ...names);
  const runtime = new IdleRuntime(inDirectory("runtime.sock"));
  let setting: Setting;
  let running: ChildProcess | undefined;
  let log = "";

  beforeAll(async () => {
    if (programs === undefined) return;
    setting = await startSetting(programs, directory, "");
    await runtime.start();
    mkdirSync(inDirectory("static"));
    writeFileSync(inDirectory("static", "web.json"), JSON.stringify(pod("web", {})));
    writeFileSync(inDirectory("kubelet.kubeconfig"), setting.kubeconfig("/O=system:nodes/CN=system:node:real"));
    const [port] = await freePorts(1);
    writeFileSync(inDirectory("kubelet.yaml"), configuration(port ?? 0));
    const child = spawn(kubelet ?? "", [
      ...["--kubeconfig", inDirectory("kubelet.kubeconfig"), "--config", inDirectory("kubelet.yaml")],
      ...["--root-dir", inDirectory("root"), "--cert-dir", inDirectory("pki"), "--hostname-override", "real"],
    ]);
    child.stderr.setEncoding("utf8").on("data", (chunk: string) => {
      log += chunk;
    });
    running = child;
  });
  afterAll(async () => {
    if (running !== undefined && running.exitCode === null) {
      running.kill("SIGKILL");
      await once(running, "exit");
    }
    runtime.stop();
    await setting?.stop();
    const mounts = readFileSync("/proc/self/mounts", "utf8")
      .split("\n")
      .map((line) => line.split(" ")[1] ?? "");
    for (const path of mounts.filter((each) => each.startsWith(directory)).toReversed()) execFileSync("umount", [path]);
  });

  function core(kind: string, name: string, rest: object) {
    return { apiVersion: "v1", kind, metadata: { name, namespace: "shop" }, ...rest };
  }

  function pod(name: string, spec: object) {
    const containers = [{ name: "c", image: "example.com/c", volumeMounts: [{ name: "v", mountPath: "/v" }] }];
    return core("Pod", name, { spec: { containers, volumes: [{ name: "v", emptyDir: {} }], ...spec } });
  }

  /** JSON is YAML. */
  function configuration(port: number): string {
    return JSON.stringify({
      apiVersion: "kubelet.config.k8s.io/v1beta1",
      kind: "KubeletConfiguration",
      ...{ failCgroupV1: false, failSwapOn: false, cgroupsPerQOS: false, makeIPTablesUtilChains: false },
      ...{ enforceNodeAllocatable: [], address, port, healthzPort: 0 },
      ...{ podLogsDir: inDirectory("pod-logs"), staticPodPath: inDirectory("static") },
      containerRuntimeEndpoint: runtime.endpoint,
      authentication: { anonymous: { enabled: false }, webhook: { enabled: false } },
      authorization: { mode: "AlwaysAllow" },
    });
  }

  async function until(what: string, isSo: () => boolean | Promise<boolean>): Promise<void> {
    for (const limit = Date.now() + PATIENCE_MILLISECONDS; !(await isSo()); await pause(200)) {
      if (Date.now() > limit) throw new Error(`waited in vain for ${what}; the kubelet said:\n${log.slice(-6000)}`);
    }
  }

  const isThere = async (path: string): Promise<boolean> => (await setting.ours.send("GET", path)).status === 200;

  test("it registers, keeps its lease, shows its static pod, and mounts what its pod reads; nothing is refused", async () => {
    for (const path of [
      "/api/v1/nodes/real",
      "/apis/coordination.k8s.io/v1/namespaces/kube-node-lease/leases/real",
      "/apis/storage.k8s.io/v1/csinodes/real",
      "/api/v1/namespaces/shop/pods/web-real",
    ]) {
      await until(path, () => isThere(path));
    }
    const create = async (plural: string, object: object) => {
      const { status, body } = await send(setting.ours, "POST", `/api/v1/namespaces/shop/${plural}`, object);
      expect(status).toBe(201);
      return JSON.parse(body.toString());
    };
    await create("secrets", core("Secret", "own", { stringData: { password: "x" } }));
    const reads = [{ name: "v", secret: { secretName: "own" } }];
    const { metadata, spec } = await create("pods", pod("reader", { nodeName: "real", volumes: reads }));
    const token: TokenVolume = spec.volumes.find(({ projected }: Partial<TokenVolume>) => projected !== undefined);
    // What goes with a token is published by controllers, of which there are none here.
    for (const name of token.projected.sources.flatMap(({ configMap }) => configMap?.name ?? [])) {
      await create("configmaps", core("ConfigMap", name, { data: { "ca.crt": "x", "service-ca.crt": "x" } }));
    }
    const volumes = inDirectory("root", "pods", metadata.uid, "volumes");
    const mounted = [
      join("kubernetes.io~secret", "v", "password"),
      join("kubernetes.io~projected", token.name, "token"),
    ];
    for (const file of mounted) await until(file, () => existsSync(join(volumes, file)));
    expect(log).not.toMatch(/forbidden|denied the request/i);
  });
});
