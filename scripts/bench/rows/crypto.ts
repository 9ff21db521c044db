import { createPublicKey, generateKeyPairSync, sign, verify } from "node:crypto";
import type { Bench, PartResult, Row } from "../bench-context.ts";
import { measureLimit } from "../crypto-limit.ts";
import { sampleOf } from "../statistics.ts";
import { operationsPerSecond } from "../timing.ts";

const MESSAGE_BYTES = 500;
const MICROSECONDS = 1_000_000;

/** What the machine's cryptography allows: L by openssl, and the same calls through Node. One core. */
export async function measureCrypto(bench: Bench): Promise<PartResult> {
  const seconds = bench.options.quick ? 0.3 : 0.6;
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const spkiDer = publicKey.export({ type: "spki", format: "der" });
  const message = Buffer.alloc(MESSAGE_BYTES, 1);
  const signature = sign("sha256", message, privateKey);
  const works: Readonly<Record<string, () => unknown>> = {
    "node:crypto sign P-256": () => sign("sha256", message, privateKey),
    "node:crypto verify P-256": () => verify("sha256", message, publicKey, signature),
    "node:crypto import of a P-256 SPKI": () => createPublicKey({ key: spkiDer, type: "spki", format: "der" }),
  };
  const rates = new Map<string, number[]>();
  const limits: number[] = [];
  let source = "";
  for (let round = 1; round <= bench.rounds; round += 1) {
    bench.say(`cryptography, round ${round} of ${bench.rounds}`);
    const limit = measureLimit(bench);
    limits.push(limit.perSecond);
    source = limit.source;
    for (const [label, work] of Object.entries(works)) {
      rates.set(label, [...(rates.get(label) ?? []), operationsPerSecond(work, seconds)]);
    }
  }
  const row = (label: string, perSecond: readonly number[]): Row => ({
    label,
    perSecond: sampleOf(perSecond),
    cpuMicroseconds: sampleOf(perSecond.map((rate) => MICROSECONDS / rate)),
  });
  const limitRow = row(`limit L: one P-256 signature and one verification, ${source}`, limits);
  return { rows: [limitRow, ...[...rates].map(([label, values]) => row(label, values))], evidence: {} };
}
