// What a review by rules costs: node scripts/bench/policy.ts
// CPU time of this process, the median of some rounds, for a policy of every file of config/policies together.
import { pino } from "pino";
import { policyHook } from "../../services/certificate-authority/approval/hooks/policy.ts";
import type { ApprovalHook, ReviewInput } from "../../services/certificate-authority/domain/ports.ts";
import { requestOfDocument } from "../../services/certificate-authority/domain/request-of-document.ts";
import { caseDocument } from "../../services/certificate-authority/policy-test/case-document.ts";

const ROUNDS = 9;
const REVIEWS = 5000;
const WARM_UP = 20_000;

const KEPT = [
  { library: "node-name", with: { pattern: "^worker-[0-9]{1,3}$" } },
  { library: "addresses", with: { ranges: ["10.20.0.0/16", "fd00:20::/64"] } },
  { library: "dns-names", with: { domains: ["blue.example.com"] } },
  { library: "lifetime", with: { maximumHours: 720 } },
  { library: "key-type" },
  { library: "organization" },
  { library: "usages", with: { allowed: ["digital signature", "client auth"], required: ["client auth"] } },
  { library: "join-window", with: { from: "2026-01-01T00:00:00Z", until: "2027-01-01T00:00:00Z" } },
  { library: "working-hours", with: { zone: "Europe/Berlin" } },
  { library: "first-join", with: { boundOnly: false } },
];
const LOOKED_UP = [...KEPT, { library: "one-machine" }];

function hookOf(rules: typeof LOOKED_UP): ApprovalHook {
  return policyHook({ rules }, { where: "bench", required: true, logger: pino({ level: "silent" }) });
}

function cpuMicroseconds(): number {
  const { user, system } = process.cpuUsage();
  return user + system;
}

async function measure(hook: ApprovalHook, input: ReviewInput): Promise<number> {
  const review = async (count: number): Promise<void> => {
    for (let done = 0; done < count; done += 1) {
      const verdict = hook.review(input);
      if (verdict instanceof Promise) await verdict;
    }
  };
  await review(WARM_UP);
  const rounds: number[] = [];
  for (let round = 0; round < ROUNDS; round += 1) {
    const before = cpuMicroseconds();
    await review(REVIEWS);
    rounds.push((cpuMicroseconds() - before) / REVIEWS);
  }
  return rounds.toSorted((one, other) => one - other)[Math.floor(ROUNDS / 2)] ?? Number.NaN;
}

const document = caseDocument({ nodeName: "worker-7" }, undefined);
const input: ReviewInput = { ...requestOfDocument(document), document: async () => document };
const before = cpuMicroseconds();
const hook = hookOf(LOOKED_UP);
const compiled = (cpuMicroseconds() - before) / 1000;
process.stdout.write(`reading and checking ${LOOKED_UP.length} files of rules: ${compiled.toFixed(0)} ms CPU\n`);
for (const [what, measured] of [
  ["answered at once", hookOf(KEPT)],
  ["with one-machine, which asks for earlier certificates", hook],
] as const) {
  const { kind } = await measured.review(input);
  process.stdout.write(`a review, ${what}: ${(await measure(measured, input)).toFixed(1)} µs CPU (${kind})\n`);
}
