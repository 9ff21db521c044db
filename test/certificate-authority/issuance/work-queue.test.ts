import { afterEach, beforeEach, expect, jest, test } from "@jest/globals";
import { createBackOff } from "../../../services/certificate-authority/issuance/back-off.ts";
import { createNameQueue } from "../../../services/certificate-authority/issuance/name-queue.ts";
import { createWorkQueue, type WorkResult } from "../../../services/certificate-authority/issuance/work-queue.ts";

const START = new Date("2026-01-01T00:00:00Z");
const HOUR = 3_600_000;

beforeEach(() => {
  jest.useFakeTimers({ now: START, doNotFake: ["setImmediate", "nextTick", "queueMicrotask"] });
});

afterEach(() => {
  jest.useRealTimers();
});

/** A queue whose work is settled by hand or by `answer`; it notes when each item was begun. */
function harness(answer?: (name: string) => WorkResult | Error, concurrency = 2) {
  const begun: { readonly name: string; readonly hint: number | undefined; readonly atMs: number }[] = [];
  const open = new Map<string, (outcome: WorkResult | Error) => void>();
  const errors: { readonly name: string; readonly retryInMs: number }[] = [];
  let running = 0;
  let mostRunning = 0;
  const queue = createWorkQueue<number>({
    concurrency,
    maximumQuestions: 2,
    clock: { now: () => new Date() },
    onError: (name, _error, retryInMs) => errors.push({ name, retryInMs }),
    work(name, hint) {
      begun.push({ name, hint, atMs: Date.now() - START.getTime() });
      mostRunning = Math.max(mostRunning, ++running);
      return new Promise((resolve, reject) => {
        const finish = (outcome: WorkResult | Error) => {
          running -= 1;
          open.delete(name);
          if (outcome instanceof Error) reject(outcome);
          else resolve(outcome);
        };
        open.set(name, finish);
        if (answer) finish(answer(name));
      });
    },
  });
  return {
    queue,
    begun,
    errors,
    names: () => begun.map(({ name }) => name),
    mostRunning: () => mostRunning,
    finish: async (name: string, outcome: WorkResult | Error = "done") => {
      open.get(name)?.(outcome);
      await flush();
    },
  };
}

const flush = () => new Promise((resolve) => setImmediate(resolve));

/** Lets time pass in steps, so that promises settle between timers. */
async function pass(milliseconds: number, stepMs = 100): Promise<void> {
  for (let left = milliseconds; left > 0; left -= stepMs) {
    jest.advanceTimersByTime(Math.min(stepMs, left));
    await flush();
  }
}

test("first in, first out, no more at a time than allowed", async () => {
  const { queue, names, finish, mostRunning } = harness();
  for (const name of ["a", "b", "c", "d"]) queue.add(name);
  expect(names()).toEqual(["a", "b"]);
  expect(queue.waiting).toBe(2);
  expect(queue.depth).toBe(4);
  await finish("b");
  expect(names()).toEqual(["a", "b", "c"]);
  for (const name of ["a", "c", "d"]) await finish(name);
  expect(queue.depth).toBe(0);
  expect(mostRunning()).toBe(2);
});

test("a name waits once; the last hint counts", async () => {
  const { queue, begun, finish } = harness(undefined, 1);
  queue.add("busy");
  queue.add("a", 1);
  queue.add("b");
  queue.add("a", 2);
  await finish("busy");
  await finish("a");
  await finish("b");
  expect(begun.map(({ name, hint }) => [name, hint])).toEqual([
    ["busy", undefined],
    ["a", 2],
    ["b", undefined],
  ]);
});

test("what is added while it is being worked on comes once more, never twice at a time", async () => {
  const { queue, begun, finish } = harness();
  queue.add("a", 1);
  queue.add("a", 2);
  queue.add("a", 3);
  expect(begun).toHaveLength(1);
  await finish("a");
  expect(begun.map(({ hint }) => hint)).toEqual([1, 3]);
  await finish("a");
  expect(begun).toHaveLength(2);
});

test("what failed while a newer version came is not delayed", async () => {
  const { queue, begun, errors, finish } = harness();
  queue.add("a", 1);
  queue.add("a", 2);
  await finish("a", new Error("stale"));
  expect(begun.map(({ hint }) => hint)).toEqual([1, 2]);
  expect(errors).toEqual([{ name: "a", retryInMs: 0 }]);
});

