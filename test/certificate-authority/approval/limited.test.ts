import { expect, test } from "@jest/globals";
import { limited } from "../../../services/certificate-authority/approval/limited.ts";
import type { Verdict } from "../../../services/certificate-authority/domain/decision.ts";
import type { ApprovalHook, Interest, ReviewInput } from "../../../services/certificate-authority/domain/ports.ts";
import { facts } from "../../builders/facts.ts";
import { request } from "../../builders/request.ts";

const FINE: Verdict = { kind: "approved", reason: "Fine", message: "fine", evidence: {} };
const NOW = new Date("2026-01-01T00:00:00Z");

function input(more: Partial<ReviewInput> = {}): ReviewInput {
  const document = () => Promise.reject(new Error("not asked for"));
  return { csr: request(), facts: facts(), now: NOW, document, ...more };
}

/** A hook whose answers come when told. */
function slowHook() {
  const answers: ((verdict: Verdict) => void)[] = [];
  const signals: (AbortSignal | undefined)[] = [];
  let closed: boolean | undefined;
  const hook: ApprovalHook = {
    name: "slow",
    review: (_, signal) => {
      signals.push(signal);
      return new Promise((resolve, reject) => {
        answers.push(resolve);
        signal?.addEventListener("abort", () => reject(new Error("broken off")));
      });
    },
    close: async (isUrgent) => {
      closed = isUrgent;
    },
  };
  return { hook, answers, signals, closedWith: () => closed };
}

const turns = async () => new Promise((resolve) => setImmediate(resolve));

test("no more requests than allowed are asked about at a time, the others in the order they came", async () => {
  const { hook, answers } = slowHook();
  const bounded = limited(hook, { timeoutSeconds: 60, concurrency: 2 });
  const order: number[] = [];
  const reviews = [0, 1, 2, 3, 4].map(async (index) => {
    await bounded.review(input());
    order.push(index);
  });
  expect(bounded.load?.()).toEqual({ asking: 2, waiting: 3 });
  for (let index = 0; index < 5; index += 1) {
    expect(answers.length).toBe(Math.min(5, index + 2));
    answers[index]?.(FINE);
    await turns();
  }
  await Promise.all(reviews);
  expect(order).toEqual([0, 1, 2, 3, 4]);
  expect(bounded.load?.()).toEqual({ asking: 0, waiting: 0 });
});

test("a hook that answers at once, or throws at once, gives its place back", async () => {
  const prompt = limited({ name: "prompt", review: () => FINE }, { timeoutSeconds: 60, concurrency: 1 });
  await expect(prompt.review(input())).resolves.toBe(FINE);
  const review = (): never => {
    throw new Error("out of order");
  };
  const broken = limited({ name: "broken", review }, { timeoutSeconds: 60, concurrency: 1 });
  await expect(broken.review(input())).rejects.toThrow("out of order");
  await turns();
  expect([prompt.load?.(), broken.load?.()]).toEqual([
    { asking: 0, waiting: 0 },
    { asking: 0, waiting: 0 },
  ]);
});

test("a late answer is none: the hook is told, and the next in line is asked", async () => {
  const { hook, answers, signals } = slowHook();
  const bounded = limited(hook, { timeoutSeconds: 0.02, concurrency: 1 });
  const late = bounded.review(input());
  const next = bounded.review(input());
  await expect(late).rejects.toThrow(/^no answer within 0\.02 s$/);
  expect(signals[0]?.aborted).toBe(true);
  await turns();
  answers[1]?.(FINE);
  await expect(next).resolves.toBe(FINE);
});

