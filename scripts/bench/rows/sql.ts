import { type Bench, measured, type PartResult, type Row } from "../bench-context.ts";
import { type InsertResult, measureInserts, measureQueries, type QueryResult } from "../ledger.ts";
import { ratios, sampleOf } from "../statistics.ts";

const BATCH_SIZES = [1, 50, 200] as const;
/** The disk tier on which batching is judged: what one flush of a common disk takes. */
const JUDGED_DELAY_MILLISECONDS = 1;
const JUDGED_QUERIES = 2;
const LEDGER_ROWS = { full: 1_000_000, quick: 100_000 } as const;
const QUERY_SAMPLES = 2_000;
const MEBIBYTE = 2 ** 20;

/** The ledger alone: what a flush costs when it is shared, and questions to a ledger of many years. */
export async function measureSql(bench: Bench): Promise<PartResult> {
  const seconds = bench.options.quick ? 0.3 : 0.4;
  const runs = new Map<string, InsertResult[]>();
  for (let round = 1; round <= bench.rounds; round += 1) {
    bench.say(`durable inserts, round ${round} of ${bench.rounds}`);
    for (const commitDelayMilliseconds of [0, JUDGED_DELAY_MILLISECONDS]) {
      for (const rowsPerTransaction of BATCH_SIZES) {
        const label = insertLabel(rowsPerTransaction, commitDelayMilliseconds);
        const result = measureInserts({ rowsPerTransaction, commitDelayMilliseconds, seconds });
        runs.set(label, [...(runs.get(label) ?? []), result]);
      }
    }
  }
  const rates = (rows: number) =>
    (runs.get(insertLabel(rows, JUDGED_DELAY_MILLISECONDS)) ?? []).map(({ rowsPerSecond }) => rowsPerSecond);
  const rows = bench.options.quick ? LEDGER_ROWS.quick : LEDGER_ROWS.full;
  bench.say(`questions to a ledger of ${rows.toLocaleString("en")} certificates`);
  const result = await measureQueries(rows, QUERY_SAMPLES);
  const worstMilliseconds =
    Math.max(...result.queries.slice(0, JUDGED_QUERIES).map(({ p99Microseconds }) => p99Microseconds)) / 1000;
  return {
    rows: [...[...runs].map(insertRow), ...queryRows(result)],
    evidence: {
      G11: measured(ratios(rates(200), rates(1))),
      G19: measured([worstMilliseconds], `over ${rows.toLocaleString("en")} certificates`),
    },
  };
}

function insertLabel(rowsPerTransaction: number, delayMilliseconds: number): string {
  const disk = delayMilliseconds === 0 ? "disk as found" : `disk +${delayMilliseconds} ms`;
  return `certificates recorded, ${rowsPerTransaction} a commit, ${disk}`;
}

function insertRow([label, results]: readonly [string, readonly InsertResult[]]): Row {
  return {
    label,
    perSecond: sampleOf(results.map(({ rowsPerSecond }) => rowsPerSecond)),
    p50Milliseconds: sampleOf(results.map(({ commitP50Milliseconds }) => commitP50Milliseconds)),
  };
}

function queryRows({ rows, fileBytes, buildSeconds, queries }: QueryResult): readonly Row[] {
  const size = `${Math.round(fileBytes / MEBIBYTE)} MiB, made in ${buildSeconds.toFixed(1)} s`;
  return [
    { label: `a ledger of ${rows.toLocaleString("en")} certificates`, note: size },
    ...queries.map(({ name, p50Microseconds, p99Microseconds }) => ({
      label: `  ${name}`,
      p50Milliseconds: sampleOf([p50Microseconds / 1000]),
      p99Milliseconds: sampleOf([p99Microseconds / 1000]),
    })),
  ];
}
