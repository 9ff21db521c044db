import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { Agent, request } from "node:https";

import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { findProgram } from "../programs.ts";
import { freePort } from "./free-port.ts";
import { ServerProcess } from "./server-process.ts";
import { makeTestAuthority } from "./test-authority.ts";

const ADMINISTRATOR_TOKEN = "bench-administrator";
const BOOTSTRAP_TOKEN = "bench-bootstrapper";
const READY_TRIES = 300;
const READY_PAUSE_MILLISECONDS = 100;
const RBAC = "/apis/rbac.authorization.k8s.io/v1/clusterrolebindings";
/** High enough that the controller is never held back by its own client. */
const LIFTED_RATE = 5_000;

/** The three programs that do Gatehouse's work in a stock cluster. */
export interface IncumbentPrograms {
  readonly etcd: string;
  readonly apiServer: string;
  readonly controllerManager: string;
}

export interface Incumbent {
  readonly url: string;
  readonly token: string;
  readonly caPem: string;
  readonly processes: readonly ServerProcess[];
}

/** @returns undefined unless all three are there. */
export function findIncumbent(directory: string): IncumbentPrograms | undefined {
  const etcd = findProgram("etcd", directory);
  const apiServer = findProgram("kube-apiserver", directory);
  const controllerManager = findProgram("kube-controller-manager", directory);
  return etcd && apiServer && controllerManager ? { etcd, apiServer, controllerManager } : undefined;
}

/**
 * Starts etcd (with its flushes), kube-apiserver and kube-controller-manager with the controllers that approve and sign,
 * their client limits lifted, and the bindings that let a bootstrap token have its node approved.
 *
 * @param onStarted - told of each process, so that it is stopped whatever happens next.
 */
export async function startIncumbent(
  programs: IncumbentPrograms,
  parent: string,
  onStarted: (process: ServerProcess) => void,
): Promise<Incumbent> {
  const directory = join(parent, "incumbent");
  mkdirSync(directory);
  const { caCertificateFile, caKeyFile, caPem } = makeTestAuthority(directory);
  const started: ServerProcess[] = [];
  const start = async (launch: Parameters<typeof ServerProcess.start>[0]): Promise<void> => {
    const process = await ServerProcess.start(launch);
    started.push(process);
    onStarted(process);
  };
  const etcdUrl = `http://127.0.0.1:${await freePort()}`;
  const peerUrl = `http://127.0.0.1:${await freePort()}`;
  await start({
    command: programs.etcd,
    args: [
      ...[
        `--data-dir=${join(directory, "etcd")}`,
        `--listen-client-urls=${etcdUrl}`,
        `--advertise-client-urls=${etcdUrl}`,
      ],
      ...[`--listen-peer-urls=${peerUrl}`, `--initial-advertise-peer-urls=${peerUrl}`],
      `--initial-cluster=default=${peerUrl}`,
    ],
    ready: /ready to serve client requests/,
  });
  const port = await freePort();
  await start({
    command: programs.apiServer,
    args: [
      ...[`--etcd-servers=${etcdUrl}`, "--bind-address=127.0.0.1", `--secure-port=${port}`],
      ...[
        `--cert-dir=${join(directory, "apiserver")}`,
        `--token-auth-file=${writeTokens(directory)}`,
        "--authorization-mode=RBAC",
      ],
      ...["--service-account-issuer=https://bench", `--service-account-key-file=${caKeyFile}`],
      ...[`--service-account-signing-key-file=${caKeyFile}`, "--service-cluster-ip-range=10.0.0.0/24"],
    ],
    ready: /Serving securely|serving securely/,
    readyWithinMilliseconds: 60_000,
  });
  const url = `https://127.0.0.1:${port}`;
  await waitForHealth(url);
  await allowBootstrap(url);
  await start({
    command: programs.controllerManager,
    args: [
      ...[`--kubeconfig=${writeKubeconfig(directory, url)}`, "--leader-elect=false", "--secure-port=0"],
      "--controllers=certificatesigningrequest-approving-controller,certificatesigningrequest-signing-controller",
      ...[`--cluster-signing-cert-file=${caCertificateFile}`, `--cluster-signing-key-file=${caKeyFile}`],
      ...[`--kube-api-qps=${LIFTED_RATE}`, `--kube-api-burst=${LIFTED_RATE}`],
    ],
    ready: /Caches are synced[^\n]*certificate-kubelet|certificate-kubelet-client|Starting certificate controller/i,
  });
  return { url, token: BOOTSTRAP_TOKEN, caPem, processes: started };
}

function writeTokens(directory: string): string {
  const file = join(directory, "tokens.csv");
  const lines = [
    `${ADMINISTRATOR_TOKEN},administrator,1,system:masters`,
    `${BOOTSTRAP_TOKEN},system:bootstrap:abcdef,2,system:bootstrappers`,
  ];
  writeFileSync(file, `${lines.join("\n")}\n`, { mode: 0o600 });
  return file;
}

function writeKubeconfig(directory: string, url: string): string {
  const file = join(directory, "controller.kubeconfig");
  const cluster = { name: "bench", cluster: { server: url, "insecure-skip-tls-verify": true } };
  const user = { name: "bench", user: { token: ADMINISTRATOR_TOKEN } };
  const context = { name: "bench", context: { cluster: "bench", user: "bench" } };
  const kubeconfig = { apiVersion: "v1", kind: "Config", clusters: [cluster], users: [user], contexts: [context] };
  writeFileSync(file, JSON.stringify({ ...kubeconfig, "current-context": "bench" }), { mode: 0o600 });
  return file;
}

async function waitForHealth(url: string): Promise<void> {
  for (let left = READY_TRIES; left > 0; left -= 1) {
    const status = await call("GET", `${url}/readyz`, undefined).catch(() => 0);
    if (status === 200) return;
    await sleep(READY_PAUSE_MILLISECONDS);
  }
  throw new Error("kube-apiserver did not become ready");
}

/** The two bindings that kubeadm makes for joining nodes. */
async function allowBootstrap(url: string): Promise<void> {
  const roles = ["system:node-bootstrapper", "system:certificates.k8s.io:certificatesigningrequests:nodeclient"];
  for (const [index, name] of roles.entries()) {
    const binding = {
      apiVersion: "rbac.authorization.k8s.io/v1",
      kind: "ClusterRoleBinding",
      metadata: { name: `bench-${index}` },
      roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name },
      subjects: [{ apiGroup: "rbac.authorization.k8s.io", kind: "Group", name: "system:bootstrappers" }],
    };
    const status = await call("POST", `${url}${RBAC}`, binding);
    if (status !== 201) throw new Error(`the binding to ${name} was answered with ${status}`);
  }
}

async function call(method: string, url: string, body: unknown): Promise<number> {
  const agent = new Agent({ rejectUnauthorized: false });
  const headers = { authorization: `Bearer ${ADMINISTRATOR_TOKEN}`, "content-type": "application/json" };
  const sent = request(url, { method, agent, headers });
  sent.end(body === undefined ? undefined : JSON.stringify(body));
  const [response] = await once(sent, "response");
  response.resume();
  await once(response, "end");
  agent.destroy();
  return response.statusCode;
}
