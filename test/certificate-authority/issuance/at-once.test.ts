import { afterEach, expect, jest, test } from "@jest/globals";
import { createChain } from "../../../services/certificate-authority/approval/chain.ts";
import { kubeletClientHook } from "../../../services/certificate-authority/approval/hooks/kubelet-client.ts";
import type { CertificateSigningRequest } from "../../../services/certificate-authority/domain/certificate-signing-request.ts";
import { StatusError } from "../../../services/shared/status-error.ts";
import { BOUND_NODE_EXTRA } from "../../../services/shared/user-info.ts";
import { buildIssuance, type IssuanceHarness } from "../../builders/issuance.ts";
import { CLIENT_KUBELET, draft, request } from "../../builders/request.ts";
import { bootstrapper } from "../../builders/users.ts";
import { createFakeKeyPolicy } from "../../fakes/key-policy.ts";
import { NO_HISTORY } from "../../fakes/review-history.ts";

const REAL = { dryRun: false };
const GENERATED = draft({ metadata: { name: "", generateName: "csr-" } });

afterEach(() => {
  jest.useRealTimers();
});

interface Answers {
  allowed: boolean;
  error?: Error | undefined;
}

/** A chain that asks nobody outside: what follows from a request is known before it is stored. */
function harnessAtOnce(answers: Answers, initial: readonly CertificateSigningRequest[] = []): IssuanceHarness {
  jest.useFakeTimers({ doNotFake: ["setImmediate", "nextTick", "queueMicrotask", "performance"] });
  const authorize = () => {
    if (answers.error) throw answers.error;
    return { allowed: answers.allowed, reason: "" };
  };
  const hooks = [{ hook: kubeletClientHook({ authorize }), required: false }];
  const chain = createChain({ history: NO_HISTORY, keyPolicy: createFakeKeyPolicy(), hooks });
  const harness = buildIssuance({ initial, overrides: { chain } });
  harness.issuance.start();
  return harness;
}

async function retry({ settled }: IssuanceHarness, seconds: number): Promise<void> {
  jest.advanceTimersByTime(seconds * 1000);
  await settled();
}

const conditionsOf = (csr: CertificateSigningRequest | undefined) =>
  (csr?.status.conditions ?? []).map(({ type, reason }) => `${type} ${reason}`);
const writesOf = ({ requests }: IssuanceHarness) => ["create", "update"].map((name) => requests.calls.get(name) ?? 0);

test("a join is stored, approved and issued in one commit, and answered as it was created", async () => {
  const harness = harnessAtOnce({ allowed: true });
  const created = await harness.issuance.create(bootstrapper(), draft(), REAL);
  expect(created).toMatchObject({ metadata: { name: "csr-1", resourceVersion: "1" }, status: {} });
  expect(writesOf(harness)).toEqual([1, 0]);
  const { changes, decisions, certificates } = harness.requests;
  expect(changes.map(({ type, object }) => [type, conditionsOf(object)])).toEqual([
    ["ADDED", []],
    ["MODIFIED", ["Approved AutoApproved"]],
  ]);
  const stored = await harness.stored();
  expect(Buffer.from(stored?.status.certificate ?? "", "base64").toString()).toBe("certificate 01");
  expect(decisions).toMatchObject([{ outcome: "approved", requestUid: "uid-1", requestName: "csr-1" }]);
  expect(certificates).toMatchObject([{ serial: "01", requestUid: "uid-1", requestName: "csr-1" }]);
  expect(harness.observed).toEqual([
    "decode",
    "review",
    "sign",
    "commit",
    "approved by gatehouse",
    `issued ${CLIENT_KUBELET} after 0`,
  ]);
  expect(harness.issuance.depth).toBe(0);
});

test("a denial is stored with the request", async () => {
  const harness = harnessAtOnce({ allowed: true });
  const requester = { ...bootstrapper(), extra: { [BOUND_NODE_EXTRA]: ["worker-2"] } };
  expect((await harness.issuance.create(requester, draft(), REAL)).status).toEqual({});
  expect(conditionsOf(await harness.stored())).toEqual(["Denied BoundToAnotherNode"]);
  expect(harness.requests.decisions).toMatchObject([{ outcome: "denied", hook: "bootstrap-token" }]);
  expect(writesOf(harness)).toEqual([1, 0]);
});

test("a request that waits is stored with the reason, and asked about again", async () => {
  const answers = { allowed: false };
  const harness = harnessAtOnce(answers);
  await harness.issuance.create(bootstrapper(), draft(), REAL);
  expect(harness.requests.decisions.map(({ outcome }) => outcome)).toEqual(["pending"]);
  expect(harness.requests.changes).toHaveLength(1);
  await retry(harness, 1);
  expect(harness.requests.decisions).toHaveLength(1);
  answers.allowed = true;
  await retry(harness, 2);
  expect(conditionsOf(await harness.stored())).toEqual(["Approved AutoApproved"]);
  expect(harness.decoder.decoded).toHaveLength(1);
});

