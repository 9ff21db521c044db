import { expect, test } from "@jest/globals";
import type { FleetColumns } from "../../../../services/certificate-authority/domain/fleet.ts";
import { createFleetWatch } from "../../../../services/certificate-authority/rotation/expiry/fleet-watch.ts";
import { forecastExpiry } from "../../../../services/certificate-authority/rotation/expiry/forecast.ts";
import { plotForecast } from "../../../../services/certificate-authority/rotation/expiry/forecast-plot.ts";
import { reportExpiry } from "../../../../services/certificate-authority/rotation/expiry/report.ts";
import { CLIENT_SIGNER, fleetOf, type HolderArguments } from "../../../builders/fleet.ts";

const SERVING = "kubernetes.io/kubelet-serving";
const DAY = 86_400_000;
const NOW = new Date("2026-06-01T00:00:00Z");
const inDays = (days: number) => new Date(NOW.getTime() + days * DAY);
const clock = { now: () => NOW };
const ALL = { states: [], signerName: undefined, nodeName: undefined, limit: 100, continueToken: undefined };
const AHEAD = { untilSeconds: 10 * 86_400, buckets: 10, limit: 100, continueToken: undefined };

/** Certificates of 100 days that end so many days from now. */
const ending = (name: string, days: number, more: Partial<HolderArguments> = {}): HolderArguments => ({
  ...{ name, notBefore: inDays(days - 100), notAfter: inDays(days) },
  ...more,
});
const FLEET = fleetOf(
  [
    ending("gone", -1),
    ending("late", 5),
    ending("due", 20),
    ending("fresh", 80),
    ending("late", 3, { signerName: SERVING }),
    ending("fresh", 6, { signerName: SERVING }),
    ending("alice", 50, { signerName: "example.com/person", isNode: false }),
  ],
  NOW,
);

function watching(fleet: FleetColumns) {
  return createFleetWatch({ records: { scan: async () => fleet }, clock, forgetAfterDays: 30 });
}

test("holders are counted by signer and state, with the first end that is still ahead", async () => {
  const { signers, observedAt } = await reportExpiry(watching(FLEET), clock, ALL);
  expect(observedAt).toEqual(NOW);
  expect(signers).toEqual([
    { signerName: "example.com/person", counts: { fresh: 1, due: 0, overdue: 0, lost: 0 }, soonest: inDays(50) },
    { signerName: CLIENT_SIGNER, counts: { fresh: 1, due: 1, overdue: 1, lost: 1 }, soonest: inDays(5) },
    { signerName: SERVING, counts: { fresh: 0, due: 0, overdue: 2, lost: 0 }, soonest: inDays(3) },
  ]);
});

test("holders are listed by state, signer and node, page by page", async () => {
  const list = async (query: Partial<typeof ALL> & object) =>
    reportExpiry(watching(FLEET), clock, { ...ALL, ...query });
  const names = ({ items }: Awaited<ReturnType<typeof list>>) => items.map(({ name, state }) => `${name} ${state}`);
  expect(names(await list({ states: ["lost", "overdue"] as never }))).toEqual([
    ...["gone lost", "late overdue", "late overdue", "fresh overdue"],
  ]);
  expect(names(await list({ signerName: SERVING as never }))).toEqual(["late overdue", "fresh overdue"]);
  expect(names(await list({ nodeName: "alice" as never }))).toEqual([]);
  const pages: string[] = [];
  let token: string | undefined;
  do {
    const page = await list({ limit: 2, continueToken: token as never });
    expect(page.items.length).toBeLessThanOrEqual(2);
    pages.push(...names(page));
    token = page.continueToken;
  } while (token !== undefined);
  expect(pages).toEqual(names(await list({})));
  await expect(list({ continueToken: "x" as never })).rejects.toMatchObject({ reason: "BadRequest" });
});

test("a fleet is looked at again when it was long ago, once for all who ask", async () => {
  let scans = 0;
  let monotonic = 0;
  const records = { scan: async () => ({ ...FLEET, isCut: scans++ > 0 }) };
  const watch = createFleetWatch({ records, clock, forgetAfterDays: 30, monotonicNow: () => monotonic });
  expect(watch.latest()).toBeUndefined();
  await Promise.all([watch.seen(5), watch.seen(5)]);
  await watch.seen(5);
  expect(scans).toBe(1);
  monotonic = 5_001;
  await watch.seen(5);
  expect(scans).toBe(2);
});

