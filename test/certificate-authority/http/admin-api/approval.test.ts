import { expect, test } from "@jest/globals";
import supertest from "supertest";
import { requestConflict } from "../../../../services/certificate-authority/domain/request-errors.ts";
import { condition, request } from "../../../builders/request.ts";
import { adminApi } from "./fixture.ts";

const WITH = (type: string, fields: object) => request({ status: { conditions: [condition(type, fields)] } });

test.each([
  { path: "approve", body: {}, type: "Approved", reason: "ApprovedByPerson", outcome: "approved" },
  { path: "deny", body: { reason: "Stolen" }, type: "Denied", reason: "Stolen", outcome: "denied" },
])("$path: the verdict of the caller, as it was taken", async ({ path, body, type, reason, outcome }) => {
  const { app, issuance } = adminApi();
  issuance.answer = WITH(type, { reason, message: "seen in rack 4" });
  const sent = { ...body, message: "seen in rack 4" };
  const answer = await supertest(app).post(`/v1/requests/csr-1/${path}`).send(sent).expect(200);
  expect(answer.body).toEqual({
    apiVersion: "gatehouse.dev/v1",
    kind: "ApprovalOutcome",
    request: { name: "csr-1", uid: request().metadata.uid },
    outcome,
    reason,
    message: "seen in rack 4",
  });
  expect(issuance.verdicts).toEqual([
    { user: expect.stringMatching(/.+/), name: "csr-1", verdict: { type, reason, message: "seen in rack 4" } },
  ]);
});

test("an approval that is not the last: pending, with who has approved", async () => {
  const { app, issuance } = adminApi();
  issuance.answer = WITH("QuorumPending", { reason: "ApprovalCounted", message: "1 of 2 people" });
  const { body } = await supertest(app).post("/v1/requests/csr-1/approve").expect(200);
  expect(body).toMatchObject({ outcome: "pending", reason: "ApprovalCounted", message: "1 of 2 people" });
});

test.each([
  { name: "a reason of two words", body: { reason: "two words" }, code: 422, says: /reason.*one word/ },
  { name: "a message without end", body: { message: "x".repeat(1025) }, code: 422, says: /message.*1024/ },
  { name: "an unknown field", body: { force: true }, code: 422, says: /force.*known are/ },
  { name: "an unknown parameter", query: "?force=1", body: {}, code: 400, says: /force/ },
])("refused, and nothing decided: $name", async ({ body, query = "", code, says }) => {
  const { app, issuance } = adminApi();
  const answer = await supertest(app).post(`/v1/requests/csr-1/approve${query}`).send(body).expect(code);
  expect(answer.body.message).toMatch(says);
  expect(issuance.verdicts).toEqual([]);
});

test("what the use case refuses is told", async () => {
  const { app, issuance } = adminApi();
  issuance.answer = requestConflict("csr-1", "it is denied already, and a decision stands");
  const { body } = await supertest(app).post("/v1/requests/csr-1/approve").expect(409);
  expect(body).toMatchObject({ reason: "Conflict", message: expect.stringMatching(/denied already/) });
});
