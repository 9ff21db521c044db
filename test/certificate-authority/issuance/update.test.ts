import { expect, test } from "@jest/globals";
import type {
  CertificateSigningRequest,
  UpdateTarget,
} from "../../../services/certificate-authority/domain/certificate-signing-request.ts";
import type { CsrDraft } from "../../../services/certificate-authority/domain/draft.ts";
import { requestNotFound } from "../../../services/certificate-authority/domain/request-errors.ts";
import { buildIssuance } from "../../builders/issuance.ts";
import { condition, draft, draftCondition, draftOf, request } from "../../builders/request.ts";
import { user } from "../../builders/users.ts";

const REAL = { dryRun: false };
const ALICE = user("alice", "admins");
const MAY_APPROVE = "alice approve signers kubernetes.io/kube-apiserver-client-kubelet";
const MAY_APPROVE_DOMAIN = "alice approve signers kubernetes.io/*";
const MAY_SIGN = "alice sign signers kubernetes.io/kube-apiserver-client-kubelet";

const withStatus = (csr: CertificateSigningRequest | undefined, status: Partial<CsrDraft["status"]>): CsrDraft => {
  const sent = csr ? draftOf(csr) : draft();
  return { ...sent, status: { ...sent.status, ...status } };
};
const approve = (csr: CertificateSigningRequest | undefined) =>
  withStatus(csr, { conditions: [draftCondition(condition("Approved", { reason: "KubectlApprove" }))] });
const label = (csr: CertificateSigningRequest | undefined): CsrDraft => {
  const sent = csr ? draftOf(csr) : draft();
  return { ...sent, metadata: { ...sent.metadata, labels: { a: "b" } } };
};

interface OrderRow {
  readonly name: string;
  readonly url?: string;
  readonly target?: UpdateTarget;
  readonly sent: CsrDraft;
  readonly error: object;
}

const INVALID = { labels: { "bad key": "v" } };

test.each<OrderRow>([
  {
    name: "another name, before everything",
    sent: draft({ metadata: { name: "other", uid: "x", resourceVersion: "9", ...INVALID } }),
    error: { reason: "BadRequest" },
  },
  { name: "no name", sent: draft({ metadata: { name: "" } }), error: { reason: "BadRequest" } },
  {
    name: "another uid, before the resourceVersion",
    sent: draft({ metadata: { uid: "x", resourceVersion: "9", ...INVALID } }),
    error: { reason: "Conflict", code: 409 },
  },
  {
    name: "no such object, before the uid",
    url: "gone",
    sent: draft({ metadata: { name: "gone", uid: "x" } }),
    error: { reason: "NotFound" },
  },
  {
    name: "another uid, before the resourceVersion",
    sent: draft({ metadata: { uid: "x", resourceVersion: "9" } }),
    error: { reason: "Conflict" },
  },
  {
    name: "a mark of deletion, together with what else is wrong",
    sent: draft({ metadata: { deletionTimestamp: "2026-01-02T03:04:05Z", deletionGracePeriodSeconds: 5, ...INVALID } }),
    error: {
      reason: "Invalid",
      details: {
        causes: [
          { field: "metadata.deletionTimestamp" },
          { field: "metadata.deletionGracePeriodSeconds" },
          { field: "metadata.labels" },
        ],
      },
    },
  },
  {
    name: "no such object, before the resourceVersion",
    url: "gone",
    sent: draft({ metadata: { name: "gone", resourceVersion: "9", ...INVALID } }),
    error: { reason: "NotFound", details: { name: "gone", kind: "certificatesigningrequests" } },
  },
  {
    name: "a stale resourceVersion, before validation",
    sent: draft({ metadata: { resourceVersion: "9", ...INVALID } }),
    error: { reason: "Conflict" },
  },
  {
    name: "an invalid object, before the right to approve",
    target: "approval",
    sent: draft({ metadata: INVALID }),
    error: { reason: "Invalid", details: { causes: [{ field: "metadata.labels" }] } },
  },
  {
    name: "no right to approve, even without a change",
    target: "approval",
    sent: draft(),
    error: { reason: "Forbidden", details: { name: "csr-1", kind: "certificatesigningrequests" } },
  },
  {
    name: "no right to sign",
    target: "status",
    sent: draft({ status: { certificate: "bmV3" } }),
    error: { reason: "Forbidden" },
  },
])("order of errors: $name", async ({ url = "csr-1", target = "main", sent, error }) => {
  const { issuance, requests } = buildIssuance({ initial: [request()] });
  await expect(issuance.update(ALICE, url, target, () => sent, REAL)).rejects.toMatchObject(error);
  expect(requests.changes).toHaveLength(1);
});

