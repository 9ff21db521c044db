import { expect, test } from "@jest/globals";
import { createChain } from "../../../services/certificate-authority/approval/chain.ts";
import { manualHook } from "../../../services/certificate-authority/approval/hooks/manual.ts";
import { hookSelector } from "../../../services/certificate-authority/approval/selector.ts";
import type { CertificateSigningRequest } from "../../../services/certificate-authority/domain/certificate-signing-request.ts";
import type { CsrDraft } from "../../../services/certificate-authority/domain/draft.ts";
import type { UserInfo } from "../../../services/shared/user-info.ts";
import { buildIssuance, type IssuanceHarness } from "../../builders/issuance.ts";
import { condition, draft, draftCondition, draftOf, request } from "../../builders/request.ts";
import { user } from "../../builders/users.ts";
import { createFakeKeyPolicy } from "../../fakes/key-policy.ts";
import { NO_HISTORY } from "../../fakes/review-history.ts";

const REAL = { dryRun: false };
const CLIENT_KUBELET = "kubernetes.io/kube-apiserver-client-kubelet";
const PEOPLE = ["alice", "bob", "carol", "system:bootstrap:abcdef"];

interface ManualHook {
  readonly name: string;
  readonly quorum: number;
  readonly signers: readonly string[];
}

/** Requests wait for people; four of whom, the requester among them, have the right to approve. */
function withQuorum(quorum: number, hooks: readonly ManualHook[] = [{ name: "manual", quorum, signers: ["*"] }]) {
  const chain = createChain({
    history: NO_HISTORY,
    keyPolicy: createFakeKeyPolicy(),
    hooks: hooks.map(({ name, signers, ...rest }) => ({
      hook: { ...manualHook(rest.quorum), name },
      required: false,
      selector: hookSelector({ signers }),
      quorum: rest.quorum,
    })),
  });
  const allowed = PEOPLE.map((name) => `${name} approve signers ${CLIENT_KUBELET}`);
  return buildIssuance({ initial: [request()], allowed, overrides: { chain } });
}

function decide(harness: IssuanceHarness, person: UserInfo, type: "Approved" | "Denied", dryRun = false) {
  const change = (csr: CertificateSigningRequest | undefined): CsrDraft => {
    const sent = csr ? draftOf(csr) : draft();
    const added = draftCondition(condition(type, { reason: "Seen", message: `by ${person.username}` }));
    const metadata = { ...sent.metadata, resourceVersion: "" };
    return { ...sent, metadata, status: { ...sent.status, conditions: [...sent.status.conditions, added] } };
  };
  return harness.issuance.update(person, "csr-1", "approval", change, { dryRun });
}

const types = (csr: CertificateSigningRequest | undefined) => csr?.status.conditions?.map(({ type }) => type) ?? [];

test("two people have to approve: the first is counted, the second settles it, both are on record", async () => {
  const harness = withQuorum(2);
  const first = await decide(harness, user("alice"), "Approved");
  expect(first.status.conditions).toMatchObject([
    {
      type: "QuorumPending",
      status: "True",
      reason: "ApprovalCounted",
      message: "1 of 2 people have approved it (alice); 1 more to go",
    },
  ]);
  const second = await decide(harness, user("bob"), "Approved");
  expect(second.status.conditions).toMatchObject([{ type: "Approved", reason: "Seen", message: "by bob" }]);
  expect(harness.requests.decisions).toMatchObject([
    { outcome: "pending", hook: undefined, decidedBy: "alice", trace: [{ kind: "noOpinion" }] },
    {
      outcome: "approved",
      hook: "manual",
      decidedBy: "bob",
      trace: [{ kind: "approved", evidence: { username: "bob", quorum: 2, approvers: ["alice", "bob"] } }],
    },
  ]);
});

test("nobody is two people", async () => {
  const harness = withQuorum(2);
  await decide(harness, user("alice"), "Approved");
  const again = await decide(harness, user("alice"), "Approved");
  expect(types(again)).toEqual(["QuorumPending"]);
  expect(harness.requests.decisions).toHaveLength(1);
});

test("whoever asked for the certificate is none of them", async () => {
  const harness = withQuorum(2);
  const attempt = decide(harness, user("system:bootstrap:abcdef"), "Approved");
  await expect(attempt).rejects.toMatchObject({ reason: "Forbidden", message: /2 people have to approve it/ });
  expect(harness.requests.decisions).toEqual([]);
});

test("nobody is several by acting as others", async () => {
  const harness = withQuorum(2);
  const played = { ...user("alice"), impersonatedBy: "bob" };
  await expect(decide(harness, played, "Approved")).rejects.toMatchObject({
    reason: "Forbidden",
    message: expect.stringContaining('2 people have to approve it, and each as themselves: "bob" acts as "alice"'),
  });
  expect(harness.requests.decisions).toEqual([]);
  expect(types(await decide(harness, played, "Denied"))).toEqual(["Denied"]);
});

