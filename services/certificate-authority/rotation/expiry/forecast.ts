import type { Clock } from "../../../shared/clock.ts";
import { type FleetColumns, firstAfter, type Holder, holderAt, signerAt } from "../../domain/fleet.ts";
import type { FleetWatch } from "./fleet-watch.ts";
import { MAXIMUM_AGE_SECONDS, placeAfter, tokenOf } from "./report.ts";
import { stretches } from "./turns.ts";

/** Holders looked at in one turn of the event loop: about a millisecond. */
const COUNTED_A_TURN = 2_500;
const READ_A_TURN = 250;
const CLIENT_SIGNER = "kubernetes.io/kube-apiserver-client-kubelet";
const SERVING_SIGNER = "kubernetes.io/kubelet-serving";

export interface ForecastQuery {
  readonly untilSeconds: number;
  readonly buckets: number;
  readonly limit: number;
  readonly continueToken: string | undefined;
}

export interface ForecastBucket {
  readonly from: Date;
  /** Nodes that leave the cluster: their client certificate ends. */
  readonly nodes: number;
  /** Nodes that cannot be reached for logs and exec any more: their serving certificate ends. */
  readonly serving: number;
}

/** When a node feels first that nobody approves. */
export interface FallOff {
  readonly nodeName: string;
  /** The first of its certificates to end, and when. */
  readonly at: Date;
  readonly signerName: string;
  /** When its client certificate ends; undefined when that is after the forecast's end, or was before its beginning. */
  readonly leavesAt: Date | undefined;
}

export interface Forecast {
  readonly from: Date;
  readonly until: Date;
  readonly observedAt: Date;
  readonly bucketSeconds: number;
  readonly buckets: readonly ForecastBucket[];
  /** Nodes whose client certificate is valid now; what the histogram is of. */
  readonly nodes: number;
  /** Of these, how many have left by the end. */
  readonly leaving: number;
  /** Nodes that have left already. */
  readonly lost: number;
  /** The first to fall off first, a node at most once. */
  readonly items: readonly FallOff[];
  readonly continueToken: string | undefined;
}

/** Which nodes fall off when, should nothing be approved from now on: each certificate lasts to its end, and none follows. */
export async function forecastExpiry(watch: FleetWatch, clock: Clock, query: ForecastQuery): Promise<Forecast> {
  const fleet = await watch.seen(MAXIMUM_AGE_SECONDS);
  const from = clock.now();
  const until = new Date(from.getTime() + query.untilSeconds * 1000);
  const counted = await count(fleet, from, until, query.buckets);
  const items = await fallOffs(fleet, from, until, query);
  return { from, until, observedAt: fleet.observedAt, ...counted, ...items };
}

async function count(fleet: FleetColumns, from: Date, until: Date, buckets: number) {
  const width = (until.getTime() - from.getTime()) / buckets;
  const clients = new Uint32Array(buckets);
  const servings = new Uint32Array(buckets);
  const totals = { nodes: 0, leaving: 0, lost: 0 };
  for await (const [start, end] of stretches(0, fleet.ids.length, COUNTED_A_TURN)) {
    for (let index = start; index < end; index += 1) {
      const kind = kindOf(fleet, index);
      const ahead = (fleet.notAfter[index] ?? 0) - from.getTime();
      const bucket = Math.floor(ahead / width);
      if (kind === "client") totals[ahead < 0 ? "lost" : "nodes"] += 1;
      if (kind === undefined || ahead < 0 || bucket >= buckets) continue;
      const counts = kind === "client" ? clients : servings;
      counts[bucket] = (counts[bucket] ?? 0) + 1;
    }
  }
  const list = Array.from(clients, (nodes, bucket) => {
    totals.leaving += nodes;
    return { from: new Date(from.getTime() + bucket * width), nodes, serving: servings[bucket] ?? 0 };
  });
  return { ...totals, buckets: list, bucketSeconds: width / 1000 };
}

function kindOf(fleet: FleetColumns, index: number): "client" | "serving" | undefined {
  if (fleet.isNode[index] !== 1) return undefined;
  const signerName = signerAt(fleet, index);
  if (signerName === CLIENT_SIGNER) return "client";
  return signerName === SERVING_SIGNER ? "serving" : undefined;
}

async function fallOffs(
  fleet: FleetColumns,
  now: Date,
  until: Date,
  { limit, continueToken }: ForecastQuery,
): Promise<Pick<Forecast, "items" | "continueToken">> {
  const first = firstAfter(fleet, now.getTime() - 1, Number.MAX_SAFE_INTEGER);
  const end = firstAfter(fleet, until.getTime() - 1, Number.MAX_SAFE_INTEGER);
  const page = continueToken === undefined ? first : Math.max(first, placeAfter(fleet, continueToken));
  const seen = new Set<string>();
  const found: Holder[] = [];
  const leaves = new Map<string, Date>();
  for await (const [start, stop] of stretches(first, end, READ_A_TURN)) {
    for (let index = start; index < stop; index += 1) {
      const kind = kindOf(fleet, index);
      if (kind === undefined) continue;
      const holder = holderAt(fleet, index);
      if (kind === "client") leaves.set(holder.name, holder.notAfter);
      if (seen.has(holder.name)) continue;
      seen.add(holder.name);
      if (index >= page && found.length <= limit) found.push(holder);
    }
  }
  const items = found.slice(0, limit).map(({ name, notAfter, signerName }) => ({
    ...{ nodeName: name, at: notAfter, signerName },
    leavesAt: leaves.get(name),
  }));
  const last = found[limit - 1];
  return { items, continueToken: found.length > limit && last !== undefined ? tokenOf(last) : undefined };
}
