import { expect, test } from "@jest/globals";
import type { BuiltChain } from "../../../services/certificate-authority/approval/chain.ts";
import { createChain } from "../../../services/certificate-authority/approval/chain.ts";
import { limited } from "../../../services/certificate-authority/approval/limited.ts";
import { createLiveChain } from "../../../services/certificate-authority/approval/live-chain.ts";
import type { Verdict } from "../../../services/certificate-authority/domain/decision.ts";
import type { ApprovalHook } from "../../../services/certificate-authority/domain/ports.ts";
import { facts } from "../../builders/facts.ts";
import { request } from "../../builders/request.ts";
import { createFakeKeyPolicy } from "../../fakes/key-policy.ts";
import { NO_HISTORY } from "../../fakes/review-history.ts";

const INPUT = { csr: request(), facts: facts(), now: new Date("2026-01-01T00:00:00Z") };

function verdict(kind: Verdict["kind"], reason: string): Verdict {
  return { kind, reason, message: reason, evidence: {} };
}

function chainOf(hook: ApprovalHook): BuiltChain {
  const hooks = [{ hook, required: false }];
  return createChain({ history: NO_HISTORY, keyPolicy: createFakeKeyPolicy(), hooks });
}

/** A hook outside that answers when told. */
function slow(name: string, concurrency = 1) {
  const answers: ((verdict: Verdict) => void)[] = [];
  const closed: boolean[] = [];
  const hook: ApprovalHook = {
    name,
    review: (_, signal) =>
      new Promise((resolve, reject) => {
        answers.push(resolve);
        signal?.addEventListener("abort", () => reject(new Error("broken off")));
      }),
    close: async (isUrgent) => void closed.push(isUrgent),
  };
  return { chain: chainOf(limited(hook, { timeoutSeconds: 60, concurrency })), answers, closed };
}

const turns = () => new Promise((resolve) => setImmediate(resolve));
const fail = (error: unknown): never => {
  throw error;
};

test("the next review asks the new chain; what answers at once does so through it", () => {
  const live = createLiveChain(chainOf({ name: "old", review: () => verdict("noOpinion", "Old") }));
  expect(live.review(INPUT)).toMatchObject({ outcome: "pending" });
  live.replace(chainOf({ name: "new", review: () => verdict("approved", "New") }), fail);
  expect(live.review(INPUT)).toMatchObject({ outcome: "approved", hook: "new" });
});

test.each([
  { kind: "denied", decision: { outcome: "denied", hook: "old" } },
  { kind: "approved", decision: { outcome: "pending", hook: undefined } },
] as const)("a review under way finishes on the former chain, which approves no more: $kind", async (each) => {
  const { chain, answers, closed } = slow("old");
  const told: string[] = [];
  const live = createLiveChain(chain, (_, { outcome }) => void told.push(outcome));
  const review = live.review(INPUT);
  live.replace(chainOf({ name: "new", review: () => verdict("noOpinion", "New") }), fail);
  expect(closed).toEqual([]);
  answers[0]?.(verdict(each.kind, "Old"));
  await expect(review).resolves.toMatchObject(each.decision);
  expect(told).toEqual([each.decision.outcome]);
  await turns();
  expect(closed).toEqual([false]);
});

test("what the former chain does not deny, or had in line, is put to the new one", async () => {
  const { chain, answers } = slow("old");
  const live = createLiveChain(chain);
  const reviews = [live.review(INPUT), live.review(INPUT)];
  live.replace(chainOf({ name: "new", review: () => verdict("approved", "New") }), fail);
  await expect(reviews[1]).resolves.toMatchObject({ outcome: "approved", hook: "new" });
  answers[0]?.(verdict("noOpinion", "Old"));
  await expect(reviews[0]).resolves.toMatchObject({ outcome: "approved", hook: "new" });
});

test("closing breaks off former chains as well", async () => {
  const [first, second] = [slow("first"), slow("second")];
  const live = createLiveChain(first.chain);
  const reviews = [live.review(INPUT)];
  live.replace(second.chain, fail);
  reviews.push(live.review(INPUT));
  await live.close();
  expect([first.closed, second.closed].flat()).toContain(true);
  expect((await reviews[1])?.reason).toBe("HookFailed");
  expect(live.current.loads()).toEqual(new Map([["second", { asking: 0, waiting: 0 }]]));
});