test("failures double their delay from 200 ms to 1000 s, without a hint", async () => {
  const { queue, begun, errors } = harness(() => new Error("broken"));
  queue.add("a", 7);
  await flush();
  await pass(3 * HOUR, 200);
  const delays = errors.map(({ retryInMs }) => retryInMs);
  expect(delays.slice(0, 14)).toEqual([
    200, 400, 800, 1600, 3200, 6400, 12_800, 25_600, 51_200, 102_400, 204_800, 409_600, 819_200, 1_000_000,
  ]);
  expect(new Set(delays.slice(13))).toEqual(new Set([1_000_000]));
  expect(begun.slice(0, 4).map(({ atMs, hint }) => [atMs, hint])).toEqual([
    [0, 7],
    [200, undefined],
    [600, undefined],
    [1400, undefined],
  ]);
});

test("what waits is asked again from 1 s to 5 min, quietly", async () => {
  const { queue, begun, errors } = harness(() => "waiting");
  queue.add("a");
  await flush();
  await pass(HOUR / 2, 1000);
  const gaps = begun.slice(1).map(({ atMs }, index) => atMs - (begun[index]?.atMs ?? 0));
  expect(gaps).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300, 300].map((seconds) => seconds * 1000));
  expect(errors).toEqual([]);
});

test("success and an answer that waits forget earlier failures", async () => {
  const answers: (WorkResult | Error)[] = [
    new Error("1"),
    new Error("2"),
    "waiting",
    new Error("3"),
    "done",
    new Error("4"),
  ];
  const { queue, errors } = harness(() => answers.shift() ?? "done");
  queue.add("a");
  await flush();
  await pass(5000);
  queue.add("a");
  await pass(5000);
  expect(errors.map(({ retryInMs }) => retryInMs)).toEqual([200, 400, 200, 200]);
});

test("an add does not wait for the back-off, and replaces it", async () => {
  let isBroken = true;
  const { queue, names } = harness(() => (isBroken ? new Error("broken") : "done"));
  queue.add("a");
  await flush();
  isBroken = false;
  queue.add("a");
  await flush();
  expect(names()).toEqual(["a", "a"]);
  await pass(HOUR, 60_000);
  expect(names()).toEqual(["a", "a"]);
});

test("a retry that comes due while its item waits anyway does not take its hint", async () => {
  const { queue, begun, finish } = harness(undefined, 1);
  queue.add("a");
  await finish("a", new Error("broken"));
  queue.add("busy");
  queue.add("a", 5);
  await pass(1000);
  await finish("busy");
  expect(begun.map(({ name, hint }) => [name, hint])).toEqual([
    ["a", undefined],
    ["busy", undefined],
    ["a", 5],
  ]);
});

test("forget drops what waits and what would be tried again", async () => {
  const { queue, names } = harness((name) => (name === "bad" ? new Error("broken") : "done"), 1);
  queue.add("bad");
  await flush();
  queue.forget("bad");
  const other = harness(undefined, 1);
  other.queue.add("busy");
  other.queue.add("a");
  other.queue.forget("a");
  await other.finish("busy");
  await pass(HOUR, 60_000);
  expect(names()).toEqual(["bad"]);
  expect(other.names()).toEqual(["busy"]);
});

test("the backlog comes after what is fresh, and does not count as waiting", async () => {
  const { queue, names, finish } = harness(undefined, 1);
  queue.addBacklog(["old-1", "old-2"]);
  queue.add("new");
  expect(queue.waiting).toBe(1);
  expect(queue.depth).toBe(3);
  await finish("old-1");
  await finish("new");
  expect(names()).toEqual(["old-1", "new", "old-2"]);
});

test("drain finishes what waits, drops backlog and retries, and retries nothing", async () => {
  const { queue, names, finish } = harness(undefined, 1);
  queue.addBacklog(["old-1", "old-2"]);
  queue.add("a");
  queue.add("b");
  let isDrained = false;
  const drained = queue.drain().then(() => {
    isDrained = true;
  });
  await finish("old-1", new Error("broken"));
  await finish("a", "waiting");
  expect(isDrained).toBe(false);
  await finish("b");
  await drained;
  await pass(HOUR, 60_000);
  expect(names()).toEqual(["old-1", "a", "b"]);
});

test("draining an idle queue ends at once", async () => {
  await expect(harness().queue.drain()).resolves.toBeUndefined();
});

/** A question that is answered by hand. */
function question() {
  const drop = jest.fn();
  let answer: (hint: number) => void = () => undefined;
  let fail: (error: Error) => void = () => undefined;
  const asked = {
    answer: new Promise<number>((resolve, reject) => {
      [answer, fail] = [resolve, reject];
    }),
    drop,
  };
  return { asked, drop, answer: (hint: number) => answer(hint), fail: (error: Error) => fail(error) };
}

test("what waits for an answer takes no turn from others, and goes on with the answer", async () => {
  const { queue, begun, finish } = harness(undefined, 1);
  const { asked, answer } = question();
  queue.ask("a", asked);
  expect([queue.depth, queue.waiting]).toEqual([1, 0]);
  queue.add("b", 1);
  answer(7);
  await flush();
  await finish("b");
  expect(begun.map(({ name, hint }) => [name, hint])).toEqual([
    ["b", 1],
    ["a", 7],
  ]);
});

