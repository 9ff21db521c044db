import { join } from "node:path";
import { type Bench, measured, type PartResult, Resources, skipped } from "../bench-context.ts";
import type { Evidence } from "../judge.ts";
import { LedgerFile } from "../ledger-file.ts";
import { startFloor } from "../servers/floor.ts";
import { type Gatehouse, startGatehouse } from "../servers/gatehouse.ts";
import { startNaive } from "../servers/naive.ts";
import type { ServerProcess } from "../servers/server-process.ts";
import { startBestCfssl } from "../servers/tune-cfssl.ts";
import { median, ratios } from "../statistics.ts";
import { Target, type Turn } from "../target.ts";
import { measureDurability } from "./durability.ts";
import { measureHerd } from "./herd.ts";
import { CHECK_EVERY, floorTarget, joinTarget, STORM_CONCURRENCY } from "./storm-targets.ts";

const DISK_DELAYS_MILLISECONDS = [0, 1, 5] as const;
type DiskDelay = (typeof DISK_DELAYS_MILLISECONDS)[number];

/** Everything that takes turns in the storm. */
interface Field {
  readonly floor: Target;
  readonly floorServer: ServerProcess;
  readonly ours: Readonly<Record<DiskDelay, Target>>;
  /** The listener that asks for client certificates; it has one turn at the end. */
  readonly oursMainListener: Target;
  readonly naive: Target;
  readonly cfssl: Readonly<Partial<Record<DiskDelay, Target>>>;
  readonly gatehouses: readonly { readonly gatehouse: Gatehouse; readonly targets: Target[] }[];
}

/** The join storm: Gatehouse, cfssl and the naive server in turns, on three disks; then one client, a herd, and a kill. */
export async function measureStorm(bench: Bench): Promise<PartResult> {
  const resources = new Resources();
  try {
    const field = await enterField(bench, resources);
    await warmUp(bench, field);
    for (let round = 1; round <= bench.rounds; round += 1) {
      bench.say(`storm, round ${round} of ${bench.rounds}`);
      for (const target of contestants(field)) await turnOfRoused(bench, target);
    }
    await turnOfRoused(bench, field.oursMainListener);
    const single = await measureSingle(bench, field);
    await resources.end();
    const mismatch = accountsMismatch(field);
    bench.say("herd of 5,000");
    const herd = await measureHerd(bench, median(field.ours[0].serverMicroseconds));
    bench.say("killing a server under load");
    const durability = await measureDurability(bench);
    return {
      rows: [
        ...[...contestants(field), field.oursMainListener, single.ours, single.floor].map((target) => target.row()),
        ...[...herd.rows, ...durability.rows],
      ],
      evidence: { ...stormEvidence(bench, field, single), ...herd.evidence, ...durability.evidence, D2: mismatch },
      floor: field.floor.serverMicroseconds,
    };
  } finally {
    await resources.end();
  }
}

async function enterField(bench: Bench, resources: Resources): Promise<Field> {
  const { authority, directory, tools } = bench;
  const floor = await startFloor(authority);
  resources.add(() => floor.stop());
  const naive = await startNaive(authority);
  resources.add(() => naive.stop());
  const gatehouses: { readonly gatehouse: Gatehouse; readonly targets: Target[] }[] = [];
  const start = async (commitDelayMilliseconds: DiskDelay): Promise<Target> => {
    const gatehouse = await startGatehouse({ directory, commitDelayMilliseconds });
    resources.add(() => gatehouse.process.stop());
    const disk = commitDelayMilliseconds === 0 ? "" : ` +${commitDelayMilliseconds} ms`;
    const target = joinTarget(`gatehouse${disk}`, gatehouse, gatehouse.bootstrapUrl);
    gatehouses.push({ gatehouse, targets: [target] });
    return target;
  };
  const ours = { 0: await start(0), 1: await start(1), 5: await start(5) };
  const [first] = gatehouses;
  if (first === undefined) throw new Error("no server was started");
  const oursMainListener = joinTarget(
    "gatehouse, listener that asks for client certificates",
    first.gatehouse,
    first.gatehouse.url,
  );
  first.targets.push(oursMainListener);
  const base = { caPem: authority.caPem, concurrency: STORM_CONCURRENCY, checkEvery: CHECK_EVERY };
  const cfssl: Partial<Record<DiskDelay, Target>> = {};
  if (tools.cfssl !== undefined) {
    for (const delay of DISK_DELAYS_MILLISECONDS.filter((value) => value === 0 || tools.slowDisk !== undefined)) {
      bench.say(`looking for cfssl's best settings at +${delay} ms`);
      const best = await startBestCfssl(bench, tools.cfssl, delay);
      resources.add(() => best.cfssl.process.stop());
      cfssl[delay] = best.target;
    }
  }
  return {
    floor: floorTarget("floor F: bare node:https, GET, close", floor, bench),
    floorServer: floor,
    naive: new Target("naive server", naive, { ...base, pattern: "naiveJoin", url: naive.announced }),
    ...{ ours, oursMainListener, cfssl, gatehouses },
  };
}

