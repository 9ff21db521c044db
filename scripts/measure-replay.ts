/**
 * What `gatehouse policy replay` costs: `node scripts/measure-replay.ts [REQUESTS]`, 100,000 without a number. Makes a
 * ledger of so many decided requests, half of them deleted since, and replays a changed policy over it: from the file,
 * and over REST beside a client that asks the server for its version all the time. Takes a minute or two, leaves nothing.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { Agent, get } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import type { CertificateSigningRequest } from "../services/certificate-authority/domain/certificate-signing-request.ts";
import type { DecisionRecord } from "../services/certificate-authority/domain/decision.ts";
import { type Ledger, openLedger } from "../services/certificate-authority/ledger/ledger.ts";
import { systemClock } from "../services/shared/clock.ts";
import { createLogger } from "../services/shared/logging.ts";
import { RequestPool } from "./bench/load/request-pool.ts";
import { cpuMicroseconds, peakMemoryBytes } from "./bench/process-accounts.ts";
import { SOURCE_COMMAND, startFromSource } from "./bench/servers/from-source.ts";

const NODES = 10_000;
const TOGETHER = 256;
const DAY = 86_400;
const SIGNER = "kubernetes.io/kube-apiserver-client-kubelet";

/** Rules as an installation has them; a fifth of the requests breaks the second. */
const CHANGED = {
  apiVersion: "gatehouse.dev/v1",
  kind: "GatehouseConfiguration",
  approval: {
    hooks: [
      {
        policy: {
          rules: [
            { name: "ours", require: "nodeName.startsWith('bench-')", message: "no node of ours" },
            { name: "lifetime", deny: `request.expirationSeconds > ${30 * DAY}`, message: "asks for too long" },
            { name: "key", require: "key.algorithm in ['ECDSA', 'Ed25519']", message: "another kind of key" },
            { name: "often", deny: "size(previous) > 20", message: "asks too often" },
          ],
        },
      },
      { manual: {} },
      { "kubelet-client": {} },
    ],
  },
};

async function main(): Promise<void> {
  const count = Number(process.argv[2] ?? "100000");
  if (!Number.isSafeInteger(count) || count < 1) throw new Error("usage: node scripts/measure-replay.ts [REQUESTS]");
  const directory = mkdtempSync(join(tmpdir(), "gatehouse-replay-"));
  try {
    const configuration = join(directory, "new.yaml");
    writeFileSync(configuration, JSON.stringify(CHANGED));
    const file = join(directory, "gatehouse.db");
    const seconds = await timed(() => fill(file, count));
    say(`made a ledger of ${count} requests, ${megabytes(statSync(file).size)}, in ${seconds} s`);
    await measure("from the file", ["--database", file], configuration);
    await overRest(directory, configuration);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function fill(file: string, count: number): Promise<void> {
  const pool = new RequestPool();
  pool.prepare(Math.min(count, NODES));
  const limits = { maximumRequests: count + 1 };
  const ledger = await openLedger({ file, clock: systemClock, logger: createLogger({ level: "error" }), limits });
  for (let start = 0; start < count; start += TOGETHER) {
    const numbers = Array.from({ length: Math.min(TOGETHER, count - start) }, (_, index) => start + index);
    await Promise.all(numbers.map((number) => record(ledger, pool, number)));
  }
  await ledger.close();
}

/** A request that was approved and issued, but for every fifth, which waits for a person. */
async function record({ requests }: Ledger, pool: RequestPool, number: number): Promise<void> {
  const { commonName, pem } = pool.at(number);
  const csr = requestFor(number, pem);
  const { name, uid } = csr.metadata;
  const username = csr.spec.username ?? "";
  const now = new Date();
  const isApproved = number % 5 !== 0;
  const said = { required: false, evidence: { username, commonName }, durationMicroseconds: 12 };
  const identity = { requestUid: uid, requestName: name, signerName: SIGNER, requester: username };
  const client = isApproved
    ? { hook: "kubelet-client", kind: "approved", reason: "AutoApproved", message: "access review allows it" }
    : {
        hook: "kubelet-client",
        kind: "noOpinion",
        reason: "NotAllowed",
        message: "the requester may not create nodeclient",
      };
  const waits = { hook: "manual", kind: "noOpinion", reason: "WaitsForPerson", message: "waits for a person" } as const;
  const decision: DecisionRecord = {
    ...{ ...identity, outcome: isApproved ? "approved" : "pending", hook: isApproved ? "kubelet-client" : undefined },
    ...{ reason: isApproved ? "AutoApproved" : "Pending", message: client.message },
    trace: [
      { ...said, ...waits },
      { ...said, ...client, kind: isApproved ? "approved" : "noOpinion" },
    ],
    ...{ decidedBy: "gatehouse", decidedAt: now },
  };
  if (!isApproved) await requests.create(csr, { records: { decision } });
  else await requests.create(csr, { next: approved(csr), records: { decision, certificate: certificateOf() } });
  if (number % 2 === 1) await requests.remove(name, {});

  function certificateOf() {
    const hex = (bytes: number): string => randomBytes(bytes).toString("hex");
    return {
      ...{ serial: hex(16), fingerprint: hex(32), issuerId: hex(32), signerName: SIGNER, commonName },
      ...{ nodeName: commonName.slice("system:node:".length), organizations: ["system:nodes"], spkiSha256: hex(32) },
      sans: { dnsNames: [], emailAddresses: [], ipAddresses: [], uris: [] },
      ...{ notBefore: now, notAfter: new Date(now.getTime() + DAY * 1000), issuedAt: now, state: "issued" as const },
      ...{ requestUid: uid, requestName: name, requester: username, predecessor: undefined, der: randomBytes(600) },
    };
  }
}

function requestFor(number: number, pem: string): CertificateSigningRequest {
  const name = `csr-${number}`;
  return {
    apiVersion: "certificates.k8s.io/v1",
    kind: "CertificateSigningRequest",
    metadata: { name, uid: `uid-${number}`, resourceVersion: "", creationTimestamp: "2026-01-01T00:00:00Z" },
    spec: {
      ...{
        request: Buffer.from(pem).toString("base64"),
        signerName: SIGNER,
        usages: ["digital signature", "client auth"],
      },
      expirationSeconds: number % 5 === 1 ? 90 * DAY : DAY,
      ...{ username: "system:bootstrap:abcdef", groups: ["system:bootstrappers", "system:authenticated"] },
    },
    status: {},
  };
}

function approved(csr: CertificateSigningRequest): CertificateSigningRequest {
  const conditions = [{ type: "Approved", status: "True", reason: "AutoApproved" }] as const;
  return { ...csr, status: { conditions, certificate: "LS0t" } };
}

/** Runs the command to its end and tells what it found and took. */
async function measure(title: string, source: readonly string[], configuration: string): Promise<void> {
  const args = [
    SOURCE_COMMAND,
    "policy",
    "replay",
    "--since",
    "1d",
    "--config",
    configuration,
    "-o",
    "json",
    ...source,
  ];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "pipe", "inherit"] });
  const chunks: Buffer[] = [];
  child.stdout.on("data", (chunk: Buffer) => chunks.push(chunk));
  const ended = once(child, "close");
  let taken = NOTHING;
  const seconds = await timed(async () => {
    const isOver = ended.then(() => true);
    while (!(await Promise.race([isOver, delay(50, false)]))) taken = takenBy(child) ?? taken;
  });
  if (child.exitCode !== 0) throw new Error(`replay ended with ${child.exitCode}`);
  const { recorded, unchanged, changed, undetermined } = JSON.parse(Buffer.concat(chunks).toString());
  say(`replayed ${recorded} requests ${title}: ${seconds} s, ${describe(taken)}`);
  say(`  ${unchanged} unchanged, ${changed} changed, ${undetermined} undetermined`);
}

