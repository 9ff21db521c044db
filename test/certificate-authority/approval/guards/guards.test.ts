import { expect, test } from "@jest/globals";
import { createChain } from "../../../../services/certificate-authority/approval/chain.ts";
import { createGuards } from "../../../../services/certificate-authority/approval/guards/create-guards.ts";
import { createNodeNames } from "../../../../services/certificate-authority/approval/guards/first-join.ts";
import { createPendingRequests } from "../../../../services/certificate-authority/approval/guards/pending-requests.ts";
import {
  type GuardSettings,
  guardsSchema,
} from "../../../../services/certificate-authority/approval/guards/settings.ts";
import type { Decision, Verdict } from "../../../../services/certificate-authority/domain/decision.ts";
import type { NodeCertificate } from "../../../../services/certificate-authority/domain/ports.ts";
import { facts } from "../../../builders/facts.ts";
import { CLIENT, CLIENT_KUBELET, request, SERVING_KUBELET } from "../../../builders/request.ts";
import { createFakeKeyPolicy } from "../../../fakes/key-policy.ts";
import { NO_HISTORY } from "../../../fakes/review-history.ts";
import { FakeRevocationLookups } from "../../../fakes/revocations.ts";

const NOW = new Date("2026-01-10T12:00:00Z");
const OTHER_KEY = "cd".repeat(32);
const minutes = (count: number) => new Date(NOW.getTime() + count * 60_000);

const NOBODY = { isAttested: () => false };

function certificate(overrides: Partial<NodeCertificate> = {}): NodeCertificate {
  return {
    serial: "0a",
    spkiSha256: OTHER_KEY,
    requester: "system:bootstrap:abcdef",
    issuedAt: minutes(-600),
    notAfter: minutes(600),
    state: "issued",
    ...overrides,
  };
}

interface Arguments {
  readonly settings?: Partial<GuardSettings>;
  readonly known?: readonly NodeCertificate[];
  readonly verdict?: Verdict["kind"];
}

/** A chain with guards and one hook, in front of certificates of the node. */
function harness({ settings = {}, known = [], verdict = "approved" }: Arguments = {}) {
  const asked: string[][] = [];
  const certificates = {
    ofNode: (...question: string[]) => {
      asked.push(question);
      return known;
    },
  };
  const pending = createPendingRequests();
  const { links: guards, limits } = createGuards(
    { ...guardsSchema.parse({}), ...settings },
    {
      certificates,
      pending,
      revocations: new FakeRevocationLookups(),
      attested: NOBODY,
    },
  );
  const review = (): Verdict => ({ kind: verdict, reason: "Hook", message: "", evidence: {} });
  const hooks = [{ hook: { name: "hook", review }, required: false }];
  const chain = createChain({ history: NO_HISTORY, keyPolicy: createFakeKeyPolicy(), guards, limits, hooks });
  const decide = (csr = request(), said = facts(), now = NOW) => chain.review({ csr, facts: said, now }) as Decision;
  return { pending, certificates, asked, decide };
}

const own = { username: "system:node:worker-1", groups: ["system:nodes"] };

test("by default everything is guarded", () => {
  expect(guardsSchema.parse(undefined)).toEqual({
    supersede: true,
    pendingPerRequester: 20_000,
    pendingPerNode: 100,
    certificatesPerNodePerHour: 60,
    firstJoin: "hold",
  });
});

test("guards that let a request pass leave no entry in the trace, and answer at once", () => {
  const { decide } = harness();
  expect(decide()).toMatchObject({ outcome: "approved" });
  expect(decide().trace.map(({ hook }) => hook)).toEqual(["bootstrap-token", "key-policy", "hook"]);
});

test.each<Arguments & { name: string; outcome: string }>([
  { name: "nobody has a certificate", known: [], outcome: "approved" },
  { name: "another key has one", known: [certificate()], outcome: "pending" },
  { name: "the same key has one", known: [certificate({ spkiSha256: "ab".repeat(32) })], outcome: "approved" },
  { name: "it has just expired", known: [certificate({ notAfter: minutes(-0.001) })], outcome: "approved" },
  { name: "it is in its last millisecond", known: [certificate({ notAfter: NOW })], outcome: "pending" },
  { name: "it was revoked", known: [certificate({ state: "revoked" })], outcome: "approved" },
  {
    name: "one of several is left",
    known: [certificate({ state: "revoked" }), certificate({ serial: "0b" })],
    outcome: "pending",
  },
  { name: "it is to be denied", known: [certificate()], settings: { firstJoin: "deny" }, outcome: "denied" },
  { name: "it is allowed", known: [certificate()], settings: { firstJoin: "allow" }, outcome: "approved" },
])("first join: $name: $outcome", ({ outcome, ...args }) => {
  const decision = harness(args).decide();
  expect(decision.outcome).toBe(outcome);
  if (outcome === "approved") return;
  expect(decision.trace.find(({ hook }) => hook === "first-join")).toMatchObject({
    reason: "NodeNameTaken",
    message: expect.stringMatching(
      /^node "worker-1" has a certificate of another key, serial 0[ab], until 2026-01-10T[12]2/,
    ),
  });
});

