import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { type Bench, measured, type PartResult } from "../bench-context.ts";
import { LedgerFile } from "../ledger-file.ts";
import { startGatehouse } from "../servers/gatehouse.ts";

const KILL_AFTER_MILLISECONDS = 1_200;
const CONCURRENCY = 64;

/** Kills the server in mid-storm: every certificate that a client holds must be on record all the same. */
export async function measureDurability(bench: Bench): Promise<PartResult> {
  const gatehouse = await startGatehouse({ directory: bench.directory });
  const { bootstrapUrl: url, token, caPem } = gatehouse;
  const running = bench.load.run({
    ...{ pattern: "join", url, token, caPem, concurrency: CONCURRENCY, seconds: 10 },
    ...{ firstRequest: 0, checkEvery: 0, collectFingerprints: true, stopAtError: true },
  });
  await sleep(KILL_AFTER_MILLISECONDS);
  await gatehouse.process.stop("SIGKILL");
  const { fingerprints } = await running;
  const ledger = new LedgerFile(join(gatehouse.dataDirectory, "gatehouse.db"));
  const missing = ledger.missing(fingerprints).length;
  ledger.close();
  const note = `${fingerprints.length} certificates in hand, ${missing} of them not on record`;
  return {
    rows: [{ label: "gatehouse, killed under load", note }],
    evidence: { D1: measured(fingerprints.length === 0 ? [] : [missing], note) },
  };
}