interface Taken {
  readonly cpuSeconds: number;
  readonly peakBytes: number;
}

const NOTHING: Taken = { cpuSeconds: 0, peakBytes: 0 };

/** Undefined of a process that ended a moment ago. */
function takenBy({ pid = 0 }: Pick<ChildProcess, "pid">): Taken | undefined {
  try {
    const peakBytes = peakMemoryBytes(pid);
    return Number.isNaN(peakBytes) ? undefined : { cpuSeconds: cpuMicroseconds(pid) / 1e6, peakBytes };
  } catch {
    return undefined;
  }
}

function describe({ cpuSeconds, peakBytes }: Taken): string {
  return `${cpuSeconds.toFixed(1)} s of processor time, peak memory ${megabytes(peakBytes)}`;
}

async function overRest(directory: string, configuration: string): Promise<void> {
  const where = ["--data-dir", directory, "--listen", "127.0.0.1:0"];
  const server = await startFromSource("serve", ...where, "--log-level", "error");
  try {
    const url = server.announced;
    const ca = readFileSync(join(directory, "ca.crt"), "utf8");
    // What it does at the start, with a log this long, is no part of the measurement.
    await delay(10_000);
    const before = await probedDuring(url, ca, () => delay(5_000));
    const idle = takenBy(server) ?? NOTHING;
    const during = await probedDuring(url, ca, () =>
      measure("over REST", ["--kubeconfig", join(directory, "admin.kubeconfig")], configuration),
    );
    say(`  GET /version every 10 ms: idle ${before}; while pages are served ${during}`);
    const taken = takenBy(server) ?? NOTHING;
    say(`  the server: ${describe({ ...taken, cpuSeconds: taken.cpuSeconds - idle.cpuSeconds })}`);
  } finally {
    await server.stop();
  }
}

/** How long the server takes to answer somebody else meanwhile. */
async function probedDuring(url: string, ca: string, work: () => Promise<unknown>): Promise<string> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1, ca });
  const milliseconds: number[] = [];
  let isOver = false;
  const probing = (async () => {
    while (!isOver) {
      const started = performance.now();
      await answered(url, agent);
      milliseconds.push(performance.now() - started);
      await delay(10);
    }
  })();
  await work();
  isOver = true;
  await probing;
  agent.destroy();
  milliseconds.sort((a, b) => a - b);
  const at = (share: number) => (milliseconds[Math.floor((milliseconds.length - 1) * share)] ?? 0).toFixed(1);
  return `p50 ${at(0.5)} ms, p99 ${at(0.99)} ms, max ${at(1)} ms`;
}

function answered(url: string, agent: Agent): Promise<void> {
  return new Promise((resolve, reject) => {
    const request = get(`${url}/version`, { agent }, (response) => response.resume().once("end", resolve));
    request.once("error", reject);
  });
}

async function timed(work: () => Promise<unknown>): Promise<string> {
  const started = performance.now();
  await work();
  return ((performance.now() - started) / 1000).toFixed(1);
}

function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1e6)} MB`;
}

function say(text: string): void {
  process.stdout.write(`${text}\n`);
}

await main();
