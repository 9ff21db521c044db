import { availableParallelism } from "node:os";
import { type Bench, measured, type PartResult, skipped } from "../bench-context.ts";
import { startGatehouse } from "../servers/gatehouse.ts";
import { joinTarget } from "./storm-targets.ts";

const HERD = 5_000;
const MEBIBYTE = 2 ** 20;

/**
 * A cluster's worth of kubelets that all join in the same moment, as after a power failure: the server, too, has just
 * been started.
 *
 * @param joinMicroseconds - CPU time of the server for one join in the storm.
 */
export async function measureHerd(bench: Bench, joinMicroseconds: number): Promise<PartResult> {
  if (bench.options.quick) {
    const reason = skipped("left out of quick runs");
    return { rows: [], evidence: { G17: reason, G17e: reason, G18: reason } };
  }
  const gatehouse = await startGatehouse({ directory: bench.directory });
  try {
    const { process, bootstrapUrl } = gatehouse;
    const target = joinTarget(`gatehouse, a herd of ${HERD.toLocaleString("en")}`, gatehouse, bootstrapUrl);
    const herd = await target.turn(bench, { count: HERD, concurrency: HERD });
    const peak = process.peakMemoryBytes() / MEBIBYTE;
    const ideal = (HERD * joinMicroseconds) / availableParallelism() / 1_000_000;
    const note = `${herd.wallSeconds.toFixed(2)} s in all, peak memory ${peak.toFixed(0)} MiB`;
    return {
      rows: [{ ...target.row(), note }],
      evidence: {
        G17: measured([herd.wallSeconds / ideal], note),
        G17e: measured([target.failed]),
        G18: measured([peak]),
      },
    };
  } finally {
    await gatehouse.process.stop();
  }
}
