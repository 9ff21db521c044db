import { expect, test } from "@jest/globals";
import { tokenReviewAuthenticator } from "../../../../services/certificate-authority/access/authenticators/token-review.ts";
import type { HttpsMessage } from "../../../../services/shared/https-exchange.ts";

const URL_OF_REVIEWER = new URL("https://reviewer.example.com/authenticate");
const ALICE = { username: "alice", uid: "7", groups: ["admins"], extra: { "example.com/team": ["x"] } };

function setUp(answer: unknown, audiences: readonly string[] = []) {
  const sent: HttpsMessage[] = [];
  const authenticator = tokenReviewAuthenticator({
    target: { url: URL_OF_REVIEWER, token: () => "our own" },
    audiences,
    exchange: async (_url, message) => {
      sent.push(message);
      if (answer instanceof Error) throw answer;
      return typeof answer === "string" ? answer : JSON.stringify(answer);
    },
  });
  return { authenticate: async (token = "opaque") => authenticator.authenticate(token), sent };
}

const review = (status: object) => ({ apiVersion: "authentication.k8s.io/v1", kind: "TokenReview", status });

test("a token that the reviewer knows names its user", async () => {
  const { authenticate, sent } = setUp(review({ authenticated: true, user: ALICE }), []);
  expect(await authenticate()).toEqual({
    kind: "user",
    user: { ...ALICE, groups: ["admins", "system:authenticated"] },
  });
  expect(
    sent.map(({ method, headers, body = "" }) => ({ method, headers, body: JSON.parse(body) as unknown })),
  ).toEqual([
    {
      method: "POST",
      headers: { "content-type": "application/json", authorization: "Bearer our own" },
      body: { apiVersion: "authentication.k8s.io/v1", kind: "TokenReview", spec: { token: "opaque" } },
    },
  ]);
});

test("audiences are asked for, and one of them must be confirmed", async () => {
  const answered = (audiences: object) =>
    setUp(review({ authenticated: true, user: ALICE, ...audiences }), ["gatehouse", "ca"]);
  const { authenticate, sent } = answered({ audiences: ["x", "ca"] });
  expect((await authenticate()).kind).toBe("user");
  expect(JSON.parse(sent[0]?.body ?? "")).toMatchObject({ spec: { audiences: ["gatehouse", "ca"] } });
  expect((await answered({ audiences: ["x"] }).authenticate()).kind).toBe("refused");
  expect((await answered({}).authenticate()).kind).toBe("refused");
});

test.each<{ name: string; answer: unknown; isLasting: boolean }>([
  { name: "no", answer: review({ authenticated: false, user: ALICE }), isLasting: true },
  { name: "nothing", answer: review({ user: ALICE }), isLasting: true },
  { name: "no, with an error", answer: review({ error: "the token opaque is wrong" }), isLasting: true },
  { name: "nobody", answer: review({ authenticated: true }), isLasting: true },
  { name: "a user without a name", answer: review({ authenticated: true, user: { username: "" } }), isLasting: true },
  {
    name: "the anonymous user",
    answer: review({ authenticated: true, user: { username: "system:anonymous" } }),
    isLasting: true,
  },
  { name: "yes as text", answer: review({ authenticated: "true", user: ALICE }), isLasting: false },
  {
    name: "another kind",
    answer: { ...review({ authenticated: true, user: ALICE }), kind: "Status" },
    isLasting: false,
  },
  { name: "garbage that repeats the token", answer: "opaque", isLasting: false },
  { name: "too late", answer: new Error("reviewer.example.com did not answer within 10000 ms"), isLasting: false },
])("a reviewer that says $name lets nobody in", async ({ answer, isLasting }) => {
  const outcome = await setUp(answer).authenticate();
  expect(outcome).toMatchObject({ kind: "refused", isLasting });
  expect(JSON.stringify(outcome)).not.toContain("opaque");
});

test("tokens of our own token file never leave the house", async () => {
  const { authenticate, sent } = setUp(review({ authenticated: true, user: ALICE }));
  expect(await authenticate("gatehouse_abcdefgh_secret")).toEqual({ kind: "nobody" });
  expect(sent).toEqual([]);
});
