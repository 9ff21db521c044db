import { expect, test } from "@jest/globals";
import type { WebhookAuthorizerSettings } from "../../../../services/certificate-authority/access/authorization/settings.ts";
import {
  type WebhookOutcome,
  webhookAuthorizer,
} from "../../../../services/certificate-authority/access/authorization/webhook.ts";
import type { AccessAttributes } from "../../../../services/certificate-authority/domain/authorization.ts";
import type { HttpsMessage } from "../../../../services/shared/https-exchange.ts";
import { user } from "../../../builders/users.ts";
import { SettableClock } from "../../../fakes/settable-clock.ts";

const GET: AccessAttributes = {
  ...{ kind: "resource", verb: "get", group: "certificates.k8s.io", version: "v1" },
  ...{ resource: "certificatesigningrequests", subresource: "", name: "a", namespace: "" },
};
const ALICE = { username: "alice", uid: "7", groups: ["team"], extra: { "example.com/k": ["v"] } };

type Reply = object | string | Error | (() => Promise<string>);

function setUp(reply: Reply, overrides: Partial<WebhookAuthorizerSettings> = {}) {
  const sent: HttpsMessage[] = [];
  const warnings: unknown[] = [];
  const outcomes: WebhookOutcome[] = [];
  const clock = new SettableClock();
  const settings: WebhookAuthorizerSettings = {
    ...{ type: "Webhook", name: "policy", kubeconfigFile: "unused", timeoutSeconds: 3 },
    ...{ authorizedTtlSeconds: 300, unauthorizedTtlSeconds: 30, failurePolicy: "NoOpinion" },
    ...overrides,
  };
  const authorizer = webhookAuthorizer(settings, {
    target: { url: new URL("https://policy.example.com/authorize"), token: () => "our own" },
    exchange: async (_url, message) => {
      sent.push(message);
      if (typeof reply === "function") return reply();
      if (reply instanceof Error) throw reply;
      return typeof reply === "string" ? reply : JSON.stringify(reply);
    },
    clock,
    logger: { warn: (...line: unknown[]) => void warnings.push(line) },
    observe: (_name, outcome) => void outcomes.push(outcome),
  });
  const decide = async (...question: Parameters<typeof authorizer.decide>) => authorizer.decide(...question);
  return { decide, authorizer, sent, warnings, outcomes, clock };
}

const review = (status: object) => ({ apiVersion: "authorization.k8s.io/v1", kind: "SubjectAccessReview", status });

test("a resource is asked about as kube-apiserver asks", async () => {
  const { decide, sent } = setUp(review({ allowed: true, reason: "in the team" }));
  expect(await decide(ALICE, GET)).toEqual({ allowed: true, reason: 'webhook "policy": in the team' });
  expect(
    sent.map(({ method, headers, body = "" }) => ({ method, headers, body: JSON.parse(body) as unknown })),
  ).toEqual([
    {
      method: "POST",
      headers: { "content-type": "application/json", authorization: "Bearer our own" },
      body: {
        kind: "SubjectAccessReview",
        apiVersion: "authorization.k8s.io/v1",
        metadata: {},
        spec: {
          resourceAttributes: {
            ...{ verb: "get", group: "certificates.k8s.io", version: "v1" },
            ...{ resource: "certificatesigningrequests", name: "a" },
          },
          ...{ user: "alice", groups: ["team"], extra: { "example.com/k": ["v"] }, uid: "7" },
        },
      },
    },
  ]);
});

test("a path is asked about, and an empty identity is left out", async () => {
  const { decide, sent } = setUp(review({ allowed: false }));
  await decide({ username: "bob", uid: "", groups: [], extra: {} }, { kind: "path", verb: "get", path: "/metrics" });
  expect((JSON.parse(sent[0]?.body ?? "") as { spec: object }).spec).toEqual({
    nonResourceAttributes: { path: "/metrics", verb: "get" },
    user: "bob",
  });
});

test.each([
  {
    name: "denied",
    status: { allowed: false, denied: true, reason: "no" },
    decision: { allowed: false, denied: true },
  },
  { name: "neither", status: { allowed: false }, decision: { allowed: false, reason: "" } },
  { name: "nothing", status: {}, decision: { allowed: false, reason: "" } },
  { name: "null", status: { allowed: null, denied: null, reason: null }, decision: { allowed: false, reason: "" } },
])("an answer that says $name", async ({ status, decision }) => {
  const answer = await setUp(review(status)).decide(ALICE, GET);
  expect(answer).toMatchObject(decision);
  expect(answer.denied).toBe(decision.denied);
});

