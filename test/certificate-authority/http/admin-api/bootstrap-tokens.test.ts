import { expect, test } from "@jest/globals";
import request from "supertest";
import { adminApi, failure } from "./fixture.ts";

const PATH = "/v1/bootstrap-tokens";

test("a token is made with defaults, shown once and never again", async () => {
  const { app, tokens } = adminApi();
  const created = await request(app).post(PATH).expect(201);
  const shown = {
    apiVersion: "gatehouse.dev/v1",
    kind: "BootstrapToken",
    id: "aaaaa0",
    description: "",
    groups: [],
    usages: ["authentication"],
    createdAt: "2026-01-02T03:04:05Z",
    expiresAt: "2026-01-03T03:04:05Z",
    createdBy: "alice",
  };
  expect(created.body).toEqual({ ...shown, token: "aaaaa0.0123456789abcdef" });
  expect(created.headers["cache-control"]).toBe("no-store");
  expect(tokens.created).toEqual([
    { options: { description: "", ttlSeconds: 86_400, groups: [], nodeName: undefined }, createdBy: "alice" },
  ]);
  const listed = await request(app).get(PATH).expect(200);
  expect(listed.body).toEqual({
    apiVersion: "gatehouse.dev/v1",
    kind: "BootstrapTokenList",
    metadata: {},
    items: [shown],
  });
  const read = await request(app).get(`${PATH}/aaaaa0`).expect(200);
  expect(read.body).toEqual(shown);
});

test.each([
  { name: "shortest life", body: { ttlSeconds: 60 }, options: { ttlSeconds: 60 } },
  { name: "longest life", body: { ttlSeconds: 31_536_000 }, options: { ttlSeconds: 31_536_000 } },
  { name: "no end, said expressly", body: { neverExpires: true }, options: { ttlSeconds: undefined } },
  { name: "neverExpires false", body: { neverExpires: false, ttlSeconds: 90 }, options: { ttlSeconds: 90 } },
  { name: "a node", body: { nodeName: "node-1.example" }, options: { nodeName: "node-1.example" } },
  { name: "a description", body: { description: "rack 4" }, options: { description: "rack 4" } },
  { name: "an envelope", body: { apiVersion: "gatehouse.dev/v1", kind: "BootstrapToken" }, options: {} },
  {
    name: "groups, sorted and each once",
    body: { groups: ["system:bootstrappers:b", "system:bootstrappers:a", "system:bootstrappers:b"] },
    options: { groups: ["system:bootstrappers:a", "system:bootstrappers:b"] },
  },
])("a token is made with $name", async ({ body, options }) => {
  const { app, tokens } = adminApi();
  await request(app).post(PATH).send(body).expect(201);
  const defaults = { description: "", ttlSeconds: 86_400, groups: [], nodeName: undefined };
  expect(tokens.created.map((entry) => entry.options)).toEqual([{ ...defaults, ...options }]);
});

const TTL = "must be a whole number of seconds from 60 to 31536000 (365 days)";
const GROUP = "must be like system:bootstrappers:<name>";
const NODE = "must be a node's name: lower-case letters, digits, '-' and '.'";

