/**
 * What the attestation protocol costs: `node scripts/measure-attestation.ts [SECONDS] [MACHINES]`, 5 and 500 without numbers. Asks
 * a running server for challenges over 16 connections, and looks whether its ledger has grown by them; then so many machines
 * attest by join token, each with its own, eight at a time: a proof that is verified and two durable commits each. Rates are of the
 * server's processor time on one core as well, since whoever asks runs beside it. What verifying other evidence costs say
 * measure-attestors.ts, measure-cloud-attestation.ts and measure-tpm.ts. Leaves nothing.
 */
import { type ChildProcess, spawn } from "node:child_process";
import { createHmac, generateKeyPairSync, type KeyObject } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { Agent, request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import { json } from "node:stream/consumers";
import Database from "better-sqlite3";
import { parse } from "yaml";
import { bindOf } from "../services/shared/attestation/bind.ts";
import { joinTokenKey, signPossession } from "../services/shared/attestation/possession.ts";
import { type ChallengeAnswer, octetsOf } from "../services/shared/attestation/wire.ts";
import { percentile } from "./bench/statistics.ts";

const COMMAND = join(import.meta.dirname, "..", "services", "cli", "gatehouse.ts");
const CONNECTIONS = 16;
const TOGETHER = 8;
/** Clock ticks a second in /proc. */
const TICKS = 100;
const SETTINGS = `apiVersion: gatehouse.dev/v1
kind: GatehouseConfiguration
server: {listen: "127.0.0.1:0"}
limits: {requestsPerSecondPerAddress: 100000}
attestation:
  audience: https://node-ca.example/v1/attest
  profiles: [{name: tokens, attestor: join_token}]
  limits: {challengesPerSecond: 100000, perSecondPerAddress: 100000}
approval: {hooks: [{node-attestation: {}}]}
`;

/** A caller of one server. */
type Send = (
  method: string,
  path: string,
  body?: object,
) => Promise<{ readonly status: number; readonly body: unknown }>;

async function main(): Promise<void> {
  const [seconds = 0, machines = 0] = [process.argv[2] ?? "5", process.argv[3] ?? "500"].map(Number);
  if (!(seconds > 0) || !Number.isSafeInteger(machines) || machines < 1)
    throw new Error("usage: node scripts/measure-attestation.ts [SECONDS] [MACHINES]");
  const directory = mkdtempSync(join(tmpdir(), "gatehouse-attestation-"));
  writeFileSync(join(directory, "gatehouse.yaml"), SETTINGS);
  const options = ["--config", join(directory, "gatehouse.yaml"), "--data-dir", directory, "--log-level", "error"];
  const server = spawn(process.execPath, [COMMAND, "serve", ...options], { stdio: ["ignore", "pipe", "inherit"] });
  try {
    const url = await readyUrl(server);
    const ca = readFileSync(join(directory, "ca.crt"), "utf8");
    const send = sender(url, new Agent({ keepAlive: true, maxSockets: CONNECTIONS, ca }));
    await challenges({ server, directory, send, seconds });
    await attestations({ server, send, asAdministrator: administrator(url, directory), machines });
  } finally {
    server.kill();
    await once(server, "exit");
    rmSync(directory, { recursive: true, force: true });
  }
}

async function readyUrl({ stdout }: ChildProcess): Promise<string> {
  if (stdout === null) throw new Error("the server has no output");
  for await (const line of createInterface(stdout)) {
    const url = /^gatehouse ready (\S+)$/.exec(line)?.[1];
    if (url !== undefined) return url;
  }
  throw new Error("the server ended before it was ready");
}

function sender(url: string, agent: Agent): Send {
  return async (method, path, body) => {
    const headers = { "content-type": "application/json" };
    const outgoing = request(new URL(path, url), { method, agent, headers });
    outgoing.end(body === undefined ? undefined : JSON.stringify(body));
    const [answer] = await once(outgoing, "response");
    return { status: answer.statusCode, body: await json(answer) };
  };
}

function administrator(url: string, directory: string): Send {
  const text = readFileSync(join(directory, "admin.kubeconfig"), "utf8");
  const { users, clusters } = parse(text) as {
    users: { user: Record<string, string> }[];
    clusters: { cluster: Record<string, string> }[];
  };
  const decoded = (value: string | undefined) => Buffer.from(value ?? "", "base64").toString();
  const agent = new Agent({
    keepAlive: true,
    maxSockets: TOGETHER,
    ca: decoded(clusters[0]?.cluster["certificate-authority-data"]),
    cert: decoded(users[0]?.user["client-certificate-data"]),
    key: decoded(users[0]?.user["client-key-data"]),
  });
  return sender(url, agent);
}

/** Of all threads, in seconds. */
function processorSeconds({ pid }: ChildProcess): number {
  const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1]?.split(" ") ?? [];
  return (Number(fields[11]) + Number(fields[12])) / TICKS;
}