const FAILURES: readonly { name: string; reply: Reply }[] = [
  { name: "no answer in time", reply: new Error("policy.example.com did not answer within 3000 ms") },
  { name: "garbage that repeats our token", reply: "our own" },
  { name: "another kind", reply: { ...review({ allowed: true }), kind: "Status" } },
  { name: "another version", reply: { ...review({ allowed: true }), apiVersion: "authorization.k8s.io/v1beta1" } },
  { name: "no status", reply: { apiVersion: "authorization.k8s.io/v1", kind: "SubjectAccessReview" } },
  { name: "yes as text", reply: review({ allowed: "true" }) },
  { name: "both yes and never", reply: review({ allowed: true, denied: true }) },
];

for (const failurePolicy of ["NoOpinion", "Deny"] as const) {
  test.each(FAILURES)(
    `${failurePolicy} decides about $name, which is asked again and tells no secret`,
    async ({ reply }) => {
      const { decide, sent, warnings, outcomes } = setUp(reply, { failurePolicy });
      for (const _ of [1, 2]) {
        const decision = await decide(ALICE, GET);
        expect([decision.allowed, decision.denied]).toEqual([false, failurePolicy === "Deny" ? true : undefined]);
        expect(decision.reason).toContain("gave no answer");
      }
      expect(sent).toHaveLength(2);
      expect(outcomes).toEqual(["failed", "failed"]);
      expect(JSON.stringify(warnings)).not.toContain("our own");
      expect(JSON.stringify(warnings)).toContain("policy.example.com");
    },
  );
}

test.each([
  { name: "an allowed one", status: { allowed: true }, seconds: 300 },
  { name: "a refused one", status: { allowed: false }, seconds: 30 },
  { name: "a denied one", status: { denied: true }, seconds: 30 },
])("$name is remembered for its time, for the same question only", async ({ status, seconds }) => {
  const { decide, authorizer, sent, clock, outcomes } = setUp(review(status));
  const first = await decide(ALICE, GET);
  clock.advance(seconds - 0.001);
  expect(authorizer.decide(ALICE, GET)).toEqual(first);
  expect(outcomes.at(-1)).toBe("remembered");
  await decide({ ...ALICE, groups: [] }, GET);
  await decide({ ...ALICE, extra: {} }, GET);
  await decide(ALICE, { ...GET, name: "b" } as AccessAttributes);
  expect(sent).toHaveLength(4);
  clock.advance(0.001);
  await decide(ALICE, GET);
  expect(sent).toHaveLength(5);
});

test("with no time to remember, and for questions of absurd length, every one is asked", async () => {
  const forgetful = setUp(review({ allowed: true }), { authorizedTtlSeconds: 0 });
  for (const _ of [1, 2]) await forgetful.decide(ALICE, GET);
  expect(forgetful.sent).toHaveLength(2);
  const long = setUp(review({ allowed: true }));
  const path: AccessAttributes = { kind: "path", verb: "get", path: `/${"x".repeat(10_000)}` };
  for (const _ of [1, 2]) await long.decide(ALICE, path);
  expect(long.sent).toHaveLength(2);
});

test("a connection that was closed under a question is tried once more, and no oftener", async () => {
  const closed = Object.assign(new Error("socket hang up"), { code: "ECONNRESET" });
  let answers: readonly (Error | object)[] = [closed, review({ allowed: true })];
  const next = async (): Promise<string> => {
    const [answer, ...rest] = answers;
    answers = rest;
    if (answer instanceof Error) throw answer;
    return JSON.stringify(answer);
  };
  const { decide, sent } = setUp(next);
  expect(await decide(ALICE, GET)).toMatchObject({ allowed: true });
  expect(sent).toHaveLength(2);
  answers = [closed, closed, review({ allowed: true })];
  expect(await decide(user("bob"), GET)).toMatchObject({ allowed: false });
  expect(sent).toHaveLength(4);
});

test("one question at a time is sent once, and no more than 256 different ones", async () => {
  let answer: (text: string) => void = () => undefined;
  const waiting = new Promise<string>((resolve) => {
    answer = resolve;
  });
  const { decide, sent } = setUp(() => waiting);
  const same = [1, 2, 3].map(() => decide(ALICE, GET));
  expect(sent).toHaveLength(1);
  const others = Array.from({ length: 300 }, (_, index) => decide(user(`user-${index}`), GET));
  expect(sent).toHaveLength(256);
  answer(JSON.stringify(review({ allowed: true })));
  expect((await Promise.all(same)).every(({ allowed }) => allowed)).toBe(true);
  expect((await Promise.all(others)).filter(({ allowed }) => allowed)).toHaveLength(255);
  expect(await decide(user("later"), GET)).toMatchObject({ allowed: true });
});
