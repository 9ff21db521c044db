import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as pause } from "node:timers/promises";
import { type Bench, measured, type PartResult, Resources, type Row } from "../bench-context.ts";
import { LedgerFile } from "../ledger-file.ts";
import { AdminCommands } from "../load/admin-commands.ts";
import { ProcessTree } from "../process-tree.ts";
import { type Gatehouse, startGatehouse } from "../servers/gatehouse.ts";
import { percentile, sampleOf } from "../statistics.ts";

const REQUESTS = { full: 10_000, quick: 1_000 } as const;
const AT_A_TIME = 8;
const CLIENTS = 32;
const MEBIBYTE = 2 ** 20;
const LOOK_EVERY_MILLISECONDS = 50;
const GIVE_UP_SECONDS = 600;

/** Approves without reading: what is measured is asking, not deciding. */
const ONCE = "#!/bin/sh\nexit 114\n";
const STAYS = `#!${process.execPath}
import { createInterface } from "node:readline";
createInterface({ input: process.stdin }).on("line", (line) => {
  const { uid } = JSON.parse(line).request;
  process.stdout.write(JSON.stringify({ decision: "approve", uid }) + "\\n");
});
`;

const VARIANTS = [
  { label: "a shell for each request, 8 at a time", mode: "once", text: ONCE },
  { label: "8 programs that stay (Node.js)", mode: "server", text: STAYS },
] as const;

/** What was seen while the requests were decided. */
interface Sight {
  /** Of each command of the administrator. */
  readonly milliseconds: number[];
  programs: number;
  programsMebibytes: number;
  starterMebibytes: number;
}

/**
 * A storm of requests that a script hook decides on: how fast, in how much memory, in how many processes, and how long an
 * administrator waits meanwhile who lists and reads requests.
 */
export async function measureHooks(bench: Bench): Promise<PartResult> {
  const rows: Row[] = [];
  const slowest: number[] = [];
  for (const variant of VARIANTS) {
    const { row, slowestMilliseconds } = await measureVariant(bench, variant);
    rows.push(row);
    slowest.push(slowestMilliseconds);
  }
  return { rows, evidence: { H1: measured([Math.max(...slowest)], "the slowest of all") } };
}

async function measureVariant(bench: Bench, { label, mode, text }: (typeof VARIANTS)[number]) {
  const resources = new Resources();
  try {
    const count = bench.options.quick ? REQUESTS.quick : REQUESTS.full;
    const program = join(bench.directory, `hook-${mode}.mjs`);
    writeFileSync(program, text);
    chmodSync(program, 0o755);
    const hooks = [{ script: { command: [program], mode, concurrency: AT_A_TIME, timeoutSeconds: 30 } }];
    const gatehouse = await startGatehouse({ directory: bench.directory, approvesJoins: false, hooks });
    resources.add(() => gatehouse.process.stop());
    const ledger = new LedgerFile(join(gatehouse.dataDirectory, "gatehouse.db"));
    resources.add(() => ledger.close());
    bench.say(`${count} requests, ${label}`);
    const started = performance.now();
    const creating = create(bench, gatehouse, count);
    const sight = await watch(gatehouse, () => ledger.certificates() >= count);
    await creating;
    const perSecond = (count * 1000) / (performance.now() - started);
    const server = gatehouse.process.peakMemoryBytes() / MEBIBYTE;
    const note = [
      `${count} requests; at most ${sight.programs} programs (${sight.programsMebibytes.toFixed(0)} MiB)`,
      `the process that starts them ${sight.starterMebibytes.toFixed(0)} MiB, the server at most ${server.toFixed(0)} MiB`,
      `${sight.milliseconds.length} commands of an administrator, the slowest ${Math.max(...sight.milliseconds).toFixed(0)} ms`,
    ].join("; ");
    const cpu = gatehouse.process.cpuMicroseconds() / count;
    const row: Row = {
      label,
      perSecond: sampleOf([perSecond]),
      cpuMicroseconds: sampleOf([cpu]),
      p50Milliseconds: sampleOf([percentile(sight.milliseconds, 50)]),
      p99Milliseconds: sampleOf([percentile(sight.milliseconds, 99)]),
      note,
    };
    return { row, slowestMilliseconds: Math.max(...sight.milliseconds) };
  } finally {
    await resources.end();
  }
}

async function create({ load }: Bench, { url, token, caPem }: Gatehouse, count: number): Promise<void> {
  const work = { pattern: "create", url, token, caPem, concurrency: CLIENTS, checkEvery: 0, firstRequest: 0 } as const;
  const { failed, errors } = await load.run({ ...work, count });
  if (failed > 0) throw new Error(`${failed} requests were not taken: ${errors[0]}`);
}

/** Looks on, an administrator working all the while, until all is decided. */
async function watch(gatehouse: Gatehouse, isDone: () => boolean): Promise<Sight> {
  const sight: Sight = { milliseconds: [], programs: 0, programsMebibytes: 0, starterMebibytes: 0 };
  const commands = new AdminCommands(gatehouse);
  const giveUpAt = performance.now() + GIVE_UP_SECONDS * 1000;
  try {
    while (!isDone()) {
      if (performance.now() > giveUpAt) throw new Error(`not all was decided within ${GIVE_UP_SECONDS} s`);
      sight.milliseconds.push(await commands.next());
      look(gatehouse.process.pid, sight);
      await pause(LOOK_EVERY_MILLISECONDS);
    }
    return sight;
  } finally {
    commands.close();
  }
}

function look(pid: number, sight: Sight): void {
  const tree = new ProcessTree();
  const starters = tree.childrenOf(pid);
  const programs = starters.flatMap((starter) => tree.childrenOf(starter));
  const mebibytes = (pids: readonly number[]): number =>
    pids.reduce((sum, each) => sum + tree.residentBytes(each), 0) / MEBIBYTE;
  sight.programs = Math.max(sight.programs, programs.length);
  sight.programsMebibytes = Math.max(sight.programsMebibytes, mebibytes(programs));
  sight.starterMebibytes = Math.max(sight.starterMebibytes, mebibytes(starters));
}
