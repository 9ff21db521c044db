/**
 * How evenly kubelets renew after a mass join: `node scripts/measure-spread.ts [DAYS] [FRACTION…]`, seven days and the
 * fractions 0.23, 0.4 and 0.6 without arguments. Simulates 5,000 and 65,000 kubelets that join within ten minutes, certificates of
 * DAYS by the code that chooses them, and renewals at moments drawn as kubelets draw them; counts the renewals of each hour.
 * Seeds are fixed: the figures are the same each time. Takes a few seconds.
 */
import { RENEWAL_BEGINS, RENEWAL_ENDS } from "../services/certificate-authority/domain/kubelet-renewal.ts";
import { createSpread } from "../services/certificate-authority/domain/spread.ts";
import { chooseValidity } from "../services/certificate-authority/domain/validity.ts";

const HOUR = 3600;
const DAY = 24 * HOUR;
const JOINING_SECONDS = 600;
const FLEETS = [5_000, 65_000];
/** As many whole lifetimes are watched. */
const GENERATIONS = 3;
const FAR = new Date("2100-01-01T00:00:00Z");
const SEED = 20_261_121;

/** A small generator of numbers in [0, 1) (mulberry32), so that a run can be repeated. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

interface Outcome {
  /** Renewals in each hour since the join. */
  readonly hours: readonly number[];
  readonly renewals: number;
}

function simulate(nodes: number, lifetimeSeconds: number, fraction: number): Outcome {
  const random = randomNumbers(SEED);
  const spread = fraction === 0 ? undefined : createSpread({ fraction, minimumSeconds: HOUR });
  const endSeconds = GENERATIONS * lifetimeSeconds;
  const hours = new Array<number>(Math.ceil(endSeconds / HOUR)).fill(0);
  let renewals = 0;
  let requests = 0;
  for (let node = 0; node < nodes; node += 1) {
    let at = Math.floor(random() * JOINING_SECONDS);
    while (at < endSeconds) {
      const key = `uid-${++requests}`;
      const limits = { maximumSeconds: lifetimeSeconds, issuerNotAfter: FAR, spread: spread && { by: spread, key } };
      const { notBefore, notAfter } = chooseValidity(undefined, limits, new Date(at * 1000));
      const begin = notBefore.getTime() / 1000;
      const length = notAfter.getTime() / 1000 - begin;
      at = begin + length * (RENEWAL_BEGINS + (RENEWAL_ENDS - RENEWAL_BEGINS) * random());
      const hour = Math.floor(at / HOUR);
      if (at >= endSeconds) break;
      hours[hour] = (hours[hour] ?? 0) + 1;
      renewals += 1;
    }
  }
  return { hours, renewals };
}

function report(nodes: number, days: number, fraction: number): readonly string[] {
  const { hours, renewals } = simulate(nodes, days * DAY, fraction);
  const first = hours.slice(0, Math.ceil((days * DAY) / HOUR));
  const peak = Math.max(...first);
  const mean = renewals / hours.length;
  const busy = first.filter((count) => count > 0).length;
  return [
    ...[String(nodes), fraction === 0 ? "none" : String(fraction), String(peak), mean.toFixed(1)],
    ...[(peak / mean).toFixed(2), (busy / 24).toFixed(1), (renewals / nodes / (GENERATIONS * days)).toFixed(3)],
  ];
}

function main(args: readonly string[]): void {
  const numbers = args.map(Number);
  if (numbers.some((number) => !Number.isFinite(number) || number <= 0))
    throw new Error("usage: node scripts/measure-spread.ts [DAYS] [FRACTION…]");
  const [days = 7, ...given] = numbers;
  const fractions = [0, ...(given.length > 0 ? given : [0.23, 0.4, 0.6])];
  const header = ["nodes", "spread", "peak/h", "mean/h", "peak/mean", "days with renewals", "renewals/node/day"];
  const rows = FLEETS.flatMap((nodes) => fractions.map((fraction) => report(nodes, days, fraction)));
  const widths = header.map((name, column) =>
    Math.max(...[header, ...rows].map((row) => (row[column] ?? name).length)),
  );
  for (const row of [header, ...rows])
    process.stdout.write(`${row.map((cell, column) => cell.padStart(widths[column] ?? 0)).join("  ")}\n`);
}

main(process.argv.slice(2));
