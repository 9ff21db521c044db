import { type Bench, measured, type PartResult, Resources, type Row } from "../bench-context.ts";
import type { Evidence } from "../judge.ts";
import { startGatehouse } from "../servers/gatehouse.ts";
import { findIncumbent, type IncumbentPrograms, startIncumbent } from "../servers/incumbent.ts";
import { ratios, sampleOf } from "../statistics.ts";
import { Target } from "../target.ts";

const CONCURRENCY = 32;
const WARM_UP_REQUESTS = 200;
const DEFAULT_DIRECTORY = "/usr/local/kubebuilder/bin";
/**
 * Certificates a second that kube-apiserver, etcd and kube-controller-manager 1.36.2 issued with their client limits
 * lifted, on two cores of an AMD EPYC shared with the client; with stock flags it was 10.2.
 */
const DOCUMENTED_PER_SECOND = 427;

/** How fast a stock cluster's own controllers issue the same certificates to the same client, in turns with ours. */
export async function measureIncumbent(bench: Bench): Promise<PartResult> {
  const resources = new Resources();
  try {
    const ours = await startOurs(bench, resources);
    const programs = findIncumbent(process.env["KUBEBUILDER_ASSETS"] ?? DEFAULT_DIRECTORY);
    const [theirs] = await Promise.all([programs && startTheirs(bench, programs, resources), ours.warmUp(bench)]);
    await theirs?.warmUp(bench, { count: WARM_UP_REQUESTS });
    for (let round = 1; round <= bench.rounds; round += 1) {
      bench.say(`a stock cluster's controllers, round ${round} of ${bench.rounds}`);
      for (const target of theirs ? [ours, theirs] : [ours]) await target.turn(bench);
    }
    if (theirs === undefined) return againstDocumented(ours);
    const quotients = ratios(ours.perSecond, theirs.perSecond);
    return {
      rows: [ours.row(), theirs.row()],
      evidence: { G20: measured(quotients, "client limits of its controllers lifted") },
    };
  } finally {
    await resources.end();
  }
}

async function startOurs({ directory }: Bench, resources: Resources): Promise<Target> {
  const { process, url, token, caPem } = await startGatehouse({ directory });
  resources.add(() => process.stop());
  return new Target("gatehouse, one kept-alive client, 32 at a time", process, {
    ...{ pattern: "createAndWatch", url, token, caPem, concurrency: CONCURRENCY, checkEvery: 20 },
  });
}

async function startTheirs(bench: Bench, programs: IncumbentPrograms, resources: Resources): Promise<Target> {
  bench.say("starting etcd, kube-apiserver and kube-controller-manager");
  const incumbent = await startIncumbent(programs, bench.directory, (process) => resources.add(() => process.stop()));
  const { url, token, caPem, processes } = incumbent;
  const [, apiServer] = processes;
  if (apiServer === undefined) throw new Error("kube-apiserver was not started");
  const label = "kube-apiserver + etcd + kube-controller-manager, same client (CPU: the API server's)";
  return new Target(label, apiServer, {
    ...{ pattern: "createAndWatch", url, token, caPem, concurrency: CONCURRENCY, checkEvery: 20 },
  });
}

function againstDocumented(ours: Target): PartResult {
  const row: Row = {
    label: "kube-apiserver + etcd + kube-controller-manager, documented",
    perSecond: sampleOf([DOCUMENTED_PER_SECOND]),
    note: "not measured here: the programs are absent",
  };
  const note = `against the documented ${DOCUMENTED_PER_SECOND}/s of another machine`;
  const evidence: Evidence = measured(
    ours.perSecond.map((perSecond) => perSecond / DOCUMENTED_PER_SECOND),
    note,
  );
  return { rows: [ours.row(), row], evidence: { G20: evidence } };
}