test("a generated name that is taken is replaced everywhere", async () => {
  const harness = harnessAtOnce({ allowed: true }, [request({ metadata: { name: "csr-aaaa1" } })]);
  await harness.settled();
  const created = await harness.issuance.create(bootstrapper(), GENERATED, REAL);
  expect(created.metadata.name).toBe("csr-aaaa2");
  expect((await harness.stored("csr-aaaa2"))?.status.certificate).toBeDefined();
  expect(harness.requests.decisions.at(-1)).toMatchObject({ requestName: "csr-aaaa2" });
  expect(harness.requests.certificates.at(-1)).toMatchObject({ requestName: "csr-aaaa2" });
});

test("nothing is signed for a name that is taken", async () => {
  const harness = harnessAtOnce({ allowed: true }, [request({ metadata: { uid: "another" } })]);
  await harness.settled();
  const before = harness.signer.intents.length;
  const attempt = harness.issuance.create(bootstrapper(), draft(), REAL);
  await expect(attempt).rejects.toMatchObject({ reason: "AlreadyExists" });
  expect(harness.signer.intents).toHaveLength(before);
});

test("an issuer that cannot sign: the request is stored as approved, and signed later", async () => {
  const harness = harnessAtOnce({ allowed: true });
  harness.signer.next(new StatusError("InternalError", "the issuer has expired"));
  await harness.issuance.create(bootstrapper(), draft(), REAL);
  const approved = await harness.stored();
  expect([conditionsOf(approved), approved?.status.certificate]).toEqual([["Approved AutoApproved"], undefined]);
  await retry(harness, 0.2);
  expect((await harness.stored())?.status.certificate).toBeDefined();
  expect(harness.requests.decisions).toHaveLength(1);
});

test("nobody waits for a token to have a request stored", async () => {
  const harness = harnessAtOnce({ allowed: true });
  const { issuers, issuer } = harness.signer;
  issuers.availability = { kind: "ready", issuer: { ...issuer, isRemote: true } };
  await harness.issuance.create(bootstrapper(), draft(), REAL);
  await harness.settled();
  expect((await harness.stored())?.status.certificate).toBeDefined();
  expect(writesOf(harness)).toEqual([1, 1]);
  expect(harness.requests.decisions).toHaveLength(1);
  expect(harness.observed.filter((line) => line === "review")).toHaveLength(1);
});

test("a hook that cannot evaluate: the request is stored and asked about again", async () => {
  const answers: Answers = { allowed: true, error: new Error("no answer") };
  const harness = harnessAtOnce(answers);
  await harness.issuance.create(bootstrapper(), draft(), REAL);
  expect(harness.requests.decisions).toMatchObject([{ outcome: "pending", reason: "HookFailed" }]);
  expect((await harness.stored())?.status).toEqual({});
  answers.error = undefined;
  await retry(harness, 0.2);
  expect(conditionsOf(await harness.stored())).toEqual(["Approved AutoApproved"]);
});

test("a serial that is taken keeps no request out: it is signed again", async () => {
  const harness = harnessAtOnce({ allowed: true });
  await harness.issuance.create(bootstrapper(), GENERATED, REAL);
  harness.signer.next({ serial: "01" });
  await harness.issuance.create(bootstrapper(), draft(), REAL);
  expect((await harness.stored())?.status).toEqual({});
  await retry(harness, 0.2);
  expect((await harness.stored())?.status.certificate).toBeDefined();
  expect(harness.requests.certificates).toHaveLength(2);
});

test("what the store refuses is refused, with everything that was to follow", async () => {
  const harness = harnessAtOnce({ allowed: true });
  harness.requests.failNext("create", new StatusError("TooManyRequests", "too many requests are stored"));
  const attempt = harness.issuance.create(bootstrapper(), draft(), REAL);
  await expect(attempt).rejects.toMatchObject({ reason: "TooManyRequests" });
  expect([harness.requests.changes, harness.requests.decisions, harness.issuance.depth]).toEqual([[], [], 0]);
});

test("a dry run asks nobody and signs nothing", async () => {
  const harness = harnessAtOnce({ allowed: true });
  const created = await harness.issuance.create(bootstrapper(), draft(), { dryRun: true });
  expect([created.metadata.resourceVersion, harness.observed]).toEqual(["", ["decode"]]);
  expect(harness.requests.changes).toEqual([]);
});
