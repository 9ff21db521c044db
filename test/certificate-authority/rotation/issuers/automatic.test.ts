import { afterEach, beforeEach, expect, test } from "@jest/globals";
import { createMetrics } from "../../../../services/certificate-authority/http/metrics.ts";
import { node } from "../../../builders/users.ts";
import { type Bench, DAY_SECONDS, rotationBench } from "./fixture.ts";

const POLICY = { issuerRotation: { automatic: { prepareAtPercentOfLife: 50, overlapSeconds: 7 * DAY_SECONDS } } };
const YEAR = { issuer: { lifetimeDays: 400 }, ...POLICY };

let bench: Bench;
beforeEach(async () => {
  bench = await rotationBench();
});
afterEach(() => bench.opened.close());

const bundleOf = (pem: string): readonly string[] => pem.match(/-----BEGIN[\s\S]*?END CERTIFICATE-----\n/g) ?? [];

test("prepares at half of the active issuer's life, activates when it was published and is trusted, retires what is spent", async () => {
  const { takeDueSteps, trust, live } = await bench.open(YEAR);
  await bench.issue(await bench.idOf("active"), 300 * DAY_SECONDS);
  bench.clock.advance(199 * DAY_SECONDS);
  expect(await takeDueSteps()).toEqual([]);
  bench.clock.advance(2 * DAY_SECONDS);
  expect(await takeDueSteps(true)).toEqual(["would prepare default"]);
  expect(await bench.slots()).toEqual(["active"]);
  expect(await takeDueSteps()).toEqual(["prepare default"]);
  const bundle = bundleOf(live.directory.trustedPem);
  bench.clock.advance(6 * DAY_SECONDS);
  trust.holds(node("node-1"), "two", bundle);
  expect(await takeDueSteps()).toEqual([]);
  bench.clock.advance(DAY_SECONDS);
  expect(await takeDueSteps()).toEqual(["activate default"]);
  expect(await takeDueSteps()).toEqual([]);
  bench.clock.advance(93 * DAY_SECONDS);
  expect(await takeDueSteps()).toEqual(["retire default"]);
  expect(await bench.slots()).toEqual(["active", "old, ended"]);
});

test("never by force: it waits for who is not shown to trust the new one, and for a clock that was set back", async () => {
  const { takeDueSteps, trust, live } = await bench.open(YEAR);
  await bench.issue(await bench.idOf("active"), 399 * DAY_SECONDS);
  bench.clock.advance(300 * DAY_SECONDS);
  await takeDueSteps();
  bench.clock.advance(-DAY_SECONDS);
  trust.holds(node("node-1"), "two", bundleOf(live.directory.trustedPem));
  expect(await takeDueSteps()).toEqual([]);
  await bench.issue(await bench.idOf("active"), 90 * DAY_SECONDS, { nodeName: "late" });
  bench.clock.advance(9 * DAY_SECONDS);
  expect(await takeDueSteps()).toEqual([]);
  trust.holds(node("late"), "two", bundleOf(live.directory.trustedPem));
  expect(await takeDueSteps()).toEqual(["activate default"]);
});

test("what cannot be done for one issuer keeps no other from it, and without a policy nothing is done", async () => {
  const short = { name: "short", commonName: "short", parent: "root", lifetimeDays: 390 };
  const root = { name: "root", commonName: "root", lifetimeDays: 400 };
  const settings = { issuer: { lifetimeDays: 400 }, issuers: [root, short] };
  const idle = await bench.open(settings);
  bench.clock.advance(199 * DAY_SECONDS);
  expect(await idle.takeDueSteps()).toEqual([]);
  const { takeDueSteps } = await bench.open({ ...settings, ...POLICY });
  // `short` would outlive its parent, which is replaced only a little later.
  expect(await takeDueSteps()).toEqual([]);
  bench.clock.advance(2 * DAY_SECONDS);
  expect(await takeDueSteps()).toEqual(["prepare default", "prepare root"]);
  expect(bench.log.lines.map(({ name, msg }) => [name, msg])).toContainEqual(["short", "an issuer's rotation waits"]);
});

test("metrics: phases, certificates by slot and consumers, at most a minute old", async () => {
  const { rotation, recentStatuses } = await bench.open();
  await bench.issue(await bench.idOf("active"), 30 * DAY_SECONDS);
  const metrics = createMetrics();
  metrics.attach({
    ...{ pending: async () => ({ count: 0, oldest: undefined }), issuers: async () => [], configuredIssuers: () => [] },
    certificatesExpiringBefore: async () => ({ counts: [], valid: 0 }),
    ...{ queueDepth: () => 0, watches: () => 0, revision: () => 0, now: () => bench.clock.now() },
    rotations: recentStatuses,
  });
  const lines = async (): Promise<readonly string[]> =>
    (await metrics.render())
      .split("\n")
      .filter((line) => /^gatehouse_issuer_(rotation|live|node|consumers)/.test(line));
  expect(await lines()).toContain('gatehouse_issuer_rotation_phase{name="default",phase="steady"} 1');
  await rotation.prepare("default", { bridge: false, chainPem: undefined }, "alice");
  expect(await lines()).toContain('gatehouse_issuer_rotation_phase{name="default",phase="steady"} 1');
  bench.clock.advance(61);
  const now = await lines();
  const id = (await bench.idOf("active")).slice(0, 16);
  expect(now).toContain('gatehouse_issuer_rotation_phase{name="default",phase="prepared"} 1');
  expect(now).toContain(`gatehouse_issuer_live_certificates{name="default",slot="active",issuer="${id}"} 1`);
  expect(now).toContain('gatehouse_issuer_consumers{name="default",trust="missing"} 1');
});
