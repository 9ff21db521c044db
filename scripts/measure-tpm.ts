/**
 * What attestation by TPMs costs the authority: `node scripts/measure-tpm.ts [SECONDS]`, 3 for each line without a number. On one
 * thread, with machines in software: challenges made (the endorsement key's template, the attestation key, MakeCredential), and
 * proofs verified (secret, quote, eight PCRs, the endorsement certificate with two CAs above it), for the kinds of keys there are.
 */
import { randomBytes } from "node:crypto";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createTpm2Attestor } from "../services/certificate-authority/attestation/tpm2/attestor.ts";
import { ENDORSEMENT_TEMPLATES } from "../services/shared/tpm/templates.ts";
import { CHAIN_NOW } from "../test/builders/certificate-chain.ts";
import { softEndorsementKey, softExchange, softMachine, VENDOR } from "../test/builders/soft-tpm.ts";
import { measureRate } from "./bench/timing.ts";

const TEMPLATES = ["rsa2048", "p256", "p384"] as const;

async function main(): Promise<void> {
  const seconds = Number(process.argv[2] ?? "3");
  if (!(seconds > 0)) throw new Error("usage: node scripts/measure-tpm.ts [SECONDS]");
  const directory = mkdtempSync(join(tmpdir(), "gatehouse-measure-tpm-"));
  try {
    const ekRoots = join(directory, "roots.pem");
    writeFileSync(ekRoots, VENDOR.pem);
    const attestor = createTpm2Attestor({
      attestor: "tpm2",
      ekRoots,
      allowUncertifiedEk: false,
      ekTemplates: ENDORSEMENT_TEMPLATES.map(({ name }) => name),
      pcrs: { sha256: [0, 1, 2, 3, 4, 5, 6, 7] },
      eventLog: "none",
    });
    for (const template of TEMPLATES) {
      const machine = softMachine({ ek: softEndorsementKey(template) });
      const { hello, proof, secret, bind } = softExchange(machine);
      await measure(`challenges, endorsement key ${template}`, seconds, () =>
        attestor.challenge?.({ hello, nonce: randomBytes(32) }),
      );
      const input = { hello, proof, secret, bind, nonce: Buffer.alloc(32), nodeName: "", now: CHAIN_NOW };
      const signal = new AbortController().signal;
      await measure(`attestations verified, endorsement key ${template}`, seconds, () =>
        attestor.verify({ ...input, clientAddress: "127.0.0.1", signal }),
      );
    }
  } finally {
    rmSync(directory, { recursive: true });
  }
}

async function measure(what: string, seconds: number, work: () => unknown): Promise<void> {
  const { perSecond, cpuMicroseconds } = await measureRate(work, seconds);
  console.log(`${what}: ${Math.round(perSecond)} a second, ${Math.round(cpuMicroseconds)} µs of CPU each`);
}

await main();
