import { beforeEach, expect, test } from "@jest/globals";
import { createDelivery } from "../../../../services/certificate-authority/rotation/expiry/delivery.ts";
import type { Target } from "../../../../services/certificate-authority/rotation/expiry/targets.ts";
import { FakeExpiryRecords } from "../../../fakes/expiry-records.ts";
import { recordingLogger } from "../../../fakes/recording-logger.ts";

interface FakeTarget extends Target {
  /** The items of each message that was taken. */
  readonly messages: (readonly unknown[])[];
  /** What telling fails with from now on. */
  problem: Error | undefined;
  attempts: number;
}

function target(name: string, batch = 2): FakeTarget {
  const fake: FakeTarget = {
    ...{ name, batch, retry: { firstSeconds: 10, maximumSeconds: 60 }, messages: [], problem: undefined, attempts: 0 },
    async tell(message) {
      fake.attempts += 1;
      if (fake.problem !== undefined) throw fake.problem;
      const { items, ...head } = JSON.parse(message) as { items: unknown[] };
      expect(head).toEqual({ apiVersion: "gatehouse.dev/v1", kind: "ExpiryNotification", target: name });
      fake.messages.push(items);
    },
    close: async () => undefined,
  };
  return fake;
}

let records: FakeExpiryRecords;
let pauses: { readonly seconds: number; run: () => void }[];
let observed: string[];
beforeEach(() => {
  records = new FakeExpiryRecords();
  pauses = [];
  observed = [];
});

function delivery(targets: readonly Target[]) {
  const { logger, lines } = recordingLogger();
  const running = createDelivery({
    ...{ records, targets, logger, random: () => 1 },
    observe: (name, outcome, count) => observed.push(`${name} ${outcome} ${count}`),
    later: (seconds, run) => {
      const entry = { seconds, run };
      pauses.push(entry);
      return () => pauses.splice(pauses.indexOf(entry), 1);
    },
  });
  return { ...running, lines };
}

test("what waits is told in order, so many at once, and then waits no more", async () => {
  const one = target("one");
  for (const document of ["1", "2", "3"]) records.put("one", document);
  await delivery([one]).deliver();
  expect(one.messages).toEqual([[1, 2], [3]]);
  expect(await records.countWaiting()).toBe(0);
  expect(observed).toEqual(["one delivered 2", "one delivered 1"]);
});

test("a target that fails is left alone for twice as long each time, and keeps nobody else waiting", async () => {
  const [bad, good] = [target("bad"), target("good")];
  bad.problem = new Error("down");
  for (const name of ["bad", "good"]) records.put(name, "1");
  const running = delivery([bad, good]);
  await running.deliver();
  expect(good.messages).toEqual([[1]]);
  for (let round = 0; round < 4; round += 1) {
    await running.deliver();
    pauses[round]?.run();
    await new Promise((resolve) => setImmediate(resolve));
  }
  expect(pauses.map(({ seconds }) => seconds)).toEqual([10, 20, 40, 60, 60]);
  expect(bad.attempts).toBe(5);
  expect(running.lines.filter(({ msg }) => msg === "a target of notifications was not told")).toHaveLength(5);
  bad.problem = undefined;
  pauses[4]?.run();
  await new Promise((resolve) => setImmediate(resolve));
  await running.deliver();
  expect(bad.messages).toEqual([[1]]);
});

test("what could not be settled is told again", async () => {
  const one = target("one");
  records.put("one", "1");
  const settle = (ids: readonly number[]) => FakeExpiryRecords.prototype.settle.call(records, ids);
  records.settle = async () => Promise.reject(new Error("disk full"));
  const running = delivery([one]);
  await running.deliver();
  records.settle = settle;
  pauses[0]?.run();
  await new Promise((resolve) => setImmediate(resolve));
  await running.deliver();
  expect(one.messages).toEqual([[1], [1]]);
  expect(await records.countWaiting()).toBe(0);
});

test("a close breaks off what goes on, waits for it, and tells nothing more", async () => {
  const one = target("one");
  one.tell = (_message, signal) =>
    new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(new Error("broken off"))));
  records.put("one", "1");
  const running = delivery([one]);
  const telling = running.deliver();
  await new Promise((resolve) => setImmediate(resolve));
  await running.close();
  await telling;
  expect(pauses).toEqual([]);
  expect(await records.countWaiting()).toBe(1);
});
