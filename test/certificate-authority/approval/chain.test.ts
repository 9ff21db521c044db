import { expect, test } from "@jest/globals";
import { isIncomplete } from "../../../services/certificate-authority/approval/arbitration.ts";
import { createChain } from "../../../services/certificate-authority/approval/chain.ts";
import { manualHook } from "../../../services/certificate-authority/approval/hooks/manual.ts";
import { hookSelector } from "../../../services/certificate-authority/approval/selector.ts";
import type { Verdict } from "../../../services/certificate-authority/domain/decision.ts";
import type { ApprovalHook } from "../../../services/certificate-authority/domain/ports.ts";
import { BOUND_NODE_EXTRA } from "../../../services/shared/user-info.ts";
import { facts } from "../../builders/facts.ts";
import { request } from "../../builders/request.ts";
import { createFakeKeyPolicy } from "../../fakes/key-policy.ts";
import { NO_HISTORY } from "../../fakes/review-history.ts";

const NOW = new Date("2026-01-01T00:00:00Z");
const keyPolicy = createFakeKeyPolicy();
const INPUT = { csr: request(), facts: facts(), now: NOW };

function hook(name: string, kind: Verdict["kind"], asked: string[] = []): ApprovalHook {
  return {
    name,
    async review() {
      asked.push(name);
      return { kind, reason: `${name}Reason`, message: `${name} message`, evidence: { from: name } };
    },
  };
}

function broken(name: string): ApprovalHook {
  return {
    name,
    async review() {
      throw new Error(`${name} is broken`);
    },
  };
}

test("the trace holds every hook in order, with what it said and how long it took", async () => {
  let milliseconds = 0;
  const monotonicNow = () => {
    milliseconds += 0.25;
    return milliseconds;
  };
  const hooks = [
    { hook: hook("first", "noOpinion"), required: false },
    { hook: hook("second", "approved"), required: true },
  ];
  const decision = await createChain({ history: NO_HISTORY, keyPolicy, hooks, monotonicNow }).review(INPUT);
  expect(decision).toMatchObject({ outcome: "approved", hook: "second", reason: "secondReason" });
  expect(decision.trace).toMatchObject([
    { hook: "bootstrap-token", required: false, kind: "noOpinion", durationMicroseconds: 250 },
    { hook: "key-policy", required: false, kind: "noOpinion", durationMicroseconds: 250 },
    { hook: "first", required: false, kind: "noOpinion", evidence: { from: "first" }, durationMicroseconds: 250 },
    { hook: "second", required: true, kind: "approved", evidence: { from: "second" }, durationMicroseconds: 250 },
  ]);
});

test("hooks that answer at once are decided at once, in their order among those that do not", async () => {
  const verdict: Verdict = { kind: "approved", reason: "Fine", message: "fine", evidence: {} };
  const prompt: ApprovalHook = { name: "prompt", review: () => verdict };
  const alone = createChain({ history: NO_HISTORY, keyPolicy, hooks: [{ hook: prompt, required: true }] }).review(
    INPUT,
  );
  expect(alone).toMatchObject({ outcome: "approved", hook: "prompt" });
  const links = [hook("slow", "approved"), prompt].map((each) => ({ hook: each, required: false }));
  const mixed = await createChain({ history: NO_HISTORY, keyPolicy, hooks: links }).review(INPUT);
  expect(mixed.trace.map((entry) => entry.hook)).toEqual(["bootstrap-token", "key-policy", "slow", "prompt"]);
});

test("hooks are asked one after the other until one denies", async () => {
  const asked: string[] = [];
  const hooks = ["approved", "denied", "approved"].map((kind, index) => ({
    hook: hook(`hook-${index}`, kind as Verdict["kind"], asked),
    required: false,
  }));
  const decision = await createChain({ history: NO_HISTORY, keyPolicy, hooks }).review(INPUT);
  expect(decision.outcome).toBe("denied");
  expect(asked).toEqual(["hook-0", "hook-1"]);
});

test.each([
  { name: "approvals do not outvote it", others: ["approved"], outcome: "pending", reason: "HookFailed" },
  { name: "a denial does", others: ["denied"], outcome: "denied", reason: "lastReason" },
] as const)("a hook that cannot evaluate gives no verdict: $name", async ({ others, outcome, reason }) => {
  const hooks = [
    { hook: hook("first", "approved"), required: false },
    { hook: broken("second"), required: false },
    ...others.map((kind) => ({ hook: hook("last", kind), required: false })),
  ];
  const decision = await createChain({ history: NO_HISTORY, keyPolicy, hooks }).review(INPUT);
  expect(decision).toMatchObject({ outcome, reason });
  expect(isIncomplete(decision)).toBe(outcome === "pending");
  expect(decision.trace.find((entry) => entry.hook === "second")).toMatchObject({
    kind: "failed",
    reason: "CouldNotEvaluate",
    message: "second is broken",
  });
});

test("a hook that throws at once fails as one whose promise rejects", async () => {
  const review = () => {
    throw new Error("thrown");
  };
  const hooks = [{ hook: { name: "thrower", review }, required: false }];
  const decision = createChain({ history: NO_HISTORY, keyPolicy, hooks }).review(INPUT);
  expect(decision).toMatchObject({ outcome: "pending", reason: "HookFailed", message: /thrower/ });
});