test("a hook that does not heed the signal keeps its place: what it started is bounded as well", async () => {
  const started: number[] = [];
  let finish: (verdict: Verdict) => void = () => undefined;
  const deaf: ApprovalHook = {
    name: "deaf",
    review: () => {
      started.push(started.length);
      return new Promise((resolve) => {
        finish = resolve;
      });
    },
  };
  const bounded = limited(deaf, { timeoutSeconds: 0.01, concurrency: 1 });
  const late = bounded.review(input());
  const next = Promise.resolve(bounded.review(input()));
  // On a busy machine its time is up before anybody looks.
  next.catch(() => undefined);
  await expect(late).rejects.toThrow("no answer within");
  await turns();
  expect(started).toEqual([0]);
  finish(FINE);
  await turns();
  expect(started).toEqual([0, 1]);
  await expect(next).rejects.toThrow("no answer within");
  finish(FINE);
});

test("who is not wanted any more leaves the line, or is broken off", async () => {
  const { hook, answers, signals } = slowHook();
  const bounded = limited(hook, { timeoutSeconds: 60, concurrency: 1 });
  const interests = [0, 1, 2].map((): Interest => ({ isLost: false, onLost: undefined }));
  const [asked, waiting, last] = interests.map((interest) => bounded.review(input({ interest })));
  interests[1]?.onLost?.();
  await expect(waiting).rejects.toThrow("the request was settled");
  expect(bounded.load?.()).toEqual({ asking: 1, waiting: 1 });
  interests[0]?.onLost?.();
  await expect(asked).rejects.toThrow("the request was settled");
  expect(signals[0]?.aborted).toBe(true);
  await turns();
  expect(answers).toHaveLength(2);
  answers[1]?.(FINE);
  await expect(last).resolves.toBe(FINE);
});

test("what was reviewed before lets three of four that are new go first", async () => {
  const { hook, answers } = slowHook();
  const bounded = limited(hook, { timeoutSeconds: 60, concurrency: 1 });
  const order: string[] = [];
  const ask = async (name: string, isRepeated: boolean) => {
    await bounded.review(input({ isRepeated }));
    order.push(name);
  };
  const reviews = [
    ask("first", false),
    ...["old-1", "old-2", "old-3"].map((name) => ask(name, true)),
    ...["new-1", "new-2", "new-3", "new-4"].map((name) => ask(name, false)),
  ];
  for (let index = 0; index < reviews.length; index += 1) {
    answers[index]?.(FINE);
    await turns();
  }
  await Promise.all(reviews);
  expect(order).toEqual(["first", "new-1", "new-2", "new-3", "old-1", "new-4", "old-2", "old-3"]);
});

test("closing refuses the line, lets answers come, and then closes the hook", async () => {
  const { hook, answers, closedWith } = slowHook();
  const bounded = limited(hook, { timeoutSeconds: 60, concurrency: 1 });
  const asked = bounded.review(input());
  const waiting = bounded.review(input());
  const closing = bounded.close?.(false);
  await expect(waiting).rejects.toThrow("no longer asked");
  await expect(bounded.review(input())).rejects.toThrow("no longer asked");
  expect(closedWith()).toBeUndefined();
  answers[0]?.(FINE);
  await expect(asked).resolves.toBe(FINE);
  await closing;
  expect(closedWith()).toBe(false);
});

test("closing urgently breaks off what is being asked", async () => {
  const { hook, signals, closedWith } = slowHook();
  const bounded = limited(hook, { timeoutSeconds: 60, concurrency: 1 });
  const asked = bounded.review(input());
  const closing = bounded.close?.(true);
  await expect(asked).rejects.toThrow("no longer asked");
  expect(signals[0]?.aborted).toBe(true);
  await closing;
  expect(closedWith()).toBe(true);
});

test("a long line goes by in order and leaves nothing behind", async () => {
  const bounded = limited({ name: "quick", review: async () => FINE }, { timeoutSeconds: 60, concurrency: 8 });
  const order: number[] = [];
  const count = 5000;
  await Promise.all(
    Array.from({ length: count }, async (_, index) => {
      await bounded.review(input());
      order.push(index);
    }),
  );
  expect(order).toEqual(Array.from({ length: count }, (_, index) => index));
  expect(bounded.load?.()).toEqual({ asking: 0, waiting: 0 });
});
