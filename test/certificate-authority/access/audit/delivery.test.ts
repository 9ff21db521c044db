import { setTimeout as delay } from "node:timers/promises";
import { expect, test } from "@jest/globals";
import {
  createDelivery,
  type DeliveryOptions,
} from "../../../../services/certificate-authority/access/audit/delivery.ts";
import { RejectedEventsError } from "../../../../services/certificate-authority/access/audit/sink.ts";
import { MemoryAuditSink } from "../../../fakes/memory-audit-sink.ts";
import { recordingLogger } from "../../../fakes/recording-logger.ts";

const FULL = Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC" });

function setUp(overrides: Partial<DeliveryOptions> = {}) {
  const sink = new MemoryAuditSink();
  const { logger, lines } = recordingLogger();
  const counts = { written: 0, dropped: 0, failed: 0 };
  const delivery = createDelivery({
    ...{ sink, logger, isBlocking: true, maxQueuedEvents: 10, maxBatchEvents: 4, maxWaitMilliseconds: 0 },
    observe: (outcome, events) => {
      counts[outcome] += events;
    },
    ...overrides,
  });
  const push = (count: number, first = 1) => {
    for (let index = 0; index < count; index += 1) delivery.push(`e${first + index}`);
  };
  const expected = (count: number) => Array.from({ length: count }, (_, index) => `e${index + 1}`);
  return { sink, delivery, counts, lines, push, expected };
}

function latch() {
  let resolve = (): void => undefined;
  const promise = new Promise<void>((release) => {
    resolve = release;
  });
  return { promise, resolve };
}

/** Until the work under way has come as far as it will. */
async function until(isTrue: () => boolean): Promise<void> {
  while (!isTrue()) await delay(1);
}

test("events are kept in order, and while one batch is under way the next collects", async () => {
  const { sink, delivery, push, expected, counts } = setUp();
  const released = latch();
  sink.hold = released.promise;
  push(2);
  await delay(1);
  push(5, 3);
  released.resolve();
  await delivery.kept();
  expect(sink.batches).toEqual([2, 4, 1]);
  expect(sink.lines).toEqual(expected(7));
  expect(counts).toEqual({ written: 7, dropped: 0, failed: 0 });
});

test("who waits is let go when its own event is kept, not before", async () => {
  const { sink, delivery, push } = setUp();
  const released = latch();
  sink.hold = released.promise;
  push(1);
  let isKept = false;
  const waiting = delivery.kept().then(() => {
    isKept = true;
  });
  await delay(5);
  expect(isKept).toBe(false);
  released.resolve();
  await waiting;
  expect(sink.lines).toEqual(["e1"]);
});

test("blocking: nothing is lost while the sink fails, whoever waits is refused, and it goes on by itself", async () => {
  const { sink, delivery, push, expected, counts, lines } = setUp();
  sink.failure = FULL;
  push(3);
  await expect(delivery.kept()).rejects.toBe(FULL);
  await expect(delivery.kept()).rejects.toBe(FULL);
  await expect(delivery.check()).rejects.toBe(FULL);
  push(12, 4);
  expect(delivery).toMatchObject({ isFailing: true, isFull: true });
  await until(() => counts.failed > 4);
  sink.failure = undefined;
  await until(() => !delivery.isFailing && !delivery.isFull);
  await delivery.kept();
  expect(sink.lines).toEqual(expected(15));
  expect(counts).toMatchObject({ written: 15, dropped: 0 });
  expect(lines.map(({ level, msg }) => [level, msg])).toEqual([
    ["warn", "an audit sink takes no records: nothing is signed and nothing may be changed until it does"],
    ["info", "an audit sink takes records again"],
  ]);
});

test("a check asks the sink unless it has just shown that it takes records", async () => {
  const { sink, delivery, push } = setUp();
  await delivery.check();
  expect(sink.batches).toEqual([0]);
  await delivery.check();
  push(1);
  await delivery.kept();
  await delivery.check();
  expect(sink.batches).toEqual([0, 1]);
});

