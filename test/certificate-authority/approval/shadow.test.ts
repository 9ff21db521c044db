import { expect, test } from "@jest/globals";
import { createChain } from "../../../services/certificate-authority/approval/chain.ts";
import { createLiveChain } from "../../../services/certificate-authority/approval/live-chain.ts";
import { createShadow } from "../../../services/certificate-authority/approval/shadow.ts";
import type { Verdict } from "../../../services/certificate-authority/domain/decision.ts";
import type { ApprovalHook, ReviewInput } from "../../../services/certificate-authority/domain/ports.ts";
import type { ShadowRecord } from "../../../services/certificate-authority/domain/shadow.ts";
import { facts } from "../../builders/facts.ts";
import { request } from "../../builders/request.ts";
import { createFakeKeyPolicy } from "../../fakes/key-policy.ts";
import { NO_HISTORY } from "../../fakes/review-history.ts";

const NOW = new Date("2026-01-01T00:00:00Z");
const INPUT = { csr: request(), facts: facts(), now: NOW };
const verdict = (kind: Verdict["kind"]): Verdict => ({
  kind,
  reason: "Because",
  message: `it is ${kind}`,
  evidence: {},
});
const chainOf = (hook: ApprovalHook) =>
  createChain({ history: NO_HISTORY, keyPolicy: createFakeKeyPolicy(), hooks: [{ hook, required: false }] });

async function turns(count = 5) {
  for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

/** A chain in force of one hook with the shadow of another beside it. */
function harness(live: () => Verdict, review: ApprovalHook["review"], limits = {}) {
  const records: ShadowRecord[] = [];
  const errors: unknown[] = [];
  const shadow = createShadow({
    chain: chainOf({ name: "new-rule", review }),
    record: async (record) => void records.push(record),
    now: () => NOW,
    onError: (error) => errors.push(error),
    ...limits,
  });
  const chain = createLiveChain(chainOf({ name: "old-rule", review: live }), (asked, decision) =>
    shadow.follow(asked, decision),
  );
  return { chain, shadow, records, errors };
}

test("what the shadow would decide otherwise is recorded; the decision in force is made without it", async () => {
  const inputs: ReviewInput[] = [];
  const { chain, shadow, records } = harness(
    () => verdict("approved"),
    (input) => {
      inputs.push(input);
      return verdict("denied");
    },
  );
  expect(chain.review(INPUT)).toMatchObject({ outcome: "approved", hook: "old-rule" });
  expect(inputs).toEqual([]);
  await turns();
  expect(inputs).toMatchObject([{ isRehearsal: true, now: NOW }]);
  expect(records).toMatchObject([
    {
      ...{ at: NOW, requestName: "csr-1", requester: "system:bootstrap:abcdef" },
      live: { outcome: "approved", hook: "old-rule" },
      shadow: { outcome: "denied", hook: "new-rule", message: "it is denied" },
    },
  ]);
  expect(shadow.status()).toEqual({
    ...{ since: NOW, agreed: 0, failed: 0, dropped: 0 },
    differed: [{ live: "approved", shadow: "denied", count: 1 }],
  });
});

test("agreement is counted, and a shadow that cannot evaluate is no difference", async () => {
  let isBroken = false;
  const { chain, shadow, records } = harness(
    () => verdict("approved"),
    () => {
      if (isBroken) throw new Error("broken");
      return verdict("approved");
    },
  );
  void chain.review(INPUT);
  await turns();
  isBroken = true;
  void chain.review(INPUT);
  await turns();
  expect([shadow.status(), records]).toMatchObject([{ agreed: 1, failed: 1, differed: [] }, []]);
});

test("what waits is put to the shadow once; rehearsals and failures never", async () => {
  const { chain, shadow } = harness(
    () => verdict("noOpinion"),
    () => verdict("approved"),
  );
  void chain.review(INPUT);
  void chain.review({ ...INPUT, isRepeated: true });
  void chain.review({ ...INPUT, isRehearsal: true });
  await turns();
  expect(shadow.status().differed).toEqual([{ live: "pending", shadow: "approved", count: 1 }]);
});

test("a shadow that is too busy is passed by, and that is counted", async () => {
  const open: ((answer: Verdict) => void)[] = [];
  const { chain, shadow } = harness(
    () => verdict("approved"),
    () => new Promise((resolve) => open.push(resolve)),
    { maximumReviews: 2, maximumWaiting: 3 },
  );
  for (let index = 0; index < 2; index += 1) void chain.review(INPUT);
  await turns();
  for (let index = 0; index < 10; index += 1) void chain.review(INPUT);
  await turns();
  expect([open.length, shadow.status().dropped]).toEqual([2, 7]);
  for (let index = 0; index < 5; index += 1) {
    open[index]?.(verdict("approved"));
    await turns();
  }
  expect(shadow.status()).toMatchObject({ agreed: 5, dropped: 7 });
});

test("what cannot be recorded is told", async () => {
  const errors: unknown[] = [];
  const shadow = createShadow({
    chain: chainOf({ name: "new-rule", review: () => verdict("denied") }),
    record: async () => {
      throw new Error("disk full");
    },
    now: () => NOW,
    onError: (error) => errors.push(error),
  });
  shadow.follow(INPUT, { outcome: "approved", hook: "x", reason: "", message: "", trace: [] });
  await turns();
  expect(errors).toEqual([new Error("disk full")]);
});

test("after its end it follows nothing", async () => {
  const { chain, shadow } = harness(
    () => verdict("approved"),
    () => verdict("denied"),
  );
  void chain.review(INPUT);
  await shadow.close(false);
  void chain.review(INPUT);
  await turns();
  expect(shadow.status()).toMatchObject({ agreed: 0, differed: [], dropped: 0 });
});