test("a patch of an unknown name decides itself what that means", async () => {
  const { issuance } = buildIssuance();
  const patch = (csr: CertificateSigningRequest | undefined) => {
    if (!csr) throw requestNotFound("gone");
    return label(csr);
  };
  await expect(issuance.update(ALICE, "gone", "main", patch, REAL)).rejects.toMatchObject({ reason: "NotFound" });
});

test.each([
  { name: "the signer", target: "approval" as const, allowed: MAY_APPROVE },
  { name: "the signer's domain", target: "approval" as const, allowed: MAY_APPROVE_DOMAIN },
])("approving takes the right on $name", async ({ target, allowed }) => {
  const { issuance } = buildIssuance({ initial: [request()], allowed: [allowed] });
  await expect(issuance.update(ALICE, "csr-1", target, approve, REAL)).resolves.toMatchObject({
    status: { conditions: [{ type: "Approved", status: "True" }] },
  });
});

test("rights are asked for the stored signer, whatever the body says", async () => {
  const { issuance, authorizer } = buildIssuance({ initial: [request()] });
  const sent = draft({ spec: { signerName: "example.com/mine" } });
  await expect(issuance.update(ALICE, "csr-1", "approval", () => sent, REAL)).rejects.toThrow();
  expect(authorizer.questions).toEqual([MAY_APPROVE, MAY_APPROVE_DOMAIN]);
});

test("an authorizer that fails is a no", async () => {
  const { issuance, authorizer, lines } = buildIssuance({ initial: [request()] });
  authorizer.answer(new Error("no answer"));
  await expect(issuance.update(ALICE, "csr-1", "approval", approve, REAL)).rejects.toMatchObject({
    reason: "Forbidden",
  });
  expect(lines.filter(({ level }) => level === "warn")).toHaveLength(2);
});

test("/status needs the right to sign only for a change of status", async () => {
  const { issuance, authorizer } = buildIssuance({ initial: [request()] });
  await issuance.update(ALICE, "csr-1", "status", label, REAL);
  expect(authorizer.questions).toEqual([]);
  authorizer.answer([MAY_SIGN]);
  const sign = (csr: CertificateSigningRequest | undefined) => withStatus(csr, { certificate: "bmV3" });
  const csr = await issuance.update(ALICE, "csr-1", "status", sign, REAL);
  expect(csr.status.certificate).toBe("bmV3");
});

test("a write that changes nothing keeps its resourceVersion and is no event", async () => {
  const stored = request();
  const { issuance, requests } = buildIssuance({ initial: [stored], allowed: [MAY_APPROVE] });
  for (const target of ["main", "approval", "status"] as const) {
    const csr = await issuance.update(ALICE, "csr-1", target, () => draftOf(stored), REAL);
    expect(csr.metadata.resourceVersion).toBe("1");
  }
  expect(requests.changes).toHaveLength(1);
});

test("dry run: the answer of a write without the write", async () => {
  const { issuance, requests } = buildIssuance({ initial: [request()], allowed: [MAY_APPROVE] });
  const csr = await issuance.update(ALICE, "csr-1", "approval", approve, { dryRun: true });
  expect(csr.status.conditions).toHaveLength(1);
  expect(requests.changes).toHaveLength(1);
  expect(requests.decisions).toEqual([]);
});

/** Somebody else writes between reading and writing, `times` times. */
function interrupted(harness: ReturnType<typeof buildIssuance>, times: number) {
  for (let left = times; left > 0; left -= 1) {
    const error = Object.assign(new Error("stale"), { name: "StatusError", reason: "Conflict", code: 409 });
    harness.requests.failNext("update", error);
  }
}

