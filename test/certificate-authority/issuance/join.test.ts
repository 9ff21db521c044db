import { afterEach, expect, jest, test } from "@jest/globals";
import type { CertificateSigningRequest } from "../../../services/certificate-authority/domain/certificate-signing-request.ts";
import { StatusError } from "../../../services/shared/status-error.ts";
import { BOUND_NODE_EXTRA } from "../../../services/shared/user-info.ts";
import { facts } from "../../builders/facts.ts";
import { buildIssuance, type IssuanceHarness, MAY_JOIN } from "../../builders/issuance.ts";
import { CLIENT_KUBELET, condition, draft, draftCondition, draftOf, REQUEST, request } from "../../builders/request.ts";
import { bootstrapper, user } from "../../builders/users.ts";

const REAL = { dryRun: false };
const ALICE = user("alice");
const MAY_APPROVE = `alice approve signers ${CLIENT_KUBELET}`;
const APPROVED = request({ status: { conditions: [condition("Approved")] } });

afterEach(() => {
  jest.useRealTimers();
});

/** Retries run by hand: `jest.advanceTimersByTime`. */
function withFakeTimers(): void {
  jest.useFakeTimers({ doNotFake: ["setImmediate", "nextTick", "queueMicrotask", "performance"] });
}

async function retry(harness: IssuanceHarness, seconds: number): Promise<void> {
  jest.advanceTimersByTime(seconds * 1000);
  await harness.settled();
}

const certificateOf = (csr: CertificateSigningRequest | undefined) =>
  Buffer.from(csr?.status.certificate ?? "", "base64").toString();
const conditionsOf = (csr: CertificateSigningRequest | undefined) =>
  (csr?.status.conditions ?? []).map(({ type, reason }) => `${type} ${reason}`);

test("a join that somebody outside is asked about costs two commits and one decoding", async () => {
  const harness = buildIssuance({ allowed: [MAY_JOIN] });
  const { issuance, requests, decoder, signer, observed, stored, settled } = harness;
  issuance.start();
  await issuance.create(bootstrapper(), draft({ spec: { expirationSeconds: 3600 } }), REAL);
  await settled();
  const csr = await stored();
  expect(conditionsOf(csr)).toEqual(["Approved AutoApproved"]);
  expect(csr?.status.conditions?.[0]).toMatchObject({
    status: "True",
    lastUpdateTime: "2026-01-02T03:04:05Z",
    lastTransitionTime: "2026-01-02T03:04:05Z",
  });
  expect(certificateOf(csr)).toBe("certificate 01");
  expect(requests.changes.map(({ type }) => type)).toEqual(["ADDED", "MODIFIED"]);
  expect(decoder.decoded).toEqual([REQUEST]);
  expect(requests.calls.get("update")).toBe(1);
  expect(signer.intents).toMatchObject([
    { keyUsage: 1, extendedKeyUsages: ["clientAuth"], notAfter: new Date("2026-01-02T04:04:05Z") },
  ]);
  expect(observed).toEqual([
    "decode",
    "commit",
    "review",
    "sign",
    "commit",
    "approved by gatehouse",
    `issued ${CLIENT_KUBELET} after 0`,
  ]);
});

test("the decision and the certificate are stored with the object", async () => {
  const { issuance, requests, settled } = buildIssuance({ allowed: [MAY_JOIN] });
  issuance.start();
  await issuance.create(bootstrapper(), draft(), REAL);
  await settled();
  expect(requests.decisions).toMatchObject([
    {
      outcome: "approved",
      hook: "kubelet-client",
      reason: "AutoApproved",
      decidedBy: "gatehouse",
      requestUid: "uid-1",
      requestName: "csr-1",
      signerName: CLIENT_KUBELET,
      requester: "system:bootstrap:abcdef",
      trace: [
        { hook: "bootstrap-token" },
        { hook: "key-policy" },
        { hook: "manual" },
        { hook: "kubelet-client", kind: "approved" },
      ],
    },
  ]);
  expect(requests.certificates).toMatchObject([
    {
      serial: "01",
      fingerprint: "f01",
      issuerId: "cc".repeat(32),
      signerName: CLIENT_KUBELET,
      nodeName: "worker-1",
      commonName: "system:node:worker-1",
      organizations: ["system:nodes"],
      spkiSha256: "ab".repeat(32),
      state: "issued",
      requestUid: "uid-1",
      requestName: "csr-1",
      requester: "system:bootstrap:abcdef",
      predecessor: undefined,
    },
  ]);
});

