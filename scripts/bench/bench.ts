import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Bench, PartResult, Tools } from "./bench-context.ts";
import { environmentLine, readEnvironment } from "./environment.ts";
import { keepGeneratorApart } from "./generator-core.ts";
import { GOALS } from "./goals.ts";
import { type Evidence, judge, type Verdict } from "./judge.ts";
import { LoadClient } from "./load/load-client.ts";
import { refusalToJudge, shareUsedByOthers } from "./machine.ts";
import { type BenchOptions, PARTS, type Part, readOptions, USAGE, UsageError } from "./options.ts";
import { findProgram } from "./programs.ts";
import { LEGEND, measurementTable, verdictTable } from "./report.ts";
import { measureAudit } from "./rows/audit.ts";
import { measureCrypto } from "./rows/crypto.ts";
import { measureHooks } from "./rows/hooks.ts";
import { measureHttp } from "./rows/http.ts";
import { measureIncumbent } from "./rows/incumbent.ts";
import { measureIssue } from "./rows/issue.ts";
import { measureSql } from "./rows/sql.ts";
import { measureStorm } from "./rows/storm.ts";
import { makeTestAuthority } from "./servers/test-authority.ts";
import { compileSlowDisk } from "./slow-disk.ts";

const MEASURE: Readonly<Record<Part, (bench: Bench) => Promise<PartResult>>> = {
  // Not judged, and every goal that is judged against L measures its own, so once is enough.
  crypto: (bench) => measureCrypto({ ...bench, rounds: 1 }),
  issue: measureIssue,
  sql: measureSql,
  http: measureHttp,
  audit: measureAudit,
  storm: measureStorm,
  incumbent: measureIncumbent,
  hooks: measureHooks,
};

/**
 * V8 compiles the hot code of a server for some 20,000 joins; before that its helper threads show in every figure. The
 * seconds are for servers that would take a minute for so many.
 */
const FULL = { rounds: 3, turnSeconds: 2, warmUp: { count: 20_000, seconds: 20 } } as const;
const QUICK = { rounds: 3, turnSeconds: 0.8, warmUp: { count: 1_000, seconds: 1 } } as const;

async function main(): Promise<number> {
  const options = readOptions(process.argv.slice(2), process.env);
  if (options === undefined) {
    process.stdout.write(USAGE);
    return 0;
  }
  const directory = mkdtempSync(join(tmpdir(), "gatehouse-bench-"));
  try {
    return await run(options, directory);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

async function run(options: BenchOptions, directory: string): Promise<number> {
  const started = performance.now();
  const say = (text: string): void => {
    process.stderr.write(`bench ${((performance.now() - started) / 1000).toFixed(0).padStart(3)} s: ${text}\n`);
  };
  const tools = findTools(directory);
  const environment = readEnvironment(directory, tools);
  process.stdout.write(`${environmentLine(environment)}\n`);
  const busy = await shareUsedByOthers();
  const load = await LoadClient.start();
  say(keepGeneratorApart(tools, load));
  const pace = options.quick ? QUICK : FULL;
  const bench: Bench = { options, load, authority: makeTestAuthority(directory), tools, directory, ...pace, say };
  const results = new Map<Part, PartResult>();
  try {
    for (const part of PARTS.filter((name) => options.parts.has(name))) {
      say(`${part} ...`);
      results.set(part, await MEASURE[part](bench));
    }
  } finally {
    load.stop();
  }
  const verdicts = judgeAll(options, busy, [...results.values()]);
  const seconds = Math.round((performance.now() - started) / 1000);
  print(results, verdicts, seconds);
  const document = { environment, options: { ...options, parts: [...options.parts] }, busy, seconds, verdicts };
  writeJson(options, { at: new Date().toISOString(), ...document, rows: Object.fromEntries(results) });
  return options.check && verdicts.some(({ verdict }) => verdict === "FAIL") ? 1 : 0;
}

function findTools(directory: string): Tools {
  return {
    openssl: findProgram("openssl"),
    cfssl: findProgram("cfssl"),
    taskset: findProgram("taskset"),
    slowDisk: compileSlowDisk(directory),
  };
}

function judgeAll(options: BenchOptions, busy: number | undefined, results: readonly PartResult[]): readonly Verdict[] {
  const evidence: Readonly<Record<string, Evidence>> = Object.assign({}, ...results.map((result) => result.evidence));
  const refusal = refusalToJudge(
    busy,
    results.flatMap(({ floor }) => floor ?? []),
  );
  return GOALS.map((goal) => judge(goal, evidence[goal.id], { wide: options.wide, refusal }));
}

function print(results: ReadonlyMap<Part, PartResult>, verdicts: readonly Verdict[], seconds: number): void {
  for (const [part, { rows }] of results) process.stdout.write(`\n${part}\n${measurementTable(rows)}\n`);
  const count = (wanted: Verdict["verdict"]) => verdicts.filter(({ verdict }) => verdict === wanted).length;
  const summary = `Goals: ${count("PASS")} met, ${count("FAIL")} missed, ${count("SKIPPED")} not judged; ${seconds} s.`;
  process.stdout.write(`\n${verdictTable(verdicts)}\n\n${LEGEND}\n* stretch reached.\n${summary}\n`);
}

function writeJson({ jsonFile }: BenchOptions, document: unknown): void {
  if (jsonFile !== undefined) writeFileSync(jsonFile, `${JSON.stringify(document)}\n`);
}

// Interrupted, it still ends the servers it has started: they go with the exit of the process.
for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => process.exit(1));

main().then(
  (code) => {
    process.exitCode = code;
  },
  (error: unknown) => {
    const isUsage = error instanceof UsageError;
    process.stderr.write(isUsage ? `bench: ${error.message}\n\n${USAGE}` : `bench: ${(error as Error).stack}\n`);
    process.exitCode = isUsage ? 2 : 1;
  },
);
