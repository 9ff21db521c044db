import { beforeEach, expect, test } from "@jest/globals";
import { createNotifier } from "../../../../services/certificate-authority/rotation/expiry/notifier.ts";
import { fleetOf, type HolderArguments } from "../../../builders/fleet.ts";
import { FakeExpiryRecords } from "../../../fakes/expiry-records.ts";

const DAY = 86_400_000;
const START = new Date("2026-06-01T00:00:00Z");
const day = (days: number) => new Date(START.getTime() + days * DAY);
const PAGER = { name: "pager", states: ["overdue", "lost", "renewed"] } as const;
const LAST = { name: "last", states: ["lost", "renewed"] } as const;

let records: FakeExpiryRecords;
let notifier: ReturnType<typeof createNotifier>;

beforeEach(() => {
  records = new FakeExpiryRecords();
  notifier = createNotifier({ records, targets: [PAGER, LAST], forgetAfterDays: 30 });
});

/** A certificate of 100 days from a day on. */
const holder = (name: string, id: number, from: number, more: Partial<HolderArguments> = {}): HolderArguments => ({
  ...{ name, id, notBefore: day(from), notAfter: day(from + 100) },
  ...more,
});
const note = (holders: readonly HolderArguments[], now: number) => notifier.note(fleetOf(holders, day(now)), day(now));
const said = () => records.noted.map(({ name, state, targets }) => `${name} ${state}: ${targets.join(" ")}`);

test("each state is noted once for those who want to hear of it, and what follows takes it back", async () => {
  const node = holder("node-1", 1, 0);
  for (const now of [0, 75, 91, 92, 99, 101, 102]) await note([node], now);
  expect(said()).toEqual(["node-1 overdue: pager", "node-1 lost: pager last"]);
  await note([holder("node-1", 2, 102)], 103);
  expect(said().at(-1)).toBe("node-1 renewed: pager last");
  await note([holder("node-1", 2, 102)], 104);
  expect(said()).toHaveLength(3);
});

test("a trial says what there is to say, and nobody is told", async () => {
  const fleet = fleetOf([holder("node-1", 1, 0), holder("node-2", 2, -20)], day(91));
  const expected = { states: { overdue: 1, lost: 1 }, names: ["node-2", "node-1"] };
  expect(await notifier.note(fleet, day(91), true)).toEqual(expected);
  expect([records.noted, records.pruned]).toEqual([[], []]);
  expect(await notifier.note(fleet, day(91))).toEqual(expected);
  expect(await notifier.note(fleet, day(91), true)).toEqual({ states: {}, names: [] });
});

test("who was not told of the trouble is not told of its end", async () => {
  await note([holder("node-1", 1, 0)], 91);
  await note([holder("node-1", 2, 91)], 92);
  expect(said()).toEqual(["node-1 overdue: pager", "node-1 renewed: pager"]);
});

test("holders of one name are not taken for each other", async () => {
  const other = { signerName: "kubernetes.io/kubelet-serving" };
  await note([holder("node-1", 1, 0), holder("node-1", 2, 0, other), holder("node-1", 3, 0, { isNode: false })], 91);
  expect(said()).toHaveLength(3);
  await note([holder("node-1", 4, 91), holder("node-1", 2, 0, other), holder("node-1", 3, 0, { isNode: false })], 92);
  expect(said().slice(3)).toEqual(["node-1 renewed: pager"]);
});

test("a clock that jumps a day ahead, and back, has nothing said twice and nothing left out", async () => {
  const node = holder("node-1", 1, 0);
  for (const now of [89.5, 90.5, 89.6, 90.1, 99.5, 100.5, 99.6, 98.6, 100.1, 101.1]) await note([node], now);
  expect(said()).toEqual(["node-1 overdue: pager", "node-1 lost: pager last"]);
});

test("a target is handed what it needs to act, the same each time", async () => {
  await note([holder("node-1", 7, 0), holder("web", 8, 0, { isNode: false, signerName: "example.com/web" })], 101);
  const [first, second] = records.noted.map(({ document }) => JSON.parse(document));
  expect(first).toEqual({
    ...{ id: `${"07".repeat(16)}-lost`, state: "lost", name: "node-1", nodeName: "node-1" },
    signerName: "kubernetes.io/kube-apiserver-client-kubelet",
    ...{ fingerprint: "07".repeat(32), notBefore: day(0).toISOString(), notAfter: day(100).toISOString() },
    ...{ renewsItself: true, renewalBegins: day(70).toISOString(), renewalEnds: day(90).toISOString() },
    noticedAt: day(101).toISOString(),
  });
  expect(second).toMatchObject({ name: "web", renewsItself: false });
  expect(second).not.toHaveProperty("nodeName");
});

test("what was said is remembered longer than the fleet is looked back on", async () => {
  await note([], 50);
  expect(records.pruned).toEqual([{ endedBefore: day(50 - 37), targets: ["pager", "last"] }]);
});

test("a whole fleet is noted in bounded commits", async () => {
  const sizes: number[] = [];
  records.record = (notices) => {
    sizes.push(notices.length);
    return FakeExpiryRecords.prototype.record.call(records, notices);
  };
  const holders = Array.from({ length: 1_050 }, (_, index) => holder(`node-${index}`, index + 1, 0));
  expect(await note(holders, 91)).toMatchObject({ states: { overdue: 1_050 } });
  expect(Math.max(...sizes)).toBe(200);
  expect(await note(holders, 92)).toEqual({ states: {}, names: [] });
});