test("a join that waits for a person is recorded once, and signed when the person approves", async () => {
  withFakeTimers();
  const harness = buildIssuance();
  const { issuance, requests, decoder, authorizer, stored, settled } = harness;
  issuance.start();
  await issuance.create(bootstrapper(), draft(), REAL);
  await settled();
  for (const seconds of [1, 2, 4, 8]) await retry(harness, seconds);
  expect(authorizer.questions).toHaveLength(5);
  expect(requests.decisions.map(({ outcome }) => outcome)).toEqual(["pending"]);
  expect(requests.changes).toHaveLength(1);

  authorizer.answer([MAY_APPROVE]);
  const approve = (csr: CertificateSigningRequest | undefined) => {
    const sent = csr ? draftOf(csr) : draft();
    return { ...sent, status: { ...sent.status, conditions: [draftCondition(condition("Approved"))] } };
  };
  await issuance.update(ALICE, "csr-1", "approval", approve, REAL);
  await settled();
  expect(certificateOf(await stored())).toBe("certificate 01");
  expect(requests.decisions.map(({ outcome, decidedBy }) => `${outcome} ${decidedBy}`)).toEqual([
    "pending gatehouse",
    "approved alice",
  ]);
  expect(decoder.decoded).toHaveLength(1);
});

test("a right that is granted later is noticed", async () => {
  withFakeTimers();
  const harness = buildIssuance();
  harness.issuance.start();
  await harness.issuance.create(bootstrapper(), draft(), REAL);
  await harness.settled();
  harness.authorizer.answer([MAY_JOIN]);
  await retry(harness, 1);
  expect(conditionsOf(await harness.stored())).toEqual(["Approved AutoApproved"]);
});

test("a reason to wait that changed is recorded anew", async () => {
  withFakeTimers();
  let message = "one";
  const chain = {
    approvalsNeeded: () => 1,
    review: async () => ({ outcome: "pending" as const, hook: undefined, reason: "Pending", message, trace: [] }),
  };
  const harness = buildIssuance({ overrides: { chain } });
  harness.issuance.start();
  await harness.issuance.create(bootstrapper(), draft(), REAL);
  await harness.settled();
  message = "two";
  await retry(harness, 1);
  await retry(harness, 2);
  expect(harness.requests.decisions.map((decision) => decision.message)).toEqual(["one", "two"]);
});

test("after a restart what waits is not recorded again, what was approved is signed", async () => {
  const initial = [request(), { ...APPROVED, metadata: { ...APPROVED.metadata, name: "csr-2", uid: "uid-2" } }];
  const before = buildIssuance({ initial: initial.slice(0, 1) });
  before.issuance.start();
  await before.settled();
  const [decision] = before.requests.decisions;
  if (!decision) throw new Error("nothing was recorded");

  const after = buildIssuance({ initial, overrides: { decisions: { ofRequest: async () => [decision] } } });
  after.issuance.start();
  await after.settled();
  expect(after.requests.decisions).toEqual([]);
  expect(certificateOf(await after.stored("csr-2"))).toBe("certificate 01");
});

