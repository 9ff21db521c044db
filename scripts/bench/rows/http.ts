import { type Bench, measured, type PartResult, Resources, skipped } from "../bench-context.ts";
import { SERVER_CORE } from "../generator-core.ts";
import type { Evidence } from "../judge.ts";
import { startCfssl } from "../servers/cfssl.ts";
import { startGatehouse } from "../servers/gatehouse.ts";
import { median, ratios } from "../statistics.ts";
import { Target } from "../target.ts";

const CONCURRENCY = 32;
const CFSSL_CONCURRENCIES = [2, 32] as const;

/** Connections that stay open, so that what is left is the work on a certificate itself. Servers on one core. */
export async function measureHttp(bench: Bench): Promise<PartResult> {
  const resources = new Resources();
  const { tools, directory } = bench;
  // The judged figure is CPU time, which needs no long turns.
  const extent = { seconds: bench.turnSeconds / 2 };
  const core = tools.taskset === undefined ? {} : { core: SERVER_CORE };
  try {
    const gatehouse = await startGatehouse({ directory, ...core });
    const { process, url, token, caPem } = gatehouse;
    resources.add(() => process.stop());
    const work = { pattern: "createAndWatch", url, token, caPem, concurrency: CONCURRENCY, checkEvery: 100 } as const;
    const ours = new Target("gatehouse, kept-alive: POST, certificate by watch", process, work);
    const peers = await startPeers(bench, core, resources);
    await ours.warmUp(bench);
    // cfssl is compiled ahead of time; this is for its connections and pages.
    for (const peer of peers) await peer.warmUp(bench, extent);
    for (let round = 1; round <= bench.rounds; round += 1) {
      bench.say(`kept-alive connections, round ${round} of ${bench.rounds}`);
      for (const target of [ours, ...peers]) await target.turn(bench, extent);
    }
    return { rows: [ours, ...peers].map((target) => target.row()), evidence: { G6b: againstBest(ours, peers) } };
  } finally {
    await resources.end();
  }
}

async function startPeers(bench: Bench, core: { core?: number }, resources: Resources): Promise<readonly Target[]> {
  const { authority, tools } = bench;
  if (tools.cfssl === undefined) return [];
  const settings = { program: tools.cfssl, authority, processors: 1, flushDelayMilliseconds: 0, slowDisk: undefined };
  const cfssl = await startCfssl({ ...settings, ...core });
  resources.add(() => cfssl.process.stop());
  const work = { pattern: "cfsslSignKeptAlive", url: cfssl.url, caPem: authority.caPem, checkEvery: 100 } as const;
  return CFSSL_CONCURRENCIES.map(
    (concurrency) =>
      new Target(`cfssl serve, kept-alive, ${concurrency} at a time`, cfssl.process, { ...work, concurrency }),
  );
}

/** Against whichever concurrency costs cfssl less. */
function againstBest(ours: Target, peers: readonly Target[]): Evidence {
  const [best] = peers.toSorted((a, b) => median(a.serverMicroseconds) - median(b.serverMicroseconds));
  if (best === undefined) return skipped("cfssl is not installed");
  return measured(ratios(best.serverMicroseconds, ours.serverMicroseconds), `against ${best.label}`);
}
