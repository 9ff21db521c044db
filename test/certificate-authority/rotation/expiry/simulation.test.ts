import { beforeEach, expect, test } from "@jest/globals";
import { expectationOf } from "../../../../services/certificate-authority/domain/expiry.ts";
import { createSpread } from "../../../../services/certificate-authority/domain/spread.ts";
import { chooseValidity } from "../../../../services/certificate-authority/domain/validity.ts";
import { createFleetWatch } from "../../../../services/certificate-authority/rotation/expiry/fleet-watch.ts";
import { forecastExpiry } from "../../../../services/certificate-authority/rotation/expiry/forecast.ts";
import { createNotifier } from "../../../../services/certificate-authority/rotation/expiry/notifier.ts";
import { CLIENT_SIGNER, fleetOf } from "../../../builders/fleet.ts";
import { FakeExpiryRecords } from "../../../fakes/expiry-records.ts";
import { SettableClock } from "../../../fakes/settable-clock.ts";
import { type SimulatedCertificate, SimulatedKubelet, seededRandom } from "../../../fakes/simulated-kubelets.ts";

const HOUR = 3_600_000;
const DAY = 24 * HOUR;
const START = new Date("2026-01-01T00:00:00Z");
const LIFETIME_DAYS = 10;
const NODES = 400;
const at = (milliseconds: number) => new Date(START.getTime() + milliseconds);

let clock: SettableClock;
let random: () => number;
let kubelets: readonly SimulatedKubelet[];
let ids: number;
let isApproving: boolean;

/** What Gatehouse would sign, with the spread of lifetimes or without it. */
function issuing(fraction: number) {
  const by = fraction > 0 ? createSpread({ fraction, minimumSeconds: 3600 }) : undefined;
  return (now: Date): SimulatedCertificate => {
    ids += 1;
    const limits = { maximumSeconds: LIFETIME_DAYS * 86_400, issuerNotAfter: new Date("2100-01-01T00:00:00Z") };
    const spread = by && { by, key: `uid-${ids}` };
    return { id: ids, ...chooseValidity(undefined, { ...limits, spread }, now) };
  };
}

function join(fraction: number) {
  const issue = issuing(fraction);
  kubelets = Array.from(
    { length: NODES },
    (_, index) => new SimulatedKubelet(`node-${index}`, issue(at(random() * HOUR)), random),
  );
  return (now: Date) => {
    clock.set(now);
    for (const kubelet of kubelets) {
      if (random() < 0.002) kubelet.restart();
      kubelet.liveUntil(now, (asked) => (isApproving ? issue(asked) : undefined));
    }
  };
}

/** What a scan of the ledger would find. */
const fleetNow = () =>
  fleetOf(
    kubelets.map(({ name, certificate }) => ({ name, ...certificate })),
    clock.now(),
  );

beforeEach(() => {
  clock = new SettableClock(START);
  random = seededRandom(20_261_121);
  ids = 0;
  isApproving = true;
});

test.each([0, 0.4])(
  "while requests are approved no node is ever overdue, however often it restarts (spread %d)",
  (fraction) => {
    const liveUntil = join(fraction);
    let due = 0;
    const late: string[] = [];
    for (let hours = 1; hours <= 3 * LIFETIME_DAYS * 24; hours += 1) {
      liveUntil(at(hours * HOUR));
      for (const { certificate } of kubelets) {
        const { state } = expectationOf({ signerName: CLIENT_SIGNER, ...certificate }, clock.now());
        if (state === "due") due += 1;
        else if (state !== "fresh") late.push(state);
      }
    }
    expect(late).toEqual([]);
    expect(due).toBeGreaterThan(0);
    // Each lived through three lifetimes, and renewed at 0.8 of each on average.
    expect(ids / NODES).toBeGreaterThan(3.5);
  },
);

