import { expect, test } from "@jest/globals";
import { createChain } from "../../../services/certificate-authority/approval/chain.ts";
import { limited } from "../../../services/certificate-authority/approval/limited.ts";
import { hookSelector } from "../../../services/certificate-authority/approval/selector.ts";
import type { Verdict } from "../../../services/certificate-authority/domain/decision.ts";
import type { ApprovalHook } from "../../../services/certificate-authority/domain/ports.ts";
import { StatusError } from "../../../services/shared/status-error.ts";
import { buildIssuance } from "../../builders/issuance.ts";
import { CLIENT, CLIENT_KUBELET, draft, draftOf, request } from "../../builders/request.ts";
import { bootstrapper } from "../../builders/users.ts";
import { createFakeKeyPolicy } from "../../fakes/key-policy.ts";
import { NO_HISTORY } from "../../fakes/review-history.ts";

const REAL = { dryRun: false };
const FINE: Verdict = { kind: "approved", reason: "Fine", message: "fine", evidence: {} };

/** Kubelets' requests are approved at once; those of other clients wait for somebody outside, two at a time. */
function harness({ maximumQuestions = 100 } = {}) {
  const answers: ((verdict: Verdict) => void)[] = [];
  const signals: (AbortSignal | undefined)[] = [];
  const outside: ApprovalHook = {
    name: "outside",
    review: (_, signal) => {
      signals.push(signal);
      return new Promise((resolve, reject) => {
        answers.push(resolve);
        signal?.addEventListener("abort", () => reject(new Error("broken off")));
      });
    },
  };
  const slow = limited(outside, { timeoutSeconds: 60, concurrency: 2 });
  const hooks = [
    { hook: slow, required: false, selector: hookSelector({ signers: [CLIENT] }) },
    {
      hook: { name: "prompt", review: () => FINE },
      required: false,
      selector: hookSelector({ signers: [CLIENT_KUBELET] }),
    },
  ];
  const chain = createChain({ history: NO_HISTORY, keyPolicy: createFakeKeyPolicy(), hooks });
  const settings = { queueLimit: 3, concurrency: 2, maximumQuestions };
  const built = buildIssuance({ overrides: { chain }, settings });
  built.issuance.start();
  const create = (name: string, signerName: string) =>
    built.issuance.create(bootstrapper(), draft({ metadata: { name }, spec: { signerName } }), REAL);
  return { ...built, create, answers, signals, load: () => slow.load?.() };
}

const turns = async () => {
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
};
const isIssued = async (stored: ReturnType<typeof harness>["stored"], name: string) =>
  (await stored(name))?.status.certificate !== undefined;

test("requests that wait for a hook outside do not hold up those that others decide", async () => {
  const { create, stored, answers, load, issuance } = harness();
  for (let index = 0; index < 20; index += 1) await create(`outside-${index}`, CLIENT);
  await turns();
  expect(load()).toEqual({ asking: 2, waiting: 18 });
  for (let index = 0; index < 20; index += 1) await create(`client-${index}`, CLIENT_KUBELET);
  for (let index = 0; index < 20; index += 1) expect(await isIssued(stored, `client-${index}`)).toBe(true);
  expect(answers).toHaveLength(2);
  expect(issuance.depth).toBe(20);
});

test("a person's approval is followed at once, and nobody waits for the hook any more", async () => {
  const { create, stored, issuance, load, signals, authorizer } = harness();
  for (const name of ["asked", "asked-too", "in-line"]) await create(name, CLIENT);
  await turns();
  expect(load()).toEqual({ asking: 2, waiting: 1 });
  authorizer.answer([`alice approve signers ${CLIENT}`, "alice approve signers kubernetes.io/*"]);
  const alice = { username: "alice", uid: "", groups: [], extra: {} };
  for (const name of ["in-line", "asked"]) {
    await issuance.decide(alice, name, { type: "Approved", reason: "Known", message: "" });
  }
  await issuance.decide(alice, "asked-too", { type: "Denied", reason: "Unknown", message: "" });
  await turns();
  expect(await Promise.all(["in-line", "asked"].map((name) => stored(name)))).toMatchObject([
    { status: { conditions: [{ reason: "Known" }] } },
    { status: { conditions: [{ reason: "Known" }] } },
  ]);
  expect(signals.map((signal) => signal?.aborted)).toEqual([true, true]);
  expect([load(), issuance.depth]).toEqual([{ asking: 0, waiting: 0 }, 0]);
});

test("the answer is followed when it comes, also after the object was changed", async () => {
  const { create, stored, issuance, answers } = harness();
  const created = await create("changed", CLIENT);
  await create("same", CLIENT);
  const labelled = draftOf({ ...created, metadata: { ...created.metadata, labels: { rack: "7" } } });
  await issuance.update(bootstrapper(), "changed", "main", () => labelled, REAL);
  await turns();
  for (const answer of answers) answer(FINE);
  await turns();
  for (const answer of answers) answer(FINE);
  await turns();
  expect((await stored("same"))?.status.conditions).toMatchObject([{ type: "Approved", reason: "Fine" }]);
  expect(await stored("changed")).toMatchObject({
    metadata: { labels: { rack: "7" } },
    status: { conditions: [{ type: "Approved", reason: "Fine" }] },
  });
});

test("a request that is deleted, or that the store refuses, leaves the line", async () => {
  const { create, issuance, requests, load } = harness();
  for (const name of ["a", "b", "c"]) await create(name, CLIENT);
  requests.failNext("create", new StatusError("TooManyRequests", "too many requests are stored"));
  await expect(create("refused", CLIENT)).rejects.toMatchObject({ reason: "TooManyRequests" });
  expect(load()).toEqual({ asking: 2, waiting: 1 });
  await issuance.remove(bootstrapper(), "c", {}, REAL);
  await issuance.remove(bootstrapper(), "a", {}, REAL);
  await turns();
  expect(load()).toEqual({ asking: 1, waiting: 0 });
});

test("more than may wait outside wait for their turn, while others are decided at once", async () => {
  const { create, stored, answers, load, settled } = harness({ maximumQuestions: 4 });
  for (let index = 0; index < 10; index += 1) await create(`outside-${index}`, CLIENT);
  await create("client", CLIENT_KUBELET);
  await turns();
  expect(load()).toEqual({ asking: 2, waiting: 2 });
  expect(await isIssued(stored, "client")).toBe(true);
  for (let answered = 0; answered < 10; answered += 1) {
    answers[answered]?.(FINE);
    await turns();
  }
  await settled();
  for (let index = 0; index < 10; index += 1) {
    expect((await stored(`outside-${index}`))?.status.conditions).toMatchObject([{ type: "Approved" }]);
  }
});

test("stopping waits for nobody outside; what waited is found again at the next start", async () => {
  const { create, issuance, stored, requests, load } = harness();
  for (const name of ["a", "b", "c"]) await create(name, CLIENT);
  await issuance.stop();
  expect(load()).toEqual({ asking: 0, waiting: 0 });
  expect((await stored("a"))?.status).toEqual(request().status);
  expect(await requests.unfinished()).toEqual(["a", "b", "c"]);
});
