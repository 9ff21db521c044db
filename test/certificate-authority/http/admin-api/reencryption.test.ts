import { expect, test } from "@jest/globals";
import request from "supertest";
import { StatusError } from "../../../../services/shared/status-error.ts";
import { adminApi, failure } from "./fixture.ts";

const PATH = "/v1/issuers/reencryption";
const ANSWER = { apiVersion: "gatehouse.dev/v1", kind: "Reencryption", sealedFiles: 2, rewritten: 1 };

test("the outcome is answered", async () => {
  const { app } = adminApi();
  const { body } = await request(app).post(PATH).expect(200);
  expect(body).toEqual({ ...ANSWER, provider: "aesgcm", keyName: "two" });
});

test("identity has no key to name", async () => {
  const { app, encryption } = adminApi();
  encryption.outcome = { ...encryption.outcome, provider: "identity", keyName: "" };
  expect((await request(app).post(PATH).expect(200)).body).toEqual({ ...ANSWER, provider: "identity" });
});

test("a failure is answered with its reason", async () => {
  const { app, encryption } = adminApi();
  encryption.failure = new StatusError("ServiceUnavailable", "away", { details: { retryAfterSeconds: 5 } });
  const { body } = await request(app).post(PATH).expect(503);
  expect(body).toEqual(failure(503, "ServiceUnavailable", "away", { retryAfterSeconds: 5 }));
});

test.each([
  { name: "an unknown parameter", path: `${PATH}?force=true`, accept: "*/*", code: 400 },
  { name: "another media type", path: PATH, accept: "text/html", code: 406 },
])("$name is refused before anything is done", async ({ path, accept, code }) => {
  const { app, encryption } = adminApi();
  encryption.failure = new Error("must not be asked");
  await request(app).post(path).set("Accept", accept).expect(code);
});
