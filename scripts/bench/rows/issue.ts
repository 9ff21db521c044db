import { createPrivateKey, type KeyObject, webcrypto } from "node:crypto";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { Worker } from "node:worker_threads";
import { Crypto } from "@peculiar/webcrypto";
import { type Bench, measured, type PartResult, type Row } from "../bench-context.ts";
import { measureLimit } from "../crypto-limit.ts";
import { createIssuingWork } from "../issuing-work.ts";
import { RequestPool } from "../load/request-pool.ts";
import { createNaiveIssuer } from "../naive-issuing.ts";
import { shareEqualToOracle } from "../oracle.ts";
import { ratios, sampleOf } from "../statistics.ts";

const NAIVE_REQUESTS = 256;
const ORACLE_INTENTS = { full: 1_000, quick: 100 } as const;
const THREADS = 2;
const WARM_UP_SHARE = 0.25;
const MICROSECONDS = 1_000_000;

/** One certificate after the other, without network or disk: what the signing room is worth. */
export async function measureIssue(bench: Bench): Promise<PartResult> {
  const seconds = bench.options.quick ? 0.5 : 1;
  const { authority } = bench;
  const core = createIssuingWork(authority);
  const caKey = createPrivateKey(readFileSync(authority.caKeyFile));
  const naive = await naiveWork(new Crypto() as typeof globalThis.crypto, authority.caPem, caKey);
  const nodeProvider = await naiveWork(webcrypto as typeof globalThis.crypto, authority.caPem, caKey);
  const threads = await startThreads(bench);
  const rates = { limit: [] as number[], core: [] as number[], naive: [] as number[], node: [] as number[] };
  const threadRates = { one: [] as number[], two: [] as number[] };
  try {
    for (let round = 1; round <= bench.rounds; round += 1) {
      bench.say(`issuing, round ${round} of ${bench.rounds}`);
      rates.limit.push(measureLimit(bench).perSecond);
      rates.core.push(await perCpuSecond(() => core().length, seconds));
      rates.naive.push(await perCpuSecond(naive, seconds));
      rates.node.push(await perCpuSecond(nodeProvider, seconds));
      threadRates.one.push(await rateOf(threads.slice(0, 1), seconds));
      threadRates.two.push(await rateOf(threads, seconds));
    }
  } finally {
    await Promise.all(threads.map((thread) => thread.terminate()));
  }
  bench.say("comparing certificates with the library's");
  const intents = bench.options.quick ? ORACLE_INTENTS.quick : ORACLE_INTENTS.full;
  const equal = await shareEqualToOracle(intents);
  return {
    rows: [
      row("limit L", rates.limit),
      row("issuance core: decode, verify, judge, build, sign, lint, re-read", rates.core),
      row("@peculiar/x509 + @peculiar/webcrypto", rates.naive),
      row("@peculiar/x509 + Node's web cryptography", rates.node),
      row("issuance core, 1 thread", threadRates.one),
      row(`issuance core, ${THREADS} threads`, threadRates.two),
    ],
    evidence: {
      G1: measured(ratios(rates.core, rates.limit).map((share) => share * 100)),
      G2: measured(ratios(rates.core, rates.naive)),
      G3: measured(ratios(threadRates.two, threadRates.one)),
      G4: measured([equal], `${intents} random certificates`),
    },
  };
}

/** Issues one certificate each time; answers how many it issued. */
async function naiveWork(
  provider: typeof globalThis.crypto,
  caPem: string,
  caKey: KeyObject,
): Promise<() => Promise<number>> {
  const pool = new RequestPool();
  pool.prepare(NAIVE_REQUESTS);
  const issue = await createNaiveIssuer(provider, caPem, caKey);
  let next = 0;
  return async () => {
    const certificate = await issue(pool.at(next).pem);
    certificate?.toString("pem");
    next += 1;
    return 1;
  };
}

/** How many certificates a second of CPU time yields, after a warm-up. */
async function perCpuSecond(issue: () => number | Promise<number>, seconds: number): Promise<number> {
  await rateOver(issue, seconds * WARM_UP_SHARE);
  return rateOver(issue, seconds);
}

/** CPU time of this process, the garbage collector's threads included: `openssl speed`, the other side of G1, counts it too. */
async function rateOver(issue: () => number | Promise<number>, cpuSeconds: number): Promise<number> {
  const before = process.cpuUsage();
  let count = 0;
  for (;;) {
    count += await issue();
    const { user, system } = process.cpuUsage(before);
    const used = (user + system) / MICROSECONDS;
    if (used >= cpuSeconds) return count / used;
  }
}

async function startThreads({ authority }: Bench): Promise<readonly Worker[]> {
  const { caCertificateFile, caKeyFile } = authority;
  const file = new URL("../issuing-thread-worker.ts", import.meta.url);
  const threads = Array.from(
    { length: THREADS },
    () => new Worker(file, { workerData: { caCertificateFile, caKeyFile } }),
  );
  await Promise.all(threads.map((thread) => once(thread, "message")));
  return threads;
}

async function rateOf(threads: readonly Worker[], seconds: number): Promise<number> {
  const answers = threads.map(async (thread) => {
    const answer = once(thread, "message");
    thread.postMessage(seconds);
    const [perSecond] = await answer;
    return perSecond as number;
  });
  const rates = await Promise.all(answers);
  return rates.reduce((sum, rate) => sum + rate, 0);
}

function row(label: string, perSecond: readonly number[]): Row {
  const microseconds = perSecond.map((rate) => MICROSECONDS / rate);
  return { label, perSecond: sampleOf(perSecond), cpuMicroseconds: sampleOf(microseconds) };
}
