import { expect, test } from "@jest/globals";
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