test("a fleet that takes long to look at is looked at less often", async () => {
  let scans = 0;
  let monotonic = 0;
  const scan = async () => {
    scans += 1;
    monotonic += 3_000;
    return FLEET;
  };
  const watch = createFleetWatch({ records: { scan }, clock, forgetAfterDays: 30, monotonicNow: () => monotonic });
  await watch.seen(5);
  monotonic = 29_999;
  await watch.seen(5);
  expect(scans).toBe(1);
  monotonic = 30_001;
  await watch.seen(5);
  expect(scans).toBe(2);
});

test("a scan that fails is tried again by whoever asks next", async () => {
  let scans = 0;
  const scan = async () => {
    if (scans++ === 0) throw new Error("disk");
    return FLEET;
  };
  const watch = createFleetWatch({ records: { scan }, clock, forgetAfterDays: 30 });
  await expect(watch.seen(5)).rejects.toThrow("disk");
  expect(await watch.seen(5)).toBe(FLEET);
});

test("the forecast counts who leaves when, and names each node once, by what ends first", async () => {
  const forecast = await forecastExpiry(watching(FLEET), clock, AHEAD);
  expect(forecast).toMatchObject({ nodes: 3, leaving: 1, lost: 1, bucketSeconds: 86_400 });
  expect(forecast.buckets.map(({ nodes, serving }) => [nodes, serving])).toEqual([
    ...[
      [0, 0],
      [0, 0],
      [0, 0],
      [0, 1],
      [0, 0],
      [1, 0],
      [0, 1],
      [0, 0],
      [0, 0],
      [0, 0],
    ],
  ]);
  expect(forecast.items).toEqual([
    { nodeName: "late", at: inDays(3), signerName: SERVING, leavesAt: inDays(5) },
    { nodeName: "fresh", at: inDays(6), signerName: SERVING, leavesAt: undefined },
  ]);
});

test("a forecast is listed page by page", async () => {
  const nodes = Array.from({ length: 25 }, (_, index) => ending(`node-${index}`, 1 + index / 10));
  const watch = watching(fleetOf(nodes, NOW));
  const found: string[] = [];
  let continueToken: string | undefined;
  do {
    const page = await forecastExpiry(watch, clock, { ...AHEAD, limit: 10, continueToken });
    found.push(...page.items.map(({ nodeName }) => nodeName));
    ({ continueToken } = page);
  } while (continueToken !== undefined);
  expect(found).toEqual(nodes.map(({ name }) => name));
});

test("a plot is SVG of attributes alone: nothing that a content security policy would hold back", async () => {
  const plot = plotForecast(await forecastExpiry(watching(FLEET), clock, AHEAD));
  expect(plot).toMatch(/^<svg xmlns="http:\/\/www\.w3\.org\/2000\/svg"/);
  expect(plot).not.toMatch(/<(style|script|image|use|a|foreignObject)\b|style=|href=|on\w+=|url\(|&/i);
  expect(plot).toContain("1 of 3 nodes leave by 2026-06-11; 1 have left already");
  const open = [...plot.matchAll(/<(\w+)(?: [^>]*[^/])?>/g)].map(([, tag]) => tag);
  const closed = [...plot.matchAll(/<\/(\w+)>/g)].map(([, tag]) => tag);
  expect(new Set(open)).toEqual(new Set(closed));
  expect(open).toHaveLength(closed.length);
  expect(plotForecast(await forecastExpiry(watching(fleetOf([], NOW)), clock, AHEAD))).toContain("0 of 0 nodes");
});

test("an answer about a million holders gives way to other work", async () => {
  const count = 1_000_000;
  const base = fleetOf([ending("n", 50)], NOW);
  const fleet: FleetColumns = {
    ...base,
    signers: new Uint16Array(count),
    notBefore: new Float64Array(count).fill(inDays(-50).getTime()),
    notAfter: new Float64Array(count).fill(inDays(50).getTime()),
    ids: Float64Array.from({ length: count }, (_, index) => index),
    isNode: new Uint8Array(count).fill(1),
  };
  let turns = 0;
  const counting = setInterval(() => undefined, 1);
  const turn = (): void => {
    turns += 1;
    handle = setImmediate(turn);
  };
  let handle = setImmediate(turn);
  const { signers } = await reportExpiry(watching(fleet), clock, { ...ALL, states: ["lost"] });
  clearImmediate(handle);
  clearInterval(counting);
  expect(signers[0]?.counts.fresh).toBe(count);
  expect(turns).toBeGreaterThan(1_000);
});
