import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { accessReview, credential, GET_SECRET, NODE, REVOKED, setUp } from "./webhook-setting.ts";

test("every denial is told, with who and with which credential; nothing else is", async () => {
  const { authorize, lines } = setUp();
  const extra = credential(`X509SHA256=${REVOKED}`);
  await authorize.post("/").send(accessReview({ ...NODE, resourceAttributes: GET_SECRET }));
  await authorize
    .post("/")
    .send(accessReview({ ...NODE, extra, resourceAttributes: { ...GET_SECRET, name: "n".repeat(5000) } }));
  expect(lines).toEqual([
    expect.objectContaining({
      level: "warn",
      audit: "denied",
      webhook: "authorize",
      user: NODE.user,
      credential: [`X509SHA256=${REVOKED}`],
      wanted: "get",
      resource: "secrets",
      name: "n".repeat(256),
    }),
  ]);
});

test("however long what a review says is, the record of a denial is not", async () => {
  const { authorize, lines } = setUp();
  const long = "x".repeat(100_000);
  const credentials = Array.from({ length: 5000 }, () => `X509SHA256=${REVOKED}`);
  const user = {
    user: `system:node:${long}`,
    groups: [long],
    extra: { "authentication.kubernetes.io/credential-id": credentials },
  };
  const resourceAttributes = { ...GET_SECRET, group: long, namespace: long, name: long, subresource: long };
  const { body } = await authorize.post("/").send(accessReview({ ...user, resourceAttributes }));
  expect(body.status.denied).toBe(true);
  expect(JSON.stringify(lines).length).toBeLessThan(5000);
});

test("verdicts and refusals are counted, resources by the names that are known", async () => {
  const { authorize, metrics } = setUp();
  for (const resource of ["secrets", "made-up-by-a-caller"]) {
    await authorize.post("/").send(accessReview({ ...NODE, resourceAttributes: { ...GET_SECRET, resource } }));
  }
  await authorize.post("/").send({});
  const text = await metrics.render();
  const prefix = "gatehouse_node_authorizer_";
  expect(text).toContain(`${prefix}decisions_total{webhook="authorize",resource="secrets",verdict="allow"} 1`);
  expect(text).toContain(`${prefix}decisions_total{webhook="authorize",resource="other",verdict="noOpinion"} 1`);
  expect(text).toContain(`${prefix}refused_reviews_total{webhook="authorize",reason="BadRequest"} 1`);
  expect(text).toContain(`${prefix}decision_duration_seconds_count{webhook="authorize"} 2`);
});

test("property: whatever JSON comes is answered by a Status or a verdict, and what is no review never allows", async () => {
  const { authorize, admit } = setUp();
  const part = fc.anything({ maxDepth: 3, withNullPrototype: false });
  const review = fc.record(
    { apiVersion: fc.oneof(fc.constant("authorization.k8s.io/v1"), part), kind: part, spec: part, request: part },
    { requiredKeys: [] },
  );
  await fc.assert(
    fc.asyncProperty(review, async (body) => {
      for (const webhook of [authorize, admit]) {
        const answer = await webhook
          .post("/")
          .set("content-type", "application/json")
          .serialize((sent) => JSON.stringify(sent, (_, value) => (typeof value === "bigint" ? `${value}` : value)))
          .send(body);
        expect(answer.status).toBeLessThan(500);
        expect(answer.text).not.toMatch(/"allowed":true/);
      }
    }),
    { numRuns: 100 },
  );
});