test.each([
  { name: "another signer", selector: { signers: ["example.com/*"] }, isAsked: false },
  { name: "its signer", selector: { signers: ["kubernetes.io/kube-apiserver-client-*"] }, isAsked: true },
  { name: "its user", selector: { requesters: { users: ["system:bootstrap:*"] } }, isAsked: true },
  { name: "its group", selector: { requesters: { groups: ["system:bootstrappers"] } }, isAsked: true },
  { name: "another user and group", selector: { requesters: { users: ["x"], groups: ["y"] } }, isAsked: false },
])("a hook for $name: asked $isAsked; where it is not, nobody waits for it", async ({ selector, isAsked }) => {
  const asked: string[] = [];
  const spec = { username: "system:bootstrap:abcdef", groups: ["system:bootstrappers"] };
  const hooks = [
    { hook: hook("choosy", "noOpinion", asked), required: true, selector: hookSelector(selector) },
    { hook: hook("eager", "approved"), required: false },
  ];
  const chain = createChain({ history: NO_HISTORY, keyPolicy, hooks });
  const decision = await chain.review({ ...INPUT, csr: request({ spec }) });
  expect(asked).toEqual(isAsked ? ["choosy"] : []);
  expect(decision.outcome).toBe(isAsked ? "pending" : "approved");
});

test("the document is put together when a hook asks for it, once, from what is on record", async () => {
  const asked: string[][] = [];
  const history = {
    bindingOf: () => null,
    previousCertificates: async (...of: string[]) => {
      asked.push(of);
      return [];
    },
  };
  const documents: unknown[] = [];
  const reader = (name: string): ApprovalHook => ({
    name,
    async review(input) {
      documents.push(await input.document());
      return { kind: "approved", reason: "Read", message: "", evidence: {} };
    },
  });
  const hooks = ["a", "b"].map((name) => ({ hook: reader(name), required: false }));
  await createChain({ history, keyPolicy, hooks }).review({ ...INPUT, isRehearsal: true });
  expect(asked).toEqual([["worker-1", "kubernetes.io/kube-apiserver-client-kubelet"]]);
  expect(documents[0]).toMatchObject({ kind: "Review", nodeName: "worker-1", isRehearsal: true, previous: [] });
  expect(documents[1]).toBe(documents[0]);
});

test("a chain of people only waits", async () => {
  const decision = await createChain({
    history: NO_HISTORY,
    keyPolicy,
    hooks: [{ hook: manualHook(), required: false }],
  }).review(INPUT);
  expect(decision).toMatchObject({ outcome: "pending", hook: undefined });
  expect(decision.trace.at(-1)).toMatchObject({ hook: "manual", kind: "noOpinion" });
});

test("a required person keeps hooks from approving alone", async () => {
  const hooks = [
    { hook: manualHook(), required: true },
    { hook: hook("eager", "approved"), required: true },
  ];
  expect((await createChain({ history: NO_HISTORY, keyPolicy, hooks }).review(INPUT)).outcome).toBe("pending");
});

test.each([
  { name: "its node", node: "worker-1", outcome: "approved" },
  { name: "another node", node: "worker-2", outcome: "denied" },
])("the guard comes first in every chain: a token bound to $name", async ({ node, outcome }) => {
  const csr = request({ spec: { extra: { [BOUND_NODE_EXTRA]: [node] } } });
  const chain = createChain({
    history: NO_HISTORY,
    keyPolicy,
    hooks: [{ hook: hook("eager", "approved"), required: true }],
  });
  const decision = await chain.review({ ...INPUT, csr });
  expect(decision.outcome).toBe(outcome);
  expect(decision.trace[0]).toMatchObject({
    hook: "bootstrap-token",
    evidence: { boundTo: [node], commonName: "system:node:worker-1" },
  });
});

test("a key that may not be certified ends every chain before any hook is asked", async () => {
  const asked: string[] = [];
  const refusing = createFakeKeyPolicy();
  refusing.says({ reason: "WeakKey", message: "too weak", evidence: { bits: 1024 } });
  const hooks = [{ hook: hook("eager", "approved", asked), required: false }];
  const decision = await createChain({ history: NO_HISTORY, keyPolicy: refusing, hooks }).review(INPUT);
  expect(decision).toMatchObject({ outcome: "denied", hook: "key-policy", reason: "WeakKey", message: "too weak" });
  expect(decision.trace.at(-1)).toMatchObject({ hook: "key-policy", evidence: { bits: 1024 } });
  expect(asked).toEqual([]);
});

test.each([
  { name: "twice the same", names: ["a", "a"] },
  { name: "the name of the guard for tokens", names: ["bootstrap-token"] },
  { name: "the name of the guard for keys", names: ["key-policy"] },
])("a chain with $name is refused", ({ names }) => {
  const hooks = names.map((name) => ({ hook: hook(name, "approved"), required: false }));
  expect(() => createChain({ history: NO_HISTORY, keyPolicy, hooks })).toThrow(/twice/);
});
