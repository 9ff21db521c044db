import { afterEach, expect, jest, test } from "@jest/globals";
import { guardedSigner } from "../../../services/certificate-authority/issuance/guarded-signer.ts";
import { StatusError } from "../../../services/shared/status-error.ts";
import { buildIssuance, MAY_JOIN } from "../../builders/issuance.ts";
import { draft } from "../../builders/request.ts";
import { bootstrapper } from "../../builders/users.ts";
import { createFakeSigner } from "../../fakes/signing.ts";

const NO_RECORD = new StatusError("ServiceUnavailable", "no record");

afterEach(() => {
  jest.useRealTimers();
});

function setUp() {
  const signer = createFakeSigner(new Date("2036-01-01T00:00:00Z"));
  const record: { failure: Error | undefined } = { failure: undefined };
  const check = async (): Promise<void> => {
    if (record.failure !== undefined) throw record.failure;
  };
  return { signer, record, guarded: guardedSigner(signer, { check }) };
}

test("without a record nothing is signed; with one again, what was approved meanwhile is, and never Failed", async () => {
  jest.useFakeTimers({ doNotFake: ["setImmediate", "nextTick", "queueMicrotask", "performance"] });
  const { signer, record, guarded } = setUp();
  const harness = buildIssuance({ allowed: [MAY_JOIN], overrides: { signer: guarded, issuers: signer.issuers } });
  record.failure = NO_RECORD;
  harness.issuance.start();
  await harness.issuance.create(bootstrapper(), draft(), { dryRun: false });
  await harness.settled();
  for (const seconds of [1, 2]) {
    jest.advanceTimersByTime(seconds * 1000);
    await harness.settled();
  }
  expect(signer.intents).toEqual([]);
  const waiting = await harness.stored();
  expect(waiting?.status.certificate).toBeUndefined();
  expect(waiting?.status.conditions?.map(({ type }) => type)).toEqual(["Approved"]);
  record.failure = undefined;
  jest.advanceTimersByTime(60_000);
  await harness.settled();
  expect(signer.intents).toHaveLength(1);
  const issued = await harness.stored();
  expect(issued?.status.certificate).toBeDefined();
  expect(issued?.status.conditions?.map(({ type }) => type)).toEqual(["Approved"]);
});