function contestants({ floor, ours, naive, cfssl }: Field): readonly Target[] {
  const present = (target: Target | undefined): readonly Target[] => (target === undefined ? [] : [target]);
  const disks = DISK_DELAYS_MILLISECONDS.flatMap((delay) => [ours[delay], ...present(cfssl[delay])]);
  return [floor, ...disks, naive];
}

/** Every server that compiles itself as it runs, in the same measure. */
async function warmUp(bench: Bench, field: Field): Promise<void> {
  // cfssl is compiled ahead of time, and the search for its best settings has touched its pages.
  const { floor, ours, naive } = field;
  for (const target of [floor, ours[0], ours[1], ours[5], naive]) {
    bench.say(`warming up: ${target.label}`);
    await target.warmUp(bench);
  }
}

/**
 * Between two of its turns a server is idle for longer than it is busy: V8 collects and forgets, caches belong to
 * others. What it takes to get going again is not what a join costs.
 */
async function turnOfRoused(bench: Bench, target: Target): Promise<void> {
  await target.warmUp(bench, { seconds: bench.turnSeconds / 2 });
  await target.turn(bench);
}

interface Single {
  readonly ours: Target;
  readonly floor: Target;
}

/** One kubelet at a time, one after the other, and what a bare request takes such a client. */
async function measureSingle(bench: Bench, { gatehouses, floorServer }: Field): Promise<Single> {
  const [first] = gatehouses;
  if (first === undefined) throw new Error("no server was started");
  const ours = joinTarget("gatehouse, a single client", first.gatehouse, first.gatehouse.bootstrapUrl);
  const floor = floorTarget("floor F, a single client", floorServer, bench);
  first.targets.push(ours);
  for (let round = 0; round < bench.rounds; round += 1) {
    for (const target of [ours, floor]) await target.turn(bench, { concurrency: 1, seconds: bench.turnSeconds / 4 });
  }
  return { ours, floor };
}

/** Joins that failed or were answered wrongly, and certificates that are on record too often or not at all. */
function accountsMismatch({ gatehouses }: Field): Evidence {
  const problems = gatehouses.map(({ gatehouse, targets }) => {
    const failed = targets.reduce((sum, target) => sum + target.failed, 0);
    const completed = targets.reduce((sum, target) => sum + target.completed, 0);
    const ledger = new LedgerFile(join(gatehouse.dataDirectory, "gatehouse.db"));
    const recorded = ledger.certificates();
    ledger.close();
    return failed + Math.abs(recorded - completed);
  });
  return measured([problems.reduce((sum, count) => sum + count, 0)]);
}

function stormEvidence(bench: Bench, field: Field, single: Single): Record<string, Evidence> {
  const { floor, ours, oursMainListener, naive } = field;
  const mainListener = median(oursMainListener.serverMicroseconds) / median(floor.serverMicroseconds);
  const p50 = ({ p50Milliseconds }: Turn): number => p50Milliseconds;
  const floorP50 = median(single.floor.series(p50)).toFixed(2);
  const note = `${mainListener.toFixed(2)} where client certificates are asked for`;
  return {
    G5: measured(ratios(ours[0].serverMicroseconds, floor.serverMicroseconds), note),
    G6: againstCfssl(bench, field, 0),
    G7: againstCfssl(bench, field, 1),
    G8: againstCfssl(bench, field, 5),
    G9: measured(ratios(ours[0].perSecond, naive.perSecond)),
    G10: measured(ratios(ours[1].perSecond, ours[0].perSecond)),
    G16: measured(single.ours.series(p50), `a bare request takes the same client ${floorP50} ms`),
  };
}

function againstCfssl({ tools }: Bench, { ours, cfssl }: Field, delay: DiskDelay): Evidence {
  if (tools.cfssl === undefined) return skipped("cfssl is not installed");
  const measuredPeer = cfssl[delay];
  if (measuredPeer !== undefined) return measured(ratios(ours[delay].perSecond, measuredPeer.perSecond));
  // cfssl flushes once for each certificate, one after the other, so a slower flush adds to every one of them.
  const computed = cfssl[0]?.perSecond.map((perSecond) => 1 / (1 / perSecond + delay / 1000)) ?? [];
  return measured(ratios(ours[delay].perSecond, computed), "cfssl's rate computed from the flush time, not measured");
}