test("a newer version does not wait for the answer, and drops the question", async () => {
  const { queue, begun, finish } = harness();
  const { asked, answer, drop } = question();
  queue.ask("a", asked);
  queue.add("a", 5);
  answer(7);
  await flush();
  await finish("a");
  expect(drop).toHaveBeenCalledTimes(1);
  expect(begun.map(({ hint }) => hint)).toEqual([5]);
  expect(queue.depth).toBe(0);
});

test("a question about what is being worked on, or waits, is dropped", async () => {
  const { queue, names, finish } = harness(undefined, 1);
  const questions = [question(), question()];
  queue.add("a");
  queue.add("b");
  queue.ask("a", questions[0]?.asked ?? question().asked);
  queue.ask("b", questions[1]?.asked ?? question().asked);
  expect(questions.map(({ drop }) => drop.mock.calls.length)).toEqual([1, 1]);
  await finish("a");
  await finish("b");
  expect(names()).toEqual(["a", "b"]);
});

test("a question that fails is tried again with back-off", async () => {
  const { queue, names, errors } = harness(() => "done");
  const { asked, fail } = question();
  queue.ask("a", asked);
  fail(new Error("broken"));
  await flush();
  expect(errors).toEqual([{ name: "a", retryInMs: 200 }]);
  await pass(200);
  expect(names()).toEqual(["a"]);
});

test("more questions than allowed are dropped, and their items come again when one is answered", async () => {
  const { queue, begun, finish } = harness(undefined, 1);
  const [first, second, third] = [question(), question(), question()];
  for (const [name, each] of Object.entries({ first, second, third })) queue.ask(name, each.asked);
  expect([first, second, third].map(({ drop }) => drop.mock.calls.length)).toEqual([0, 0, 1]);
  queue.addBacklog(["second", "fourth"]);
  queue.add("quick");
  await finish("quick");
  expect(begun.map(({ name }) => name)).toEqual(["quick"]);
  first.answer(1);
  await flush();
  for (const name of ["first", "third", "fourth"]) await finish(name);
  expect(begun.map(({ name, hint }) => [name, hint])).toEqual([
    ["quick", undefined],
    ["first", 1],
    ["third", undefined],
    ["fourth", undefined],
  ]);
});

test("forgetting and draining drop questions; nobody goes on with their answers", async () => {
  const { queue, begun } = harness();
  const [forgotten, drained] = [question(), question()];
  queue.ask("a", forgotten.asked);
  queue.ask("b", drained.asked);
  queue.forget("a");
  await queue.drain();
  const late = question();
  queue.ask("c", late.asked);
  for (const each of [forgotten, drained, late]) {
    expect(each.drop).toHaveBeenCalledTimes(1);
    each.answer(1);
  }
  await flush();
  expect([begun, queue.depth]).toEqual([[], 0]);
});

test("back-off: a hundred at once, then ten a second over all items", () => {
  const backOff = createBackOff({ baseMs: 200, maximumMs: 1_000_000, ratePerSecond: 10, burst: 100 });
  const delays = Array.from({ length: 110 }, () => backOff.delayMs(0, START));
  expect(new Set(delays.slice(0, 102))).toEqual(new Set([200]));
  expect(delays.slice(102, 105)).toEqual([300, 400, 500]);
  expect(backOff.delayMs(0, new Date(START.getTime() + 60_000))).toBe(200);
});

test("back-off: the delay is bounded, and so is what a flood leaves behind", () => {
  const backOff = createBackOff({ baseMs: 1, maximumMs: 1000, ratePerSecond: 10, burst: 1 });
  for (let index = 0; index < 1000; index += 1) expect(backOff.delayMs(99, START)).toBeLessThanOrEqual(1000);
  expect(backOff.delayMs(0, new Date(START.getTime() + 1200))).toBe(1);
});

test("name queue: order, replacement and reuse over many names", () => {
  const queue = createNameQueue<number>();
  for (let index = 0; index < 5000; index += 1) queue.put(`n${index}`, index);
  queue.drop("n1");
  queue.put("n2", -2);
  expect(queue.size).toBe(4999);
  expect([queue.take(), queue.take()]).toEqual([
    { name: "n0", hint: 0 },
    { name: "n2", hint: -2 },
  ]);
  for (let index = 3; index < 5000; index += 1) expect(queue.take()?.hint).toBe(index);
  expect(queue.take()).toBeUndefined();
  queue.put("n0", 7);
  expect(queue.take()).toEqual({ name: "n0", hint: 7 });
  queue.put("x", 1);
  queue.clear();
  expect(queue.take()).toBeUndefined();
  expect(queue.size).toBe(0);
});
