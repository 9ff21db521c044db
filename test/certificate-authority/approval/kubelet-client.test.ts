import { expect, test } from "@jest/globals";
import { kubeletClientHook } from "../../../services/certificate-authority/approval/hooks/kubelet-client.ts";
import type { AccessAttributes } from "../../../services/certificate-authority/domain/authorization.ts";
import type { Verdict } from "../../../services/certificate-authority/domain/decision.ts";
import type { UserInfo } from "../../../services/shared/user-info.ts";
import { facts } from "../../builders/facts.ts";
import { certificateRecord } from "../../builders/records.ts";
import { CLIENT_KUBELET, type RequestArguments, request, SERVING_KUBELET } from "../../builders/request.ts";
import { createFakeAuthorizer } from "../../fakes/authorizer.ts";
import { reviewInput } from "../../fakes/review-history.ts";

const NOW = new Date("2026-01-01T00:00:00Z");
const NODE = "system:node:worker-1";
const TOKEN = "system:bootstrap:abcdef";
const self = (user: string) => `${user} create certificatesigningrequests/selfnodeclient`;
const any = (user: string) => `${user} create certificatesigningrequests/nodeclient`;

interface Row {
  readonly name: string;
  readonly spec: NonNullable<RequestArguments["spec"]>;
  readonly allowed: readonly string[];
  readonly asked: readonly string[];
  readonly kind: string;
  readonly reason: string;
  readonly allowedBy?: string;
}

test.each<Row>([
  {
    name: "a node renews, and may",
    spec: { username: NODE },
    allowed: [self(NODE)],
    asked: [self(NODE)],
    kind: "approved",
    reason: "AutoApproved",
    allowedBy: "selfnodeclient",
  },
  {
    name: "a node renews and both rules allow it: the narrower one speaks",
    spec: { username: NODE },
    allowed: [self(NODE), any(NODE)],
    asked: [self(NODE)],
    kind: "approved",
    reason: "AutoApproved",
    allowedBy: "selfnodeclient",
  },
  {
    name: "a node renews by the wider rule",
    spec: { username: NODE },
    allowed: [any(NODE)],
    asked: [self(NODE), any(NODE)],
    kind: "approved",
    reason: "AutoApproved",
    allowedBy: "nodeclient",
  },
  {
    name: "a node renews, and may not",
    spec: { username: NODE },
    allowed: [],
    asked: [self(NODE), any(NODE)],
    kind: "noOpinion",
    reason: "NotAllowed",
  },
  {
    name: "a machine joins, and may",
    spec: {},
    allowed: [any(TOKEN)],
    asked: [any(TOKEN)],
    kind: "approved",
    reason: "AutoApproved",
    allowedBy: "nodeclient",
  },
  {
    name: "a machine joins with the right for renewals only",
    spec: {},
    allowed: [self(TOKEN)],
    asked: [any(TOKEN)],
    kind: "noOpinion",
    reason: "NotAllowed",
  },
  {
    name: "a serving certificate is nobody's business here",
    spec: { username: NODE, signerName: SERVING_KUBELET, usages: ["digital signature", "server auth"] },
    allowed: [self(NODE), any(NODE)],
    asked: [],
    kind: "noOpinion",
    reason: "NotRecognised",
  },
])("kubelet-client: $name", async ({ spec, allowed, asked, kind, reason, allowedBy }) => {
  const authorizer = createFakeAuthorizer(allowed);
  const verdict = await kubeletClientHook(authorizer).review(
    reviewInput({ csr: request({ spec }), facts: facts(), now: NOW }),
  );
  expect(verdict).toMatchObject({ kind, reason });
  expect(verdict.evidence["allowedBy"]).toBe(allowedBy);
  expect(authorizer.questions).toEqual(asked);
});

test("kubelet-client: the review carries everything that is known of the requester, and no name", async () => {
  const asked: { user: UserInfo; attributes: AccessAttributes }[] = [];
  const hook = kubeletClientHook({
    async authorize(user, attributes) {
      asked.push({ user, attributes });
      return { allowed: true, reason: "binding" };
    },
  });
  const spec = { username: TOKEN, uid: "u", groups: ["g"], extra: { k: ["v"] } };
  await hook.review(reviewInput({ csr: request({ spec }), facts: facts(), now: NOW }));
  expect(asked).toEqual([
    {
      user: spec,
      attributes: {
        kind: "resource",
        verb: "create",
        group: "certificates.k8s.io",
        version: "*",
        resource: "certificatesigningrequests",
        subresource: "nodeclient",
      },
    },
  ]);
});

test("kubelet-client: answers at once when the authorizer does, rule by rule", () => {
  const authorize = (_user: UserInfo, { subresource }: AccessAttributes & { subresource?: string }) => ({
    allowed: subresource === "nodeclient",
    reason: `asked for ${subresource}`,
  });
  const csr = request({ spec: { username: NODE } });
  expect(kubeletClientHook({ authorize }).review(reviewInput({ csr, facts: facts(), now: NOW }))).toMatchObject({
    kind: "approved",
    evidence: { allowedBy: "nodeclient", because: "asked for nodeclient" },
  });
});

test("kubelet-client: a node's renewal is compared with its newest certificate, a join with none", () => {
  const former = certificateRecord({ spkiSha256: "cd".repeat(32) });
  const asked: string[] = [];
  const certificates = {
    summaryOfLatest(nodeName: string, signerName: string) {
      asked.push(`${nodeName} ${signerName}`);
      return former;
    },
  };
  const authorize = () => ({ allowed: true, reason: "binding" });
  const hook = kubeletClientHook({ authorize }, certificates);
  const review = (username: string) =>
    hook.review(reviewInput({ csr: request({ spec: { username } }), facts: facts(), now: NOW })) as Verdict;
  expect(review(TOKEN).evidence).not.toHaveProperty("renews");
  expect(asked).toEqual([]);
  expect(review(NODE).evidence["renews"]).toEqual({
    ...{ fingerprint: former.fingerprint, serial: former.serial, keyReused: false },
    ...{ sansAdded: [], sansRemoved: [] },
  });
  expect(asked).toEqual([`worker-1 ${CLIENT_KUBELET}`]);
});

test("kubelet-client: a review that fails stops, without a verdict", async () => {
  const authorizer = createFakeAuthorizer();
  authorizer.answer(new Error("no answer"));
  const csr = request({ spec: { username: NODE } });
  await expect(kubeletClientHook(authorizer).review(reviewInput({ csr, facts: facts(), now: NOW }))).rejects.toThrow(
    "no answer",
  );
  expect(authorizer.questions).toEqual([self(NODE)]);
});