test.each([
  { name: "the node renews", csr: request({ spec: own }), isAsked: false },
  { name: "a serving certificate", csr: request({ spec: { signerName: SERVING_KUBELET } }), isAsked: false },
  { name: "another client certificate", csr: request({ spec: { signerName: CLIENT } }), isAsked: false },
])("first join is about joins only: $name", ({ csr }) => {
  expect(harness({ known: [certificate()] }).decide(csr).outcome).toBe("approved");
});

test("what is no node costs no look at all", () => {
  const { decide, asked } = harness({ known: [certificate()] });
  expect(decide(request(), facts({ subject: { commonName: "alice" } })).outcome).toBe("approved");
  expect(asked).toEqual([]);
});

test.each([
  { name: "one less than the limit", count: 2, outcome: "approved" },
  { name: "the limit", count: 3, outcome: "pending" },
])("certificates in an hour: $name: $outcome, until the hour has passed", ({ count, outcome }) => {
  const issued = Array.from({ length: count }, (_, index) =>
    certificate({ issuedAt: minutes(-10 * (index + 1)), spkiSha256: "ab".repeat(32) }),
  );
  const known = [...issued, certificate({ issuedAt: minutes(-61), spkiSha256: "ab".repeat(32) })];
  const { decide } = harness({ known, settings: { certificatesPerNodePerHour: 3 } });
  const decision = decide();
  expect(decision.outcome).toBe(outcome);
  expect(decide(request(), facts(), minutes(30)).outcome).toBe("approved");
  if (outcome === "pending") expect(decision.trace.at(2)?.message).toMatch(/waits until 2026-01-10T12:30:00Z/);
});

test("what others asked in a node's name does not use up what it may have itself, nor the other way round", () => {
  const spkiSha256 = "ab".repeat(32);
  const others = [certificate({ issuedAt: minutes(-1), spkiSha256 })];
  const byItself = [certificate({ issuedAt: minutes(-1), spkiSha256, requester: own.username })];
  const settings = { certificatesPerNodePerHour: 1 };
  expect(harness({ known: others, settings }).decide(request({ spec: own })).outcome).toBe("approved");
  expect(harness({ known: byItself, settings }).decide(request({ spec: own })).outcome).toBe("pending");
  expect(harness({ known: byItself, settings }).decide().outcome).toBe("approved");
  expect(harness({ known: others, settings }).decide().outcome).toBe("pending");
});

const at = (name: string, second: number, spec = {}) =>
  request({ metadata: { name, uid: name, creationTimestamp: `2026-01-10T12:00:0${second}Z` }, spec });

test("a newer request for the same node and signer by the same requester takes the place of older ones", () => {
  const { decide, pending } = harness({ verdict: "noOpinion" });
  const told: string[] = [];
  pending.onSuperseded((name) => told.push(name));
  const [first, second] = [at("first", 1), at("second", 2)];
  for (const csr of [first, second, second]) pending.keep(csr, facts());
  expect(told).toEqual(["first"]);
  expect(decide(first)).toMatchObject({
    ...{
      outcome: "denied",
      hook: "supersede",
      reason: "Superseded",
      message: expect.stringContaining(`"second" takes`),
    },
  });
  expect(decide(second).outcome).toBe("pending");
  pending.remove("second");
  expect(decide(first).outcome).toBe("pending");
});

test.each([
  { name: "another requester", newer: at("newer", 2, { username: "system:bootstrap:ghijkl" }), said: facts() },
  { name: "another signer", newer: at("newer", 2, { signerName: SERVING_KUBELET }), said: facts() },
  { name: "another node", newer: at("newer", 2), said: facts({ subject: { commonName: "system:node:worker-2" } }) },
  { name: "the same second", newer: at("newer", 1), said: facts() },
])("nothing is superseded by $name", ({ newer, said }) => {
  const { decide, pending } = harness({ verdict: "noOpinion" });
  pending.keep(at("older", 1), facts());
  pending.keep(newer, said);
  expect(decide(at("older", 1)).outcome).toBe("pending");
});

