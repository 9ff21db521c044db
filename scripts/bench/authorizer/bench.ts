import { writeFileSync } from "node:fs";
import { cpus } from "node:os";
import { parseArgs } from "node:util";
import { measured } from "../bench-context.ts";
import type { Goal } from "../goals.ts";
import { type Evidence, judge } from "../judge.ts";
import { refusalToJudge, shareUsedByOthers } from "../machine.ts";
import { verdictTable } from "../report.ts";
import { median, ratios, sampleOf } from "../statistics.ts";
import { AUTHORIZER_GOALS } from "./goals.ts";
import { type KubernetesFigures, kubernetesFigures } from "./kubernetes-figures.ts";
import { type Figures, LargeBench, measureMemory } from "./large.ts";
import { UpstreamBench } from "./upstream.ts";
import { measureWebhook, type WebhookFigures, type WebhookRounds } from "./webhook.ts";

const USAGE = `usage: npm run bench:authorizer -- [--quick] [--check] [--json FILE] [--kubernetes FILE]

  --quick            fewer and shorter rounds; goals are held to wide margins
  --check            exit with 1 when a required goal is missed
  --json FILE        write the results as one JSON document
  --kubernetes FILE  compare with what Kubernetes' own benchmark has printed on this machine:
                     go test -run None -bench . ./plugin/pkg/auth/authorizer/node > FILE
`;

const FULL = { rounds: 5, seconds: 0.25, webhookSeconds: 2 } as const;
const QUICK = { rounds: 2, seconds: 0.05, webhookSeconds: 1 } as const;

async function main(): Promise<number> {
  const flag = { type: "boolean", default: false } as const;
  const text = { type: "string" } as const;
  const options = { quick: flag, check: flag, help: flag, json: text, kubernetes: text };
  const { values } = parseArgs({ options, allowPositionals: false });
  if (values.help) {
    process.stdout.write(USAGE);
    return 0;
  }
  const theirs = kubernetesFigures(values.kubernetes);
  process.stdout.write(`${cpus()[0]?.model.trim() ?? "unknown"}, ${cpus().length} cores | Node ${process.version}\n`);
  const busy = await shareUsedByOthers();
  const memory = measureMemory();
  const effort = values.quick ? QUICK : FULL;
  const rounds = measureRounds(effort);
  const reviews = await measureWebhook(effort.rounds, effort.webhookSeconds);
  const conditions = { wide: values.quick || process.env["CI"] === "true", refusal: refusalToJudge(busy, []) };
  const evidence = { ...evidenceOf(rounds, memory.mebibytes, theirs), ...webhookEvidence(reviews) };
  const verdicts = AUTHORIZER_GOALS.map((goal: Goal) => judge(goal, evidence[goal.id], conditions));
  const tables = `tables of numbers ${memory.tableMebibytes.toFixed(0)} MiB, the rest names`;
  process.stdout.write(
    `\n${figureTable(rounds)}\n${webhookTable(reviews)}\n\nmemory: ${memory.mebibytes.toFixed(0)} MiB, ${tables}\n`,
  );
  process.stdout.write(`Kubernetes: ${theirs.source}\n\n${verdictTable(verdicts)}\n* stretch reached.\n`);
  if (values.json !== undefined) {
    const document = { at: new Date().toISOString(), busy, memory, rounds, reviews, theirs, verdicts };
    writeFileSync(values.json, `${JSON.stringify(document)}\n`);
  }
  return values.check && verdicts.some(({ verdict }) => verdict === "FAIL") ? 1 : 0;
}

interface Rounds {
  readonly large: readonly Figures[];
  readonly upstream: readonly Figures[];
}

