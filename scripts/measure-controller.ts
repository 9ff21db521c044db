/**
 * How long a cluster waits for many certificates at once: `node scripts/measure-controller.ts [REQUESTS]`, 5,000 without a
 * number. Creates so many requests of kubelets in a real kube-apiserver (`KUBEBUILDER_ASSETS`) while nobody decides, then
 * starts `gatehouse controller` on them, and on as many others kube-controller-manager, with its own limits and with
 * raised ones. The CA's key is one of RSA 2048, as kubeadm makes it. Tells the time from the start of the program to the last
 * certificate, calls and memory. Leaves nothing.
 */
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { startBackground } from "../test/end-to-end/support/background-process.ts";
import { REQUESTS_PATH } from "../test/end-to-end/support/certificate-requests-client.ts";
import { ControlledCluster } from "../test/end-to-end/support/controlled-cluster.ts";
import { findControlPlane, type KubernetesPrograms } from "../test/end-to-end/support/real-apiserver.ts";
import { RequestPool } from "./bench/load/request-pool.ts";
import { cpuMicroseconds, peakMemoryBytes } from "./bench/process-accounts.ts";

const SIGNER = "kubernetes.io/kube-apiserver-client-kubelet";
const CREATED_TOGETHER = 64;
/** Of kube-controller-manager as it is: at 20 calls a second all of them would take too long to wait for. */
const REQUESTS_WITH_OWN_LIMITS = 200;

interface Running {
  readonly pid: number;
  hasEnded(): boolean;
  stop(): Promise<unknown>;
}

interface Candidate {
  readonly name: string;
  readonly requests: number;
  readonly start: (cluster: ControlledCluster) => Promise<Running>;
}

function managerOf(programs: KubernetesPrograms, more: readonly string[]): Candidate["start"] {
  return async (cluster) => {
    const { certificateFile, keyFile } = cluster.authority;
    const manager = startBackground(programs["kube-controller-manager"], [
      // With the same rights, and the same share of the API server.
      `--kubeconfig=${cluster.controllerKubeconfig}`,
      "--controllers=certificatesigningrequest-approving-controller,certificatesigningrequest-signing-controller",
      ...["--leader-elect=false", "--secure-port=0", ...more],
      ...[`--cluster-signing-cert-file=${certificateFile}`, `--cluster-signing-key-file=${keyFile}`],
    ]);
    return manager;
  };
}

function candidates(programs: KubernetesPrograms, requests: number): readonly Candidate[] {
  const settings = {
    approval: { guards: { firstJoin: "allow" }, hooks: [{ "kubelet-client": {} }] },
    log: { level: "warn" },
  };
  return [
    { name: "gatehouse controller", requests, start: (cluster) => cluster.startController(settings) },
    {
      name: "kube-controller-manager, limits raised",
      requests,
      start: managerOf(programs, ["--kube-api-qps=10000", "--kube-api-burst=10000"]),
    },
    {
      name: "kube-controller-manager",
      requests: Math.min(requests, REQUESTS_WITH_OWN_LIMITS),
      start: managerOf(programs, []),
    },
  ];
}

async function createAll(cluster: ControlledCluster, count: number): Promise<void> {
  const pool = new RequestPool();
  pool.prepare(count);
  let next = 0;
  const create = async (): Promise<void> => {
    for (let index = next++; index < count; index = next++) {
      const request = Buffer.from(pool.at(index).pem).toString("base64");
      const usages = ["digital signature", "client auth"];
      await cluster.create(`measured-${index}`, { request, signerName: SIGNER, usages });
    }
  };
  await Promise.all(Array.from({ length: CREATED_TOGETHER }, create));
}

interface Calls {
  /** Writes of decisions and certificates, and questions about requesters: what a controller asks for beside its watch. */
  readonly all: number;
  /** Certificates that were written. */
  readonly certificates: number;
}

/** As the API server counted them: asking it for thousands of objects again and again would be work of its own. */
async function callsOf(cluster: ControlledCluster): Promise<Calls> {
  const text = await cluster.sendText("GET", "/metrics");
  const counted = text.split("\n").filter((line) => line.startsWith("apiserver_request_total{"));
  const sum = (pattern: RegExp): number =>
    counted.filter((line) => pattern.test(line)).reduce((total, line) => total + Number(line.split(" ").at(-1)), 0);
  return {
    all: sum(/resource="subjectaccessreviews"|resource="certificatesigningrequests".*subresource="(approval|status)"/),
    certificates: sum(/code="200".*resource="certificatesigningrequests".*subresource="status"/),
  };
}

async function untilIssued(cluster: ControlledCluster, running: Running, count: number): Promise<void> {
  while ((await callsOf(cluster)).certificates < count) {
    if (running.hasEnded()) throw new Error("it ended before everything was issued");
    await pause(250);
  }
}

async function requireIssued(cluster: ControlledCluster, count: number): Promise<void> {
  interface List {
    readonly items: readonly { readonly status?: { readonly certificate?: string } }[];
  }
  const { items } = await cluster.send<List>("GET", REQUESTS_PATH);
  const issued = items.filter(({ status }) => status?.certificate !== undefined).length;
  if (issued !== count) throw new Error(`${issued} of ${count} requests have a certificate`);
}

async function measure(candidate: Candidate, programs: KubernetesPrograms): Promise<void> {
  const { name, requests, start } = candidate;
  const directory = mkdtempSync(join(tmpdir(), "gatehouse-measure-"));
  const cluster = await ControlledCluster.start(directory, programs, [], "rsa-2048");
  try {
    await createAll(cluster, requests);
    const before = await callsOf(cluster);
    const began = performance.now();
    const running = await start(cluster);
    await untilIssued(cluster, running, requests);
    const seconds = (performance.now() - began) / 1000;
    const calls = ((await callsOf(cluster)).all - before.all) / requests;
    await requireIssued(cluster, requests);
    const [cpu, memory] = [cpuMicroseconds(running.pid) / requests, peakMemoryBytes(running.pid) / 1024 / 1024];
    await running.stop();
    process.stdout.write(
      `${name}: ${requests} certificates in ${seconds.toFixed(1)} s (${(requests / seconds).toFixed(0)} a second), ` +
        `${calls.toFixed(2)} calls each, ${cpu.toFixed(0)} µs of CPU each, ${memory.toFixed(0)} MB at most\n`,
    );
  } finally {
    await cluster.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

const requests = Number(process.argv[2] ?? "5000");
if (!Number.isSafeInteger(requests) || requests < 1)
  throw new Error("usage: node scripts/measure-controller.ts [REQUESTS]");
const programs = findControlPlane();
if (programs === undefined)
  throw new Error("no etcd, kube-apiserver and kube-controller-manager; set KUBEBUILDER_ASSETS");
for (const candidate of candidates(programs, requests)) await measure(candidate, programs);