test("a decision on an earlier request of the same name does not count", async () => {
  const before = buildIssuance({ initial: [request()] });
  before.issuance.start();
  await before.settled();
  const old = before.requests.decisions.map((decision) => ({ ...decision, requestUid: "gone" }));
  const after = buildIssuance({ initial: [request()], overrides: { decisions: { ofRequest: async () => old } } });
  after.issuance.start();
  await after.settled();
  expect(after.requests.decisions).toHaveLength(1);
});

test("a bound token's request for another name is denied", async () => {
  const { issuance, requests, stored, settled, signer } = buildIssuance({ allowed: [MAY_JOIN] });
  issuance.start();
  const requester = { ...bootstrapper(), extra: { [BOUND_NODE_EXTRA]: ["worker-2"] } };
  await issuance.create(requester, draft(), REAL);
  await settled();
  expect(conditionsOf(await stored())).toEqual(["Denied BoundToAnotherNode"]);
  expect(requests.decisions).toMatchObject([{ outcome: "denied", hook: "bootstrap-token" }]);
  expect(signer.intents).toEqual([]);
});

test.each([
  { name: "breaks its profile", csr: APPROVED, says: facts({ sans: { dnsNames: ["a"] } }) },
  {
    name: "came with another node's token",
    csr: { ...APPROVED, spec: { ...APPROVED.spec, extra: { [BOUND_NODE_EXTRA]: ["worker-2"] } } },
    says: facts(),
  },
])("a person approved what $name: Failed, with its reason on record, for good", async ({ csr, says }) => {
  const harness = buildIssuance({ initial: [csr] });
  harness.decoder.says(REQUEST, says);
  harness.issuance.start();
  await harness.settled();
  expect(conditionsOf(await harness.stored())).toEqual(["Approved ApprovedReason", "Failed SignerValidationFailure"]);
  expect(harness.requests.decisions).toMatchObject([
    { outcome: "denied", hook: "signer-profile", reason: "SignerValidationFailure", decidedBy: "gatehouse" },
  ]);
  expect(harness.signer.intents).toEqual([]);
  expect(harness.observed).toContain(`rejected ${CLIENT_KUBELET}`);
});

test("the chain approved what its profile refuses: both conditions and one decision in one commit", async () => {
  const trace = { hook: "eager", required: true, kind: "approved" as const, reason: "Sure", message: "", evidence: {} };
  const approval = { outcome: "approved" as const, hook: "eager", reason: "Sure", message: "" };
  const chain = {
    approvalsNeeded: () => 1,
    review: async () => ({ ...approval, trace: [{ ...trace, durationMicroseconds: 1 }] }),
  };
  const harness = buildIssuance({ overrides: { chain } });
  harness.decoder.says(REQUEST, facts({ sans: { uris: ["a:b"] } }));
  harness.issuance.start();
  await harness.issuance.create(bootstrapper(), draft(), REAL);
  await harness.settled();
  expect(conditionsOf(await harness.stored())).toEqual(["Approved Sure", "Failed SignerValidationFailure"]);
  expect(harness.requests.changes).toHaveLength(2);
  expect(harness.requests.decisions).toMatchObject([
    { outcome: "denied", trace: [{ hook: "eager" }, { hook: "signer-profile", kind: "denied" }] },
  ]);
});

test("the chain approves for somebody else's signer: stored with its decision, left for them to sign", async () => {
  const decision = { outcome: "approved" as const, hook: "eager", reason: "Sure", message: "", trace: [] };
  const harness = buildIssuance({ overrides: { chain: { approvalsNeeded: () => 1, review: async () => decision } } });
  harness.issuance.start();
  await harness.issuance.create(bootstrapper(), draft({ spec: { signerName: "a.b/c" } }), REAL);
  await harness.settled();
  expect(conditionsOf(await harness.stored())).toEqual(["Approved Sure"]);
  expect((await harness.stored())?.status.certificate).toBeUndefined();
  expect(harness.requests.decisions).toMatchObject([{ outcome: "approved", signerName: "a.b/c" }]);
  expect(harness.signer.intents).toEqual([]);
});

