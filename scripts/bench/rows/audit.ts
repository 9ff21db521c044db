import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Bench, measured, type PartResult, Resources } from "../bench-context.ts";
import { SERVER_CORE } from "../generator-core.ts";
import { type GatehouseSettings, startGatehouse } from "../servers/gatehouse.ts";
import { median, ratios } from "../statistics.ts";
import { Target } from "../target.ts";

const CONCURRENCY = 32;
const REQUESTS = { full: 2_000, quick: 1_000 } as const;

const VARIANTS: readonly { readonly label: string; readonly audit?: GatehouseSettings["audit"] }[] = [
  { label: "gatehouse, POST, no audit" },
  { label: "gatehouse, POST, audit level Metadata", audit: { level: "Metadata", mode: "batch" } },
  { label: "the same, each durable before it takes effect", audit: { level: "Metadata", mode: "blocking" } },
];

/** What the audit record costs where it is written most: creating requests over kept-alive connections, nothing signed. */
export async function measureAudit(bench: Bench): Promise<PartResult> {
  const resources = new Resources();
  const count = bench.options.quick ? REQUESTS.quick : REQUESTS.full;
  try {
    const servers = await startServers(bench, resources);
    // Half of a join's code, three times over: the requests that the others get would take longer than the turns.
    for (const { target } of servers) await target.warmUp(bench, { ...bench.warmUp, count: bench.warmUp.count / 2 });
    for (let round = 1; round <= bench.rounds; round += 1) {
      bench.say(`creating ${count} requests, round ${round} of ${bench.rounds}`);
      for (const { target } of servers) await target.turn(bench, { count });
    }
    const [without, batch] = servers;
    const notes = await Promise.all(servers.map(({ stop }) => stop()));
    const rows = servers.map(({ target }, index) => ({ ...target.row(), note: notes[index] ?? "" }));
    const cpu = (server: Server | undefined): readonly number[] => server?.target.serverMicroseconds ?? [];
    return { rows, evidence: { G21: measured(ratios(cpu(without), cpu(batch)), throughputNote(without, batch)) } };
  } finally {
    await resources.end();
  }
}

interface Server {
  readonly target: Target;
  /** Resolves with what is on record. */
  readonly stop: () => Promise<string>;
}

async function startServers({ directory, tools }: Bench, resources: Resources): Promise<readonly Server[]> {
  const core = tools.taskset === undefined ? {} : { core: SERVER_CORE };
  const servers: Server[] = [];
  for (const { label, audit } of VARIANTS) {
    const gatehouse = await startGatehouse({ directory, approvesJoins: false, ...core, ...(audit && { audit }) });
    const { process, url, token, caPem, dataDirectory } = gatehouse;
    resources.add(() => process.stop());
    const work = { pattern: "create", url, token, caPem, concurrency: CONCURRENCY, checkEvery: 0 } as const;
    const target = new Target(label, process, work);
    const stop = async (): Promise<string> => {
      await process.stop();
      return audit === undefined ? "" : account(join(dataDirectory, "audit.log"), target);
    };
    servers.push({ target, stop });
  }
  return servers;
}

/** The rates themselves, which whoever else uses the machine disturbs. */
function throughputNote(without: Server | undefined, batch: Server | undefined): string {
  const rates = ratios(batch?.target.perSecond ?? [], without?.target.perSecond ?? []);
  return `requests/s: ${median(rates).toFixed(2)} x`;
}

/** Each creation has an event for its beginning and one for its end. */
function account(log: string, { completed, failed }: Target): string {
  const lines = readFileSync(log, "utf8").split("\n");
  const events = lines.filter((line) => line.includes('"verb":"create"')).length;
  return `${completed + failed} requests, ${events} events on record`;
}
