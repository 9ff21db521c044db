import type { Bench } from "../bench-context.ts";
import { SERVER_CORE } from "../generator-core.ts";
import { Target } from "../target.ts";
import { CFSSL_TUNINGS, type Cfssl, type CfsslTuning, startCfssl } from "./cfssl.ts";

const PROBE_SECONDS = 0.5;

/** cfssl as fast as it gets on this disk, and how that was. */
export interface TunedCfssl extends CfsslTuning {
  readonly cfssl: Cfssl;
  readonly target: Target;
}

/** Tries every tuning for a moment and keeps the fastest: which one that is depends on the disk. */
export async function startBestCfssl(
  bench: Bench,
  program: string,
  flushDelayMilliseconds: number,
): Promise<TunedCfssl> {
  const { authority, tools } = bench;
  let best: (TunedCfssl & { readonly perSecond: number }) | undefined;
  for (const processors of new Set(CFSSL_TUNINGS.map((tuning) => tuning.processors))) {
    const settings = { program, authority, processors, flushDelayMilliseconds, slowDisk: tools.slowDisk };
    // With one scheduler thread it is fastest alone on its core, with two it needs both.
    const core = processors === 1 && tools.taskset !== undefined ? { core: SERVER_CORE } : {};
    const cfssl = await startCfssl({ ...settings, ...core });
    for (const { concurrency } of CFSSL_TUNINGS.filter((tuning) => tuning.processors === processors)) {
      const target = cfsslTarget(bench, cfssl, { processors, concurrency }, flushDelayMilliseconds);
      const { perSecond } = await target.warmUp(bench, { seconds: PROBE_SECONDS });
      if (best !== undefined && best.perSecond >= perSecond) continue;
      if (best !== undefined && best.cfssl !== cfssl) await best.cfssl.process.stop();
      best = { cfssl, target, processors, concurrency, perSecond };
    }
    if (best?.cfssl !== cfssl) await cfssl.process.stop();
  }
  if (best === undefined) throw new Error("there are no tunings of cfssl");
  return best;
}

function cfsslTarget(
  bench: Bench,
  cfssl: Cfssl,
  { processors, concurrency }: CfsslTuning,
  delayMilliseconds: number,
): Target {
  const disk = delayMilliseconds === 0 ? "" : ` +${delayMilliseconds} ms`;
  const place = processors === 1 && bench.tools.taskset !== undefined ? ", a core of its own" : "";
  const label = `cfssl serve${disk} (GOMAXPROCS ${processors}${place}, ${concurrency} at a time)`;
  const { caPem } = bench.authority;
  return new Target(label, cfssl.process, {
    pattern: "cfsslSign",
    url: cfssl.url,
    caPem,
    concurrency,
    checkEvery: 100,
  });
}