test("somebody else's signer: decided, never signed", async () => {
  const foreign = request({ spec: { signerName: "a.b/c" }, status: { conditions: [condition("Approved")] } });
  const harness = buildIssuance({ initial: [foreign] });
  harness.issuance.start();
  await harness.settled();
  expect(harness.requests.changes).toHaveLength(1);
  expect(harness.decoder.decoded).toEqual([]);
});

test.each([
  { name: "Denied", status: { conditions: [condition("Denied")] } },
  { name: "Failed", status: { conditions: [condition("Approved"), condition("Failed")] } },
  { name: "issued", status: { conditions: [condition("Approved")], certificate: "b2xk" } },
  { name: "issued without a decision", status: { certificate: "b2xk" } },
])("nothing is done about a request that is $name", async ({ status }) => {
  const harness = buildIssuance({ initial: [request({ status })], allowed: [MAY_JOIN] });
  harness.issuance.start();
  await harness.issuance.update(ALICE, "csr-1", "main", () => draft({ metadata: { labels: { a: "b" } } }), REAL);
  await harness.settled();
  expect(harness.requests.changes).toHaveLength(2);
  expect(harness.requests.decisions).toEqual([]);
});

test("an issuer that cannot sign: the approval is shown, the signature tried again, never Failed", async () => {
  withFakeTimers();
  const harness = buildIssuance({ allowed: [MAY_JOIN] });
  const { issuance, requests, signer, stored, settled, observed } = harness;
  signer.next(new StatusError("InternalError", "the issuer has expired"));
  signer.next(new StatusError("InternalError", "the issuer has expired"));
  issuance.start();
  await issuance.create(bootstrapper(), draft(), REAL);
  await settled();
  expect(conditionsOf(await stored())).toEqual(["Approved AutoApproved"]);
  expect((await stored())?.status.certificate).toBeUndefined();
  await retry(harness, 0.2);
  expect(observed.filter((line) => line === "sign failed")).toHaveLength(2);
  await retry(harness, 0.4);
  expect(certificateOf(await stored())).toBe("certificate 01");
  expect(conditionsOf(await stored())).toEqual(["Approved AutoApproved"]);
  expect(requests.decisions).toHaveLength(1);
  expect(requests.changes).toHaveLength(3);
});

test("a serial that is taken is not stored: the request is signed again", async () => {
  withFakeTimers();
  const initial = [{ ...APPROVED, metadata: { ...APPROVED.metadata, name: "csr-0", uid: "uid-0" } }];
  const harness = buildIssuance({ initial, allowed: [MAY_JOIN] });
  harness.issuance.start();
  await harness.settled();
  harness.signer.next({ serial: "01" });
  await harness.issuance.create(bootstrapper(), draft(), REAL);
  await harness.settled();
  expect((await harness.stored())?.status).toEqual({});
  await retry(harness, 0.2);
  expect(certificateOf(await harness.stored())).toMatch(/^certificate 0[23]$/);
  expect(harness.requests.certificates).toHaveLength(2);
});

test("somebody writes while a request is being worked on: it is read again", async () => {
  withFakeTimers();
  const harness = buildIssuance({ allowed: [MAY_JOIN] });
  harness.issuance.start();
  harness.requests.failNext("update", new StatusError("Conflict", "stale"));
  await harness.issuance.create(bootstrapper(), draft(), REAL);
  await harness.settled();
  expect((await harness.stored())?.status).toEqual({});
  await retry(harness, 0.2);
  expect(conditionsOf(await harness.stored())).toEqual(["Approved AutoApproved"]);
});

