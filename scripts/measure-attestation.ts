/**
 * What the attestation protocol costs: `node scripts/measure-attestation.ts [SECONDS] [MACHINES]`, 5 and 500 without numbers. Asks
 * a running server for challenges over 16 connections, and looks whether its ledger has grown by them; then so many machines
 * attest by join token, each with its own, eight at a time: a proof that is verified and two durable commits each. Rates are of the
 * server's processor time on one core as well, since whoever asks runs beside it. What verifying other evidence costs say
 * measure-attestors.ts, measure-cloud-attestation.ts and measure-tpm.ts. Leaves nothing.
 */
import { createHmac, generateKeyPairSync, type KeyObject } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import Database from "better-sqlite3";
import { bindOf } from "../services/shared/attestation/bind.ts";
import { joinTokenKey, signPossession } from "../services/shared/attestation/possession.ts";
import { type ChallengeAnswer, octetsOf } from "../services/shared/attestation/wire.ts";
import { Administrator } from "../test/end-to-end/support/administrator.ts";
import { HttpsClient } from "../test/end-to-end/support/https-client.ts";
import { startFromSource } from "./bench/servers/from-source.ts";
import type { ServerProcess } from "./bench/servers/server-process.ts";
import { percentile } from "./bench/statistics.ts";

const CONNECTIONS = 16;
const TOGETHER = 8;
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

/** Posts to the attestation API as anybody may. */
type Post = (path: "challenge" | "complete", body: object) => Promise<{ status: number; body: unknown }>;

async function main(): Promise<void> {
  const [seconds = 0, machines = 0] = [process.argv[2] ?? "5", process.argv[3] ?? "500"].map(Number);
  if (!(seconds > 0) || !Number.isSafeInteger(machines) || machines < 1)
    throw new Error("usage: node scripts/measure-attestation.ts [SECONDS] [MACHINES]");
  const directory = mkdtempSync(join(tmpdir(), "gatehouse-attestation-"));
  try {
    await measure(directory, seconds, machines);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function measure(directory: string, seconds: number, machines: number): Promise<void> {
  const configuration = join(directory, "gatehouse.yaml");
  writeFileSync(configuration, SETTINGS);
  const options = ["--config", configuration, "--data-dir", directory, "--log-level", "error"];
  const server = await startFromSource("serve", ...options);
  try {
    const https = new HttpsClient(server.announced, { caPem: readFileSync(join(directory, "ca.crt"), "utf8") });
    const administrator = new Administrator(join(directory, "admin.kubeconfig"));
    const post = poster(https);
    await challenges({ server, directory, post, seconds });
    await attestations({ server, post, administrator, machines });
    administrator.close();
    https.close();
  } finally {
    await server.stop();
  }
}

function poster(https: HttpsClient): Post {
  return async (path, body) => {
    const headers = { "content-type": "application/json" };
    const answer = await https.send("POST", `/v1/attest/${path}`, { headers, body: JSON.stringify(body) });
    return { status: answer.status, body: JSON.parse(answer.body.toString()) };
  };
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
  readonly server: ServerProcess;
  readonly directory: string;
  readonly post: Post;
  readonly seconds: number;
}

async function challenges({ server, directory, post, seconds }: ChallengeRun): Promise<void> {
  const { spki } = newKey();
  const body = { v: 1, attestor: "join_token", nodeName: "node-1", spki, hello: { tokenId: "abcdef" } };
  const ask = async (): Promise<void> => {
    const { status } = await post("challenge", body);
    if (status !== 200) throw new Error(`no challenge: HTTP ${status}`);
  };
  for (let warm = 0; warm < 500; warm += 1) await ask();
  const [rows, begun, start] = [rowsOf(directory), server.cpuMicroseconds(), performance.now()];
  let count = 0;
  const caller = async (): Promise<void> => {
    for (; performance.now() - start < seconds * 1000; count += 1) await ask();
  };
  await Promise.all(Array.from({ length: CONNECTIONS }, caller));
  const [elapsed, used] = [(performance.now() - start) / 1000, (server.cpuMicroseconds() - begun) / 1e6];
  const written = rowsOf(directory) - rows;
  console.log(
    `challenges   ${rate(count, elapsed)} a second, ${rate(count, used)} a second of processor time; rows written: ${written}`,
  );
}

interface AttestationRun {
  readonly server: ServerProcess;
  readonly post: Post;
  readonly administrator: Administrator;
  readonly machines: number;
}

async function attestations({ server, post, administrator, machines }: AttestationRun): Promise<void> {
  const nodes = Array.from({ length: machines }, (_, index) => `node-${index}`);
  const tokens = await together(nodes, async (nodeName) => {
    const { token } = await administrator.createToken({ nodeName, use: "attestation", ttlSeconds: 3600 });
    return { nodeName, token, ...newKey() };
  });
  const took: number[] = [];
  const [begun, start] = [server.cpuMicroseconds(), performance.now()];
  await together(tokens, async (machine) => {
    const from = performance.now();
    await attest(post, machine);
    took.push(performance.now() - from);
  });
  const [elapsed, used] = [(performance.now() - start) / 1000, (server.cpuMicroseconds() - begun) / 1e6];
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

async function attest(post: Post, { nodeName, token, key, spki }: Machine): Promise<void> {
  const [tokenId = "", secret = ""] = token.split(".");
  const attestor = "join_token";
  const hello = { tokenId };
  const asked = await post("challenge", { v: 1, attestor, nodeName, spki, hello });
  const { challenge, nonce, audience } = asked.body as ChallengeAnswer;
  const bind = bindOf({ audience, attestor, nodeName, nonce: octetsOf(nonce), spki: octetsOf(spki) });
  const keySig = signPossession(key, "bootstrap-key", bind).toString("base64url");
  const proof = { mac: createHmac("sha256", joinTokenKey(secret)).update(bind).digest("base64url") };
  const { status, body } = await post("complete", { challenge, spki, hello, keySig, proof });
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