test("where one is enough, who acted as somebody is on record", async () => {
  const harness = withQuorum(1);
  await decide(harness, { ...user("alice"), impersonatedBy: "bob" }, "Approved");
  expect(harness.requests.decisions[0]?.trace[0]?.evidence).toMatchObject({ username: "alice", impersonatedBy: "bob" });
});

test("where one is enough, that may be whoever asked", async () => {
  const harness = withQuorum(1);
  expect(types(await decide(harness, user("system:bootstrap:abcdef"), "Approved"))).toEqual(["Approved"]);
});

test("one denial settles it, whoever has approved before", async () => {
  const harness = withQuorum(3);
  await decide(harness, user("alice"), "Approved");
  expect(types(await decide(harness, user("bob"), "Denied"))).toEqual(["QuorumPending", "Denied"]);
  expect(harness.requests.decisions.at(-1)).toMatchObject({ outcome: "denied", hook: "manual", decidedBy: "bob" });
});

test("three approve at the same time: each is counted, and the last settles it", async () => {
  const harness = withQuorum(3);
  await Promise.all(["alice", "bob", "carol"].map((name) => decide(harness, user(name), "Approved")));
  expect(types(await harness.stored())).toEqual(["Approved"]);
  expect(new Set(harness.requests.decisions.map(({ decidedBy }) => decidedBy))).toEqual(
    new Set(["alice", "bob", "carol"]),
  );
});

test("approvals of an earlier request of that name do not count", async () => {
  const harness = withQuorum(2);
  await decide(harness, user("alice"), "Approved");
  await harness.issuance.remove(user("alice"), "csr-1", {}, REAL);
  await harness.issuance.create(user("system:bootstrap:abcdef"), draft(), REAL);
  expect(types(await decide(harness, user("bob"), "Approved"))).toEqual(["QuorumPending"]);
});

test("what the object says does not count: an approver who was written into it is none", async () => {
  const harness = withQuorum(2);
  const forged = (csr: CertificateSigningRequest | undefined): CsrDraft => {
    const sent = csr ? draftOf(csr) : draft();
    const message = "1 of 2 people have approved it (carol); 1 more to go";
    const conditions = [draftCondition(condition("QuorumPending", { reason: "ApprovalCounted", message }))];
    return { ...sent, status: { ...sent.status, conditions } };
  };
  await harness.issuance.update(user("alice"), "csr-1", "approval", forged, REAL);
  const [counted] = (await decide(harness, user("alice"), "Approved")).status.conditions ?? [];
  expect(counted).toMatchObject({ type: "QuorumPending", message: expect.stringMatching(/^1 of 2 .*\(alice\)/) });
});

test("a rehearsal counts nothing", async () => {
  const harness = withQuorum(2);
  expect(types(await decide(harness, user("alice"), "Approved", true))).toEqual(["QuorumPending"]);
  expect(types(await harness.stored())).toEqual([]);
  expect(harness.requests.decisions).toEqual([]);
});

test("the chain tells how far it is", async () => {
  const harness = withQuorum(2);
  harness.issuance.start();
  await harness.settled();
  await decide(harness, user("alice"), "Approved");
  await harness.settled();
  expect(harness.requests.decisions.map(({ trace }) => trace.at(-1)?.message)).toEqual([
    "waits for 2 people to approve it, or one to deny it",
    "1 of 2 people have approved it (alice); 1 more to go",
    "1 of 2 people have approved it (alice); 1 more to go",
  ]);
});

test.each([
  { name: "of its signer", signers: [CLIENT_KUBELET], needed: "QuorumPending" },
  { name: "of another signer", signers: ["example.com/*"], needed: "Approved" },
])("the quorum $name: $needed", async ({ signers, needed }) => {
  const harness = withQuorum(1, [
    { name: "anybody", quorum: 1, signers: ["*"] },
    { name: "four-eyes", quorum: 2, signers },
  ]);
  expect(types(await decide(harness, user("alice"), "Approved"))).toEqual([needed]);
});

test("a verdict without the object: counted, settled, repeated and contradicted as through /approval", async () => {
  const harness = withQuorum(2);
  const say = (name: string, type: "Approved" | "Denied") =>
    harness.issuance.decide(user(name), "csr-1", { type, reason: "Seen", message: "in rack 4" });
  expect(types(await say("alice", "Approved"))).toEqual(["QuorumPending"]);
  expect(types(await say("alice", "Approved"))).toEqual(["QuorumPending"]);
  expect((await say("bob", "Approved")).status.conditions).toMatchObject([
    { type: "Approved", status: "True", reason: "Seen", message: "in rack 4" },
  ]);
  expect(types(await say("carol", "Approved"))).toEqual(["Approved"]);
  await expect(say("carol", "Denied")).rejects.toMatchObject({ reason: "Conflict", message: /approved already/ });
  await expect(say("mallory", "Approved")).rejects.toMatchObject({ reason: "Forbidden" });
  expect(harness.requests.decisions.map(({ decidedBy }) => decidedBy)).toEqual(["alice", "bob"]);
  const unknown = harness.issuance.decide(user("alice"), "none", { type: "Approved", reason: "Seen", message: "" });
  await expect(unknown).rejects.toMatchObject({ reason: "NotFound" });
});
