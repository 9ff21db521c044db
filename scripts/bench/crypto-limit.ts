import { execFileSync } from "node:child_process";
import { generateKeyPairSync, sign, verify } from "node:crypto";
import type { Bench } from "./bench-context.ts";
import { operationsPerSecond } from "./timing.ts";

/** As `openssl speed` prints it: seconds for a signature and a verification, then how many of each a second. */
const RESULT = /ecdsa \(nistp256\)\s+\S+\s+\S+\s+([\d.]+)\s+([\d.]+)/;

export interface CryptoLimit {
  /** How many times a second one core can verify and sign once: L. */
  readonly perSecond: number;
  readonly source: "openssl speed" | "node:crypto";
}

/** Takes one to two seconds. */
export function measureLimit({ tools, options }: Bench): CryptoLimit {
  const measured = tools.openssl === undefined ? undefined : opensslSpeed(tools.openssl);
  if (measured !== undefined) return { perSecond: measured, source: "openssl speed" };
  return { perSecond: nodeSpeed(options.quick ? 0.4 : 0.8), source: "node:crypto" };
}

function opensslSpeed(program: string): number | undefined {
  const speed = ["speed", "-seconds", "1", "ecdsap256"];
  const output = execFileSync(program, speed, { encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] });
  const [, signatures, verifications] = RESULT.exec(output) ?? [];
  if (signatures === undefined || verifications === undefined) return undefined;
  return 1 / (1 / Number(signatures) + 1 / Number(verifications));
}

function nodeSpeed(seconds: number): number {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const message = Buffer.alloc(500, 1);
  const signature = sign("sha256", message, privateKey);
  return operationsPerSecond(() => {
    sign("sha256", message, privateKey);
    verify("sha256", message, publicKey, signature);
  }, seconds);
}
