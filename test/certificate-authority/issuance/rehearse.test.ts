import { expect, test } from "@jest/globals";
import type { ApprovalChain, ReviewRequest } from "../../../services/certificate-authority/domain/ports.ts";
import { buildIssuance, MAY_JOIN } from "../../builders/issuance.ts";
import { draft, request } from "../../builders/request.ts";
import { bootstrapper } from "../../builders/users.ts";

test("a rehearsal decides as a request would be decided, and nothing is stored", async () => {
  const { issuance, requests, signer } = buildIssuance({ allowed: [MAY_JOIN] });
  const { csr, decision, decidedAt } = await issuance.rehearse(bootstrapper(), draft());
  expect(decision).toMatchObject({ outcome: "approved", hook: "kubelet-client" });
  expect(csr).toMatchObject({ metadata: { name: "csr-1" }, spec: { username: "system:bootstrap:abcdef" } });
  expect(decidedAt).toEqual(new Date("2026-01-02T03:04:05Z"));
  expect((await requests.list()).items).toEqual([]);
  expect(requests.decisions).toEqual([]);
  expect(signer.intents).toEqual([]);
});

test("a name that is taken, or none at all, does not matter", async () => {
  const { issuance } = buildIssuance({ initial: [request()] });
  expect((await issuance.rehearse(bootstrapper(), draft())).csr.metadata.name).toBe("csr-1");
  const unnamed = await issuance.rehearse(bootstrapper(), draft({ metadata: { name: "" } }));
  expect(unnamed.csr.metadata.name).toMatch(/^rehearsal-/);
  const generated = draft({ metadata: { name: "", generateName: "csr-" } });
  expect((await issuance.rehearse(bootstrapper(), generated)).csr.metadata.name).toMatch(/^csr-/);
});

test("what the signer's profile would refuse is denied, after the trace of the approval", async () => {
  const { issuance } = buildIssuance({ overrides: { chain: approving() } });
  const sent = draft({ spec: { usages: ["server auth"] } });
  const { decision } = await issuance.rehearse(bootstrapper(), sent);
  expect(decision).toMatchObject({ outcome: "denied", hook: "signer-profile", reason: "SignerValidationFailure" });
  expect(decision.trace.map(({ hook, kind }) => [hook, kind])).toEqual([
    ["script", "approved"],
    ["signer-profile", "denied"],
  ]);
});

test("hooks are told that nothing follows", async () => {
  const asked: ReviewRequest[] = [];
  const { issuance } = buildIssuance({ overrides: { chain: approving(asked) } });
  await issuance.rehearse(bootstrapper(), draft());
  expect(asked).toMatchObject([{ isRehearsal: true }]);
});

test.each([
  { name: "an invalid request", args: { spec: { usages: [] } }, reason: "Invalid" },
  { name: "a name that is none", args: { metadata: { name: "a/b" } }, reason: "Invalid" },
  { name: "a request that claims a revision", args: { metadata: { resourceVersion: "7" } }, reason: "BadRequest" },
])("$name is refused as it would be", async ({ args, reason }) => {
  const { issuance } = buildIssuance();
  await expect(issuance.rehearse(bootstrapper(), draft(args))).rejects.toMatchObject({ reason });
});

function approving(asked: ReviewRequest[] = []): ApprovalChain {
  return {
    approvalsNeeded: () => 1,
    review(reviewed) {
      asked.push(reviewed);
      const said = { reason: "Fine", message: "it is fine" };
      const entry = {
        hook: "script",
        required: false,
        kind: "approved",
        evidence: {},
        durationMicroseconds: 1,
      } as const;
      return { outcome: "approved", hook: "script", ...said, trace: [{ ...entry, ...said }] };
    },
  };
}