/** All take turns, so that the machine's moods meet all. The first round is for the compiler. */
function measureRounds({ rounds, seconds }: { rounds: number; seconds: number }): Rounds {
  const large = new LargeBench();
  const upstream = new UpstreamBench();
  const found: { large: Figures; upstream: Figures }[] = [];
  for (let round = 0; round <= rounds; round += 1) {
    process.stderr.write(round === 0 ? "warming up\n" : `round ${round} of ${rounds}\n`);
    found.push({ large: large.round(seconds), upstream: upstream.round(seconds) });
  }
  const counted = found.slice(1);
  return { large: counted.map((each) => each.large), upstream: counted.map((each) => each.upstream) };
}

function evidenceOf({ large, upstream }: Rounds, mebibytes: number, theirs: KubernetesFigures) {
  const hot = (each: Figures, verdict: string): number =>
    at(each, `${verdict}, config map of 150,000 pods`) / at(each, `${verdict}, config map of 300 pods`);
  const slowest = (each: Figures, start: string): number =>
    Math.max(...Object.entries(each).flatMap(([label, value]) => (label.startsWith(start) ? [value] : [])));
  const evidence: Record<string, Evidence> = {
    G13: measured(large.map((each) => Math.max(hot(each, "allow"), hot(each, "no opinion")))),
    G14: measured(large.map((each) => at(each, "allow, own secret") / 1_000)),
    G15m: measured([mebibytes]),
    G15t: measured(large.map((each) => at(each, "build") / 1e6)),
    G22a: measured(
      upstream.map((each) => slowest(each, "allow") / theirs.allow),
      "the slowest of ours",
    ),
    G22s: measured(upstream.map((each) => at(each, "allow, shared secret") / theirs.shared)),
    G22n: measured(
      upstream.map((each) => slowest(each, "no opinion") / theirs.noOpinion),
      "the slowest of ours",
    ),
    G22w: measured(
      upstream.map((each) => slowest(each, "write") / theirs.write),
      "the slower of ours",
    ),
  };
  return evidence;
}

function webhookEvidence({ webhook, echo }: WebhookRounds): Record<string, Evidence> {
  const microseconds = (each: WebhookFigures): number => each.microseconds;
  return { G12: measured(ratios(echo.map(microseconds), webhook.map(microseconds)), "by processor time") };
}

function webhookTable({ webhook, echo }: WebhookRounds): string {
  const line = (label: string, rounds: readonly WebhookFigures[]): string => {
    const of = (key: keyof WebhookFigures): number => median(rounds.map((each) => each[key]));
    const reviews = `${Math.round(of("reviewsPerSecond")).toLocaleString("en")} a second, p99 ${of("p99").toFixed(1)} ms`;
    return `  ${label.padEnd(44)} ${of("microseconds").toFixed(1)} µs of one core; ${reviews} for 16 clients`;
  };
  const lines = [line("the node-authorizer, 150,000 pods", webhook), line("a bare node:https server", echo)];
  return ["SubjectAccessReviews over keep-alive HTTPS: medians of the rounds", ...lines].join("\n");
}

function figureTable({ large, upstream }: Rounds): string {
  const lines = (title: string, rounds: readonly Figures[]): string[] => [
    title,
    ...Object.keys(rounds[0] ?? {}).map((label) => {
      const values = rounds.map((each) => at(each, label));
      const { minimum, maximum } = sampleOf(values);
      return `  ${label.padEnd(44)} ${shown(median(values))} (${shown(minimum)} - ${shown(maximum)})`;
    }),
  ];
  const first = lines("5,000 nodes, 150,000 pods: median (range of the rounds)", large);
  return [...first, ...lines("Kubernetes' benchmark: 500 nodes, 100,000 pods", upstream)].join("\n");
}

function at(figures: Figures, label: string): number {
  return figures[label] ?? Number.NaN;
}

function shown(nanoseconds: number): string {
  return nanoseconds >= 1e6 ? `${(nanoseconds / 1e6).toFixed(0)} ms` : `${nanoseconds.toFixed(0)} ns`;
}

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    process.stderr.write(`bench:authorizer: ${error instanceof Error ? error.message : String(error)}\n\n${USAGE}`);
    process.exitCode = 1;
  },
);