test.each([
  { body: { ttlSeconds: 59 }, field: "ttlSeconds", message: `59 ${TTL}` },
  { body: { ttlSeconds: 0 }, field: "ttlSeconds", message: `0 ${TTL}` },
  { body: { ttlSeconds: 31_536_001 }, field: "ttlSeconds", message: `31536001 ${TTL}` },
  { body: { ttlSeconds: 90.5 }, field: "ttlSeconds", message: `90.5 ${TTL}` },
  { body: { ttlSeconds: "60" }, field: "ttlSeconds", message: `"60" ${TTL}` },
  { body: { neverExpires: "yes" }, field: "neverExpires", message: '"yes" must be true or false' },
  {
    body: { neverExpires: true, ttlSeconds: 60 },
    field: "neverExpires",
    message: "true contradicts ttlSeconds; give one of the two",
  },
  { body: { groups: ["system:masters"] }, field: "groups.0", message: `"system:masters" ${GROUP}` },
  { body: { groups: ["system:bootstrappers:a-"] }, field: "groups.0", message: `"system:bootstrappers:a-" ${GROUP}` },
  { body: { nodeName: "Node_1" }, field: "nodeName", message: `"Node_1" ${NODE}` },
  { body: { nodeName: "" }, field: "nodeName", message: `"" ${NODE}` },
  { body: { description: 5 }, field: "description", message: "5 must be text" },
  { body: { kind: "Token" }, field: "kind", message: '"Token" must be BootstrapToken or left out' },
])("a token of $body is refused by field", async ({ body, field, message }) => {
  const { app, tokens } = adminApi();
  const response = await request(app).post(PATH).send(body).expect(422);
  const details = { kind: "BootstrapToken", causes: [{ reason: "FieldValueInvalid", field, message }] };
  expect(response.body).toEqual(failure(422, "Invalid", `BootstrapToken is invalid: ${field}: ${message}`, details));
  expect(tokens.created).toEqual([]);
});

test("an unknown field is refused with the known ones", async () => {
  const { app } = adminApi();
  const response = await request(app).post(PATH).send({ ttl: "24h" }).expect(422);
  const message =
    "unknown field; known are apiVersion, kind, description, ttlSeconds, neverExpires, groups, nodeName, use";
  const causes = [{ reason: "FieldValueForbidden", field: "ttl", message }];
  const details = { kind: "BootstrapToken", causes };
  expect(response.body).toEqual(failure(422, "Invalid", `BootstrapToken is invalid: ttl: ${message}`, details));
});

test.each([
  { type: "application/json", body: "{", code: 400, message: "the body is not valid JSON; send one JSON object" },
  {
    type: "application/json",
    body: Buffer.from([0xff]),
    code: 400,
    message: "the body is not valid JSON; send one JSON object",
  },
  { type: "text/yaml", body: "a: b", code: 415, message: 'the body is "text/yaml"; send application/json' },
])("a body of $type that reads $body answers $code", async ({ type, body, code, message }) => {
  const { app } = adminApi();
  const response = await request(app)
    .post(PATH)
    .set("Content-Type", type)
    .serialize((value: unknown) => value as string)
    .send(body)
    .expect(code);
  expect(response.body.message).toBe(message);
});

test.each([["[]"], ["null"], ["3"]])("a body of %s is no object", async (body) => {
  const { app } = adminApi();
  const response = await request(app).post(PATH).set("Content-Type", "application/json").send(body).expect(422);
  expect(response.body.details.causes[0].field).toBe("body");
});

test("a token is removed, and only once", async () => {
  const { app, tokens } = adminApi();
  await request(app).post(PATH).expect(201);
  const removed = await request(app).delete(`${PATH}/aaaaa0`).expect(200);
  const details = { kind: "bootstrap-tokens", name: "aaaaa0" };
  expect(removed.body).toEqual({ kind: "Status", apiVersion: "v1", metadata: {}, status: "Success", details });
  expect(tokens.removed).toEqual([{ id: "aaaaa0", removedBy: "alice" }]);
  const message = "no bootstrap token aaaaa0 exists; /v1/bootstrap-tokens lists them";
  for (const method of ["delete", "get"] as const) {
    const again = await request(app)[method](`${PATH}/aaaaa0`).expect(404);
    expect(again.body).toEqual(failure(404, "NotFound", message, details));
  }
});

test.each(["get", "delete"] as const)("%s of a whole token does not repeat its secret", async (method) => {
  const { app } = adminApi();
  const response = await request(app)[method](`${PATH}/aaaaa0.0123456789abcdef`).expect(400);
  const message = "a bootstrap token is named by its id, the six characters before the dot";
  expect(response.body).toEqual(failure(400, "BadRequest", message));
});