test("a hook that cannot evaluate is asked again, which is on record", async () => {
  withFakeTimers();
  const harness = buildIssuance();
  harness.authorizer.answer(new Error("no answer"));
  harness.issuance.start();
  await harness.issuance.create(bootstrapper(), draft(), REAL);
  await harness.settled();
  expect(harness.requests.decisions).toMatchObject([{ outcome: "pending", reason: "HookFailed" }]);
  expect(harness.observed).toContain("review failed");
  harness.authorizer.answer([MAY_JOIN]);
  await retry(harness, 0.2);
  expect(conditionsOf(await harness.stored())).toEqual(["Approved AutoApproved"]);
  expect(harness.decoder.decoded).toHaveLength(1);
});

test("a chain that throws at once is asked again, too", async () => {
  withFakeTimers();
  const chain = {
    approvalsNeeded: () => 1,
    review() {
      throw new Error("no answer");
    },
  };
  const harness = buildIssuance({ overrides: { chain } });
  harness.issuance.start();
  await harness.issuance.create(bootstrapper(), draft(), REAL);
  await harness.settled();
  await retry(harness, 0.2);
  expect(harness.observed.filter((word) => word === "review failed")).toHaveLength(2);
});

test("a stored request that does not decode is tried again without a condition", async () => {
  withFakeTimers();
  const harness = buildIssuance({ initial: [APPROVED] });
  harness.decoder.says(REQUEST, "no PEM block");
  harness.issuance.start();
  await harness.settled();
  await retry(harness, 0.2);
  expect(harness.decoder.decoded).toHaveLength(2);
  expect(await harness.stored()).toEqual(APPROVED);
});

test("a request that is deleted while it waits is forgotten", async () => {
  withFakeTimers();
  const harness = buildIssuance();
  harness.issuance.start();
  await harness.issuance.create(bootstrapper(), draft(), REAL);
  await harness.settled();
  await harness.issuance.remove(ALICE, "csr-1", {}, REAL);
  const reads = harness.requests.calls.get("get");
  await retry(harness, 3600);
  expect(harness.requests.calls.get("get")).toBe(reads);
  expect(harness.lines.filter(({ level }) => level === "warn" || level === "error")).toEqual([]);
});

test("a request that vanishes under the work is no trouble", async () => {
  withFakeTimers();
  const harness = buildIssuance({ allowed: [MAY_JOIN] });
  harness.issuance.start();
  harness.requests.failNext("update", new StatusError("NotFound", "gone"));
  await harness.issuance.create(bootstrapper(), draft(), REAL);
  await harness.settled();
  const signed = harness.signer.intents.length;
  await retry(harness, 3600);
  expect(harness.signer.intents).toHaveLength(signed);
});

test("stop finishes what was accepted and takes up nothing more", async () => {
  const harness = buildIssuance({ allowed: [MAY_JOIN], settings: { concurrency: 1 } });
  harness.issuance.start();
  const names = ["a", "b", "c"];
  await Promise.all(names.map((name) => harness.issuance.create(bootstrapper(), draft({ metadata: { name } }), REAL)));
  await Promise.all([harness.issuance.stop(), harness.issuance.stop()]);
  for (const name of names) expect(conditionsOf(await harness.stored(name))).toEqual(["Approved AutoApproved"]);
  await harness.issuance.create(bootstrapper(), draft({ metadata: { name: "late" } }), REAL);
  await harness.settled();
  expect(conditionsOf(await harness.stored("late"))).toEqual([]);
  expect(harness.issuance.depth).toBe(0);
});

test("a backlog that cannot be read is read again", async () => {
  withFakeTimers();
  const harness = buildIssuance({ initial: [APPROVED] });
  const unfinished = harness.requests.unfinished.bind(harness.requests);
  let failures = 1;
  harness.requests.unfinished = async () => {
    if (failures-- > 0) throw new Error("disk trouble");
    return unfinished();
  };
  harness.issuance.start();
  await harness.settled();
  expect(harness.lines.filter(({ level }) => level === "error")).toHaveLength(1);
  await retry(harness, 5);
  expect(certificateOf(await harness.stored())).toBe("certificate 01");
});