test("a check of a sink that fails rejects, and the sink is asked again until it does not", async () => {
  const { sink, delivery } = setUp();
  sink.failure = FULL;
  await expect(delivery.check()).rejects.toBe(FULL);
  expect(delivery.isFailing).toBe(true);
  sink.failure = undefined;
  await until(() => !delivery.isFailing);
  await expect(delivery.check()).resolves.toBeUndefined();
});

test("batch: what finds no room is dropped, counted and told once; what was taken is kept", async () => {
  const { sink, push, expected, counts, lines } = setUp({ isBlocking: false });
  sink.failure = FULL;
  push(10);
  push(5, 100);
  await until(() => counts.failed > 1);
  expect(counts).toMatchObject({ written: 0, dropped: 5 });
  sink.failure = undefined;
  await until(() => sink.lines.length === 10);
  expect(sink.lines).toEqual(expected(10));
  await until(() => lines.some(({ level }) => level === "info"));
  const told = lines.map(({ level, dropped }) => ({ level, dropped }));
  expect(told).toEqual([
    { level: "warn", dropped: expect.any(Number) },
    { level: "info", dropped: 5 },
  ]);
});

test("batch: events wait for others, but not when there are enough", async () => {
  const { sink, push } = setUp({ isBlocking: false, maxWaitMilliseconds: 60_000 });
  push(3);
  await delay(5);
  expect(sink.batches).toEqual([]);
  push(1, 4);
  await until(() => sink.lines.length === 4);
  expect(sink.batches).toEqual([4]);
});

test("events that are refused for what they are: dropped in batches, held when blocking", async () => {
  const dropping = setUp({ isBlocking: false });
  dropping.sink.failure = new RejectedEventsError("answered 400");
  dropping.push(1);
  await until(() => dropping.counts.dropped === 1);
  dropping.sink.failure = undefined;
  dropping.push(1, 2);
  await until(() => dropping.sink.lines.length === 1);
  expect(dropping.sink.lines).toEqual(["e2"]);
  const holding = setUp();
  holding.sink.failure = new RejectedEventsError("answered 400");
  holding.push(1);
  await expect(holding.delivery.kept()).rejects.toThrow("answered 400");
  holding.sink.failure = undefined;
  await until(() => !holding.delivery.isFailing);
  expect(holding.sink.lines).toEqual(["e1"]);
});

test("a batch is bounded by its size too, and holds one event at least", async () => {
  const { sink, delivery } = setUp();
  const large = "x".repeat(5 * 1024 * 1024);
  const released = latch();
  sink.hold = released.promise;
  delivery.push("first");
  for (let index = 0; index < 3; index += 1) delivery.push(large);
  released.resolve();
  await delivery.kept();
  expect(sink.batches).toEqual([2, 1, 1]);
});

test("large events fill the queue before it has many", () => {
  const { sink, delivery } = setUp();
  sink.hold = new Promise(() => undefined);
  for (let index = 0; index < 8; index += 1) delivery.push("x".repeat(8 * 1024 * 1024));
  expect(delivery.isFull).toBe(true);
});

test("closing hands over what is left, failing or waiting", async () => {
  const waiting = setUp({ isBlocking: false, maxWaitMilliseconds: 60_000 });
  waiting.push(3);
  await waiting.delivery.close();
  expect(waiting.sink.lines).toEqual(waiting.expected(3));
  expect(waiting.sink.isClosed).toBe(true);
  const failing = setUp();
  failing.sink.failure = FULL;
  failing.push(6);
  await expect(failing.delivery.kept()).rejects.toBe(FULL);
  failing.sink.failure = undefined;
  await failing.delivery.close();
  expect(failing.sink.lines).toEqual(failing.expected(6));
});

test("what a closing delivery cannot hand over is counted and told", async () => {
  const { sink, delivery, push, counts, lines } = setUp();
  sink.failure = FULL;
  push(3);
  await expect(delivery.kept()).rejects.toBe(FULL);
  await delivery.close();
  expect(counts.dropped).toBe(3);
  expect(lines.at(-1)).toMatchObject({ level: "error", events: 3 });
  expect(sink.isClosed).toBe(true);
});