test("a write without resourceVersion goes on top of what others wrote meanwhile", async () => {
  const harness = buildIssuance({ initial: [request()] });
  interrupted(harness, 7);
  let calls = 0;
  const change = (csr: CertificateSigningRequest | undefined) => {
    calls += 1;
    const sent = label(csr);
    return { ...sent, metadata: { ...sent.metadata, resourceVersion: "" } };
  };
  await expect(harness.issuance.update(ALICE, "csr-1", "main", change, REAL)).resolves.toBeDefined();
  expect(calls).toBe(8);
  interrupted(harness, 8);
  const other = (csr: CertificateSigningRequest | undefined) => {
    const sent = change(csr);
    return { ...sent, metadata: { ...sent.metadata, labels: { c: "d" } } };
  };
  await expect(harness.issuance.update(ALICE, "csr-1", "main", other, REAL)).rejects.toMatchObject({
    reason: "Conflict",
  });
});

test("a write with a resourceVersion is not put on top of anything", async () => {
  const harness = buildIssuance({ initial: [request()] });
  interrupted(harness, 1);
  await expect(harness.issuance.update(ALICE, "csr-1", "main", label, REAL)).rejects.toMatchObject({
    reason: "Conflict",
  });
});

test.each([
  { type: "Approved", outcome: "approved" },
  { type: "Denied", outcome: "denied" },
])("a person's $type is recorded in the same commit", async ({ type, outcome }) => {
  const { issuance, requests, observed } = buildIssuance({ initial: [request()], allowed: [MAY_APPROVE] });
  const decide = (csr: CertificateSigningRequest | undefined) =>
    withStatus(csr, { conditions: [draftCondition(condition(type, { reason: "Known", message: "by phone" }))] });
  await issuance.update(ALICE, "csr-1", "approval", decide, REAL);
  expect(requests.decisions).toMatchObject([
    {
      outcome,
      hook: "manual",
      reason: "Known",
      message: "by phone",
      decidedBy: "alice",
      requestName: "csr-1",
      requester: "system:bootstrap:abcdef",
      decidedAt: new Date("2026-01-02T03:04:05Z"),
      trace: [{ hook: "manual", kind: outcome, evidence: { username: "alice" } }],
    },
  ]);
  expect(requests.calls.get("recordDecision")).toBeUndefined();
  expect(observed).toContain(`${outcome} by person`);
});

test("a change that decides nothing new is no decision", async () => {
  const stored = request({ status: { conditions: [condition("Denied")] } });
  const { issuance, requests } = buildIssuance({ initial: [stored], allowed: [MAY_APPROVE] });
  const comment = (csr: CertificateSigningRequest | undefined) =>
    withStatus(csr, { conditions: [draftCondition(condition("Denied", { message: "still no" }))] });
  await issuance.update(ALICE, "csr-1", "approval", comment, REAL);
  expect(requests.changes).toHaveLength(2);
  expect(requests.decisions).toEqual([]);
});

test("emptying the finalizers of an object that is being deleted deletes it", async () => {
  const stored = request({ metadata: { deletionTimestamp: "2026-01-01T00:00:00Z", finalizers: ["a.b/c"] } });
  const { issuance, requests } = buildIssuance({ initial: [stored] });
  const csr = await issuance.update(ALICE, "csr-1", "main", () => draft(), REAL);
  expect(csr.metadata.finalizers).toBeUndefined();
  expect(csr.metadata.resourceVersion).toBe("2");
  expect(requests.changes.map(({ type }) => type)).toEqual(["ADDED", "DELETED"]);
  expect(requests.removals).toEqual(["csr-1 by alice"]);
});

test("an object that is being deleted stays while a finalizer is left", async () => {
  const metadata = { deletionTimestamp: "2026-01-01T00:00:00Z", finalizers: ["a.b/c", "a.b/d"] };
  const { issuance, requests } = buildIssuance({ initial: [request({ metadata })] });
  await issuance.update(ALICE, "csr-1", "main", () => draft({ metadata: { finalizers: ["a.b/d"] } }), REAL);
  expect(requests.changes.map(({ type }) => type)).toEqual(["ADDED", "MODIFIED"]);
});

test("emptying the finalizers of another object keeps it", async () => {
  const { issuance, requests } = buildIssuance({ initial: [request({ metadata: { finalizers: ["a.b/c"] } })] });
  await issuance.update(ALICE, "csr-1", "main", () => draft(), REAL);
  expect(requests.changes.map(({ type }) => type)).toEqual(["ADDED", "MODIFIED"]);
});