test("what is no node's is not superseded", () => {
  const { decide, pending } = harness({ verdict: "noOpinion" });
  const person = facts({ subject: { commonName: "alice" } });
  for (const csr of [at("older", 1), at("newer", 2)]) pending.keep(csr, person);
  expect(decide(at("older", 1), person).outcome).toBe("pending");
});

test("superseding can be left out", () => {
  const { decide, pending } = harness({ verdict: "noOpinion", settings: { supersede: false } });
  for (const csr of [at("older", 1), at("newer", 2)]) pending.keep(csr, facts());
  expect(decide(at("older", 1)).outcome).toBe("pending");
});

const waiting = (name: string, spec = {}) => request({ metadata: { name, uid: name }, spec });

test("who has too many waiting gets no more, except what hooks decide at once", () => {
  const settings = { pendingPerRequester: 2 };
  const silent = harness({ verdict: "noOpinion", settings });
  const eager = harness({ settings });
  for (const { pending } of [silent, eager]) for (const name of ["a", "b"]) pending.keep(waiting(name), facts());
  expect(silent.decide(waiting("c"))).toMatchObject({
    outcome: "denied",
    hook: "pending-limits",
    reason: "TooManyPending",
  });
  expect(silent.decide(waiting("b")).outcome).toBe("pending");
  expect(silent.decide(waiting("d", { username: "other" })).outcome).toBe("pending");
  expect(eager.decide(waiting("c")).outcome).toBe("approved");
  silent.pending.removeNamed("a");
  expect(silent.decide(waiting("c")).outcome).toBe("pending");
});

test("too many for one node: the node itself is not held to what others ask in its name", () => {
  const { decide, pending } = harness({ verdict: "noOpinion", settings: { pendingPerNode: 2 } });
  for (const name of ["a", "b", "c"]) pending.keep(waiting(name, { username: `user-${name}` }), facts());
  expect(decide(waiting("d"))).toMatchObject({ outcome: "denied", reason: "TooManyPending" });
  expect(decide(waiting("e", own)).outcome).toBe("pending");
  pending.keep(waiting("e", own), facts());
  expect(pending.countOfNode("worker-1")).toBe(3);
});

test("limits do not deny what waits because a hook could not be asked", () => {
  const pending = createPendingRequests();
  const settings = { ...guardsSchema.parse({}), pendingPerRequester: 1 };
  const { limits } = createGuards(settings, {
    certificates: { ofNode: () => [] },
    pending,
    revocations: new FakeRevocationLookups(),
    attested: NOBODY,
  });
  const review = (): never => {
    throw new Error("no answer");
  };
  const hooks = [{ hook: { name: "broken", review }, required: false }];
  const chain = createChain({ history: NO_HISTORY, keyPolicy: createFakeKeyPolicy(), limits, hooks });
  pending.keep(waiting("a"), facts());
  expect(chain.review({ csr: waiting("b"), facts: facts(), now: NOW })).toMatchObject({ reason: "HookFailed" });
});

test("a name is kept while its certificate is made, and looked at again before", () => {
  let known: readonly NodeCertificate[] = [];
  let mode: GuardSettings["firstJoin"] = "hold";
  const names = createNodeNames({ ofNode: () => known }, () => mode, NOBODY);
  const mine = facts();
  const another = { ...facts(), spkiSha256: OTHER_KEY };
  const releases = [names.reserve(request(), mine, true, NOW), names.reserve(request(), mine, true, NOW)];
  expect(() => names.reserve(request(), another, true, NOW)).toThrow("just taken");
  const byPerson = names.reserve(request(), another, false, NOW);
  expect(() => names.reserve(request(), mine, true, NOW)).toThrow("just taken");
  byPerson();
  names.reserve(request(), mine, true, NOW)();
  for (const release of releases) release();
  names.reserve(request(), another, true, NOW)();
  known = [certificate()];
  expect(() => names.reserve(request(), mine, true, NOW)).toThrow("just taken");
  names.reserve(request(), mine, false, NOW)();
  names.reserve(request({ spec: own }), mine, true, NOW)();
  mode = "allow";
  names.reserve(request({ spec: { signerName: CLIENT_KUBELET } }), mine, true, NOW)();
});
