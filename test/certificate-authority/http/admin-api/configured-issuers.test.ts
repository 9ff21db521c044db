import { expect, test } from "@jest/globals";
import request from "supertest";
import { StatusError } from "../../../../services/shared/status-error.ts";
import { adminApi, failure } from "./fixture.ts";

const READY = { name: "default", state: "ready", id: "ab", problem: undefined, signerNames: ["a/b"] } as const;
const AWAITED = {
  name: "nodes",
  state: "awaitingCertificate",
  id: undefined,
  problem: "nodes awaits its certificate",
  signerNames: [],
} as const;

function setUp() {
  const api = adminApi();
  api.configuredIssuers.items.push(READY, AWAITED);
  return api;
}

const shown = (fields: object) => ({ apiVersion: "gatehouse.dev/v1", kind: "ConfiguredIssuer", ...fields });

test("configured issuers are listed, those that cannot sign among them", async () => {
  const { app } = setUp();
  const { body } = await request(app).get("/v1/configured-issuers").expect(200);
  expect(body).toEqual({
    apiVersion: "gatehouse.dev/v1",
    kind: "ConfiguredIssuerList",
    metadata: {},
    items: [
      shown({ name: "default", state: "ready", issuerId: "ab", signerNames: ["a/b"] }),
      shown({ name: "nodes", state: "awaitingCertificate", problem: AWAITED.problem, signerNames: [] }),
    ],
  });
});

test("a request is asked for in the caller's name", async () => {
  const { app, configuredIssuers } = setUp();
  const { body } = await request(app).post("/v1/configured-issuers/nodes/request").expect(200);
  expect(body).toMatchObject({ kind: "IssuerRequest", name: "nodes", requestPem: "request of nodes\n" });
  expect(configuredIssuers.calls).toEqual([{ name: "nodes", user: expect.stringMatching(/.+/) }]);
});

test("a chain is handed on, and the issuer shown as it is then", async () => {
  const { app, configuredIssuers } = setUp();
  const path = "/v1/configured-issuers/nodes/certificate";
  const { body } = await request(app).post(path).send({ chainPem: "chain" }).expect(200);
  expect(body).toMatchObject({ kind: "ConfiguredIssuer", name: "nodes" });
  expect(configuredIssuers.calls).toEqual([{ name: "nodes", chainPem: "chain", user: expect.stringMatching(/.+/) }]);
});

test.each([
  { name: "an issuer that nobody configured", path: "nobody/request", body: {}, code: 404, says: "no issuer nobody" },
  { name: "no chain", path: "nodes/certificate", body: {}, code: 422, says: "chainPem" },
  { name: "an empty chain", path: "nodes/certificate", body: { chainPem: "" }, code: 422, says: "must not be empty" },
  {
    name: "a chain of any length",
    path: "nodes/certificate",
    body: { chainPem: "x".repeat(200_001) },
    code: 422,
    says: "at most 200000 characters",
  },
  { name: "a key", path: "nodes/certificate", body: { chainPem: "c", keyPem: "k" }, code: 422, says: "unknown field" },
])("$name is refused", async ({ path, body, code, says }) => {
  const { app, configuredIssuers } = setUp();
  const answer = await request(app).post(`/v1/configured-issuers/${path}`).send(body).expect(code);
  expect(answer.body.message).toContain(says);
  expect(configuredIssuers.calls).toEqual([]);
});

test("what is wrong with a chain is the administrator's to read", async () => {
  const { app, configuredIssuers } = setUp();
  configuredIssuers.failure = new StatusError("BadRequest", "the chain does not lead to a root");
  const path = "/v1/configured-issuers/nodes/certificate";
  const { body } = await request(app).post(path).send({ chainPem: "chain" }).expect(400);
  expect(body).toEqual(failure(400, "BadRequest", "the chain does not lead to a root"));
});