test.each([0, 0.4])("the forecast is what happens when nothing is approved any more (spread %d)", async (fraction) => {
  const liveUntil = join(fraction);
  const stop = 17 * DAY;
  for (let hours = 1; hours <= stop / HOUR; hours += 1) liveUntil(at(hours * HOUR));
  isApproving = false;
  const watch = createFleetWatch({ records: { scan: async () => fleetNow() }, clock, forgetAfterDays: 30 });
  const query = { untilSeconds: LIFETIME_DAYS * 86_400, buckets: 40, limit: 1000, continueToken: undefined };
  const forecast = await forecastExpiry(watch, clock, query);
  expect(forecast).toMatchObject({ nodes: NODES, leaving: NODES, lost: 0 });
  const predicted = new Map(forecast.items.map(({ nodeName, leavesAt }) => [nodeName, leavesAt]));
  let lostBefore = 0;
  const happened: number[] = [];
  for (let bucket = 1; bucket <= 40; bucket += 1) {
    const now = at(stop + bucket * forecast.bucketSeconds * 1000);
    liveUntil(now);
    const lost = kubelets.filter((kubelet) => now.getTime() > kubelet.certificate.notAfter.getTime());
    expect(lost.filter(({ name }) => (predicted.get(name)?.getTime() ?? 0) >= now.getTime())).toEqual([]);
    happened.push(lost.length - lostBefore);
    lostBefore = lost.length;
  }
  // An end on the border of two stretches is in the one that begins, when it happens in the one before.
  const sums = (counts: readonly number[]) =>
    counts.map((_, end) => counts.slice(0, end + 1).reduce((a, b) => a + b, 0));
  const [ahead, behind] = [sums(forecast.buckets.map(({ nodes }) => nodes)), sums(happened)];
  for (const [bucket, count] of ahead.entries()) expect(Math.abs(count - (behind[bucket] ?? 0))).toBeLessThanOrEqual(1);
  expect(behind.at(-1)).toBe(NODES);
});

test("while nothing is approved, those inside the window have asked in the share that is told, and ask every quarter of an hour", () => {
  const liveUntil = join(0);
  isApproving = false;
  for (const share of [0.72, 0.76, 0.8, 0.84, 0.88, 0.95]) {
    const [first] = kubelets;
    const now = at(share * LIFETIME_DAYS * DAY);
    liveUntil(now);
    const {
      shareThatAsked,
      asksAgainWithinSeconds = 0,
      state,
    } = expectationOf(
      { signerName: CLIENT_SIGNER, ...(first?.certificate ?? { notBefore: START, notAfter: START }) },
      now,
    );
    const asking = kubelets.filter(({ asked }) => asked.length > 0);
    expect(Math.abs(asking.length / NODES - shareThatAsked)).toBeLessThan(0.07);
    const pauses = asking.map(({ asked }) => (now.getTime() - (asked.at(-1)?.getTime() ?? 0)) / 1000);
    expect(Math.max(...pauses)).toBeLessThanOrEqual(asksAgainWithinSeconds);
    expect(state).toBe(share > 0.9 ? "overdue" : "due");
  }
});

test("through an outage of approvals and jumps of the clock by a day, each state is told once and none is left out", async () => {
  const liveUntil = join(0);
  const records = new FakeExpiryRecords();
  const targets = [{ name: "pager", states: ["due", "overdue", "lost", "renewed"] as const }];
  const notifier = createNotifier({ records, targets, forgetAfterDays: 30 });
  const truth = new Set<string>();
  for (let hours = 1; hours <= 20 * 24; hours += 1) {
    // Too long for some: those whose certificates end meanwhile are lost, the others ask until they are answered.
    isApproving = hours < 6 * 24 || hours > 10 * 24;
    const now = at(hours * HOUR);
    liveUntil(now);
    for (const { name, certificate } of kubelets) {
      const { state } = expectationOf({ signerName: CLIENT_SIGNER, ...certificate }, now);
      if (state !== "fresh") truth.add(`${name} ${certificate.id} ${state}`);
    }
    const jump = hours % 7 === 0 ? DAY : hours % 11 === 0 ? -DAY : 0;
    await notifier.note(fleetNow(), new Date(now.getTime() + jump));
    await notifier.note(fleetNow(), now);
  }
  const said = records.noted.map(({ name, certificateId, state }) => `${name} ${certificateId} ${state}`);
  expect(new Set(said).size).toBe(said.length);
  // A jump ahead may say a worse state early, which leaves the better ones unsaid: never the worst that came true.
  const severity = ["due", "overdue", "lost"];
  const worst = new Map<string, number>();
  for (const each of said) {
    const [name, id, state = ""] = each.split(" ");
    const key = `${name} ${id}`;
    worst.set(key, Math.max(worst.get(key) ?? -1, severity.indexOf(state)));
  }
  const leftOut = [...truth].filter((each) => {
    const [name, id, state = ""] = each.split(" ");
    return (worst.get(`${name} ${id}`) ?? -1) < severity.indexOf(state);
  });
  expect(leftOut).toEqual([]);
  const lost = kubelets.filter((kubelet) => kubelet.isLost(clock.now()));
  expect(lost.length).toBeGreaterThan(0);
  expect(lost.length).toBeLessThan(NODES);
  for (const { name, certificate } of lost) expect(said).toContain(`${name} ${certificate.id} lost`);
});
