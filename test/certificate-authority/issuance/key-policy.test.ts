import { afterEach, expect, jest, test } from "@jest/globals";
import type { CertificateSigningRequest } from "../../../services/certificate-authority/domain/certificate-signing-request.ts";
import { StatusError } from "../../../services/shared/status-error.ts";
import { buildIssuance, MAY_JOIN } from "../../builders/issuance.ts";
import { CLIENT_KUBELET, condition, draft, draftCondition, draftOf, request } from "../../builders/request.ts";
import { bootstrapper, user } from "../../builders/users.ts";

const REAL = { dryRun: false };
const ALICE = user("alice");
const MAY_APPROVE = `alice approve signers ${CLIENT_KUBELET}`;
const APPROVED = request({ status: { conditions: [condition("Approved")] } });

afterEach(() => {
  jest.useRealTimers();
});

const conditionsOf = (csr: CertificateSigningRequest | undefined) =>
  (csr?.status.conditions ?? []).map(({ type, reason }) => `${type} ${reason}`);

function approved(csr: CertificateSigningRequest | undefined) {
  const sent = csr ? draftOf(csr) : draft();
  return { ...sent, status: { ...sent.status, conditions: [draftCondition(condition("Approved"))] } };
}

test("a person approved a key that may not be certified: Failed, with the reason on record, for good", async () => {
  const harness = buildIssuance({ initial: [APPROVED] });
  harness.keyPolicy.says({ reason: "BlockedKey", message: "blocked", evidence: { spkiSha256: "ab" } });
  harness.issuance.start();
  await harness.settled();
  expect(conditionsOf(await harness.stored())).toEqual(["Approved ApprovedReason", "Failed BlockedKey"]);
  expect(harness.requests.decisions).toMatchObject([
    { outcome: "denied", hook: "key-policy", reason: "BlockedKey", trace: [{ evidence: { spkiSha256: "ab" } }] },
  ]);
  expect(harness.signer.intents).toEqual([]);
  expect(harness.keyPolicy.reserved).toEqual([]);
});

test("a key that was blocked after the chain waited for a person is Failed when one approves", async () => {
  const harness = buildIssuance({ allowed: [MAY_APPROVE] });
  harness.issuance.start();
  await harness.issuance.create(bootstrapper(), draft(), REAL);
  await harness.settled();
  expect(conditionsOf(await harness.stored())).toEqual([]);
  harness.keyPolicy.says({ reason: "BlockedKey", message: "blocked", evidence: {} });
  await harness.issuance.update(ALICE, "csr-1", "approval", approved, REAL);
  await harness.settled();
  expect(conditionsOf(await harness.stored())).toEqual(["Approved ApprovedReason", "Failed BlockedKey"]);
});

test("while its key is being certified for another node, a request waits and is judged again", async () => {
  jest.useFakeTimers({ doNotFake: ["setImmediate", "nextTick", "queueMicrotask", "performance"] });
  const harness = buildIssuance({ allowed: [MAY_JOIN] });
  harness.keyPolicy.nextReservationFails(new StatusError("Conflict", "the same key is just being certified"));
  harness.issuance.start();
  await harness.issuance.create(bootstrapper(), draft(), REAL);
  await harness.settled();
  expect(conditionsOf(await harness.stored())).toEqual([]);
  harness.keyPolicy.says({ reason: "KeyOfAnotherNode", message: "of node-2", evidence: {} });
  jest.advanceTimersByTime(60_000);
  await harness.settled();
  expect(conditionsOf(await harness.stored())).toEqual(["Denied KeyOfAnotherNode"]);
  expect(harness.signer.intents).toEqual([]);
});

test("a key stays reserved until its certificate is on record, and no longer", async () => {
  const harness = buildIssuance({ allowed: [MAY_JOIN] });
  const update = harness.requests.update.bind(harness.requests);
  const reservedAtCommit: number[] = [];
  harness.requests.update = (csr, records) => {
    reservedAtCommit.push(harness.keyPolicy.reserved.length);
    return update(csr, records);
  };
  harness.issuance.start();
  await harness.issuance.create(bootstrapper(), draft(), REAL);
  await harness.settled();
  expect(reservedAtCommit).toEqual([1]);
  expect(harness.keyPolicy.reserved).toEqual([]);
});