/** Everything that a challenge could have written. */
function rowsOf(directory: string): number {
  const file = new Database(join(directory, "gatehouse.db"), { readonly: true });
  const tables = ["used_challenges", "credentials", "bindings", "machines", "audit", "changes"];
  const counts = tables.map((table) => file.prepare<[], number>(`SELECT count(*) FROM ${table}`).pluck().get() ?? 0);
  file.close();
  return counts.reduce((sum, count) => sum + count, 0);
}

interface ChallengeRun {
  readonly server: ChildProcess;
  readonly directory: string;
  readonly send: Send;
  readonly seconds: number;
}

async function challenges({ server, directory, send, seconds }: ChallengeRun): Promise<void> {
  const { spki } = newKey();
  const body = { v: 1, attestor: "join_token", nodeName: "node-1", spki, hello: { tokenId: "abcdef" } };
  const ask = async (): Promise<void> => {
    const { status } = await send("POST", "/v1/attest/challenge", body);
    if (status !== 200) throw new Error(`no challenge: HTTP ${status}`);
  };
  for (let warm = 0; warm < 500; warm += 1) await ask();
  const [rows, begun, start] = [rowsOf(directory), processorSeconds(server), performance.now()];
  let count = 0;
  const caller = async (): Promise<void> => {
    for (; performance.now() - start < seconds * 1000; count += 1) await ask();
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, caller));
  const [elapsed, used] = [(performance.now() - start) / 1000, processorSeconds(server) - begun];
  const written = rowsOf(directory) - rows;
  console.log(
    `challenges   ${rate(count, elapsed)} a second, ${rate(count, used)} a second of processor time; rows written: ${written}`,
  );
}

interface AttestationRun {
  readonly server: ChildProcess;
  readonly send: Send;
  readonly asAdministrator: Send;
  readonly machines: number;
}

async function attestations({ server, send, asAdministrator, machines }: AttestationRun): Promise<void> {
  const nodes = Array.from({ length: machines }, (_, index) => `node-${index}`);
  const tokens = await together(nodes, async (nodeName) => {
    const wanted = { nodeName, use: "attestation", ttlSeconds: 3600 };
    const { body } = await asAdministrator("POST", "/v1/bootstrap-tokens", wanted);
    return { nodeName, token: (body as { readonly token: string }).token, ...newKey() };
  });
  const took: number[] = [];
  const [begun, start] = [processorSeconds(server), performance.now()];
  await together(tokens, async (machine) => {
    const from = performance.now();
    await attest(send, machine);
    took.push(performance.now() - from);
  });
  const [elapsed, used] = [(performance.now() - start) / 1000, processorSeconds(server) - begun];
  const delays = `p50 ${percentile(took, 50).toFixed(1)} ms, p99 ${percentile(took, 99).toFixed(1)} ms`;
  console.log(
    `attestations ${rate(machines, elapsed)} a second, ${rate(machines, used)} a second of processor time; ${delays}`,
  );
}

interface Machine {
  readonly nodeName: string;
  readonly token: string;
  readonly key: KeyObject;
  readonly spki: string;
}

async function attest(send: Send, { nodeName, token, key, spki }: Machine): Promise<void> {
  const [tokenId = "", secret = ""] = token.split(".");
  const attestor = "join_token";
  const hello = { tokenId };
  const asked = await send("POST", "/v1/attest/challenge", { v: 1, attestor, nodeName, spki, hello });
  const { challenge, nonce, audience } = asked.body as ChallengeAnswer;
  const bind = bindOf({ audience, attestor, nodeName, nonce: octetsOf(nonce), spki: octetsOf(spki) });
  const keySig = signPossession(key, "bootstrap-key", bind).toString("base64url");
  const proof = { mac: createHmac("sha256", joinTokenKey(secret)).update(bind).digest("base64url") };
  const { status, body } = await send("POST", "/v1/attest/complete", { challenge, spki, hello, keySig, proof });
  if (status !== 200) throw new Error(`${nodeName} was not attested: ${JSON.stringify(body)}`);
}

function newKey(): Pick<Machine, "key" | "spki"> {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  return { key: privateKey, spki: publicKey.export({ type: "spki", format: "der" }).toString("base64url") };
}

/** Some of the work at a time; answers in the order of what was given. */
async function together<In, Out>(given: readonly In[], work: (item: In) => Promise<Out>): Promise<readonly Out[]> {
  const done: Out[] = [];
  const next = given.entries();
  const worker = async (): Promise<void> => {
    for (const [index, item] of next) done[index] = await work(item);
  };
  await Promise.all(Array.from({ length: TOGETHER }, worker));
  return done;
}

function rate(count: number, seconds: number): number {
  return Math.round(count / seconds);
}

await main();
