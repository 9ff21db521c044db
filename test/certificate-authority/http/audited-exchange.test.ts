import { once } from "node:events";
import { createServer, request as httpRequest } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, test } from "@jest/globals";
import supertest from "supertest";
import { type Route, sendBytes, sendJson } from "../../../services/certificate-authority/http/call.ts";
import type { Credentials, EdgeDependencies } from "../../../services/certificate-authority/http/edge.ts";
import { encodeProtobuf } from "../../../services/shared/kubernetes/protobuf.ts";
import { StatusError } from "../../../services/shared/status-error.ts";
import { ANONYMOUS } from "../../../services/shared/user-info.ts";
import { type AuditOptions, buildAudit } from "../../builders/audit.ts";
import { ADMINISTRATOR, appOf } from "../../builders/edge.ts";
import { user } from "../../builders/users.ts";

const CSRS = "/apis/certificates.k8s.io/v1/certificatesigningrequests";
const NOW = "2026-01-02T03:04:05.000000Z";
const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;
const BOB = user("bob");

/** Answers with what it was sent, as what it was sent. */
const echo: Route = {
  method: "*",
  path: "/{*rest}",
  handler: async (call) => {
    const body = await call.readBody();
    sendBytes(call.response, 200, call.request.headers["content-type"] ?? "application/json", body);
  },
};

function setUp(
  options: AuditOptions = {},
  overrides: Partial<EdgeDependencies> = {},
  routes: readonly Route[] = [echo],
) {
  const audit = buildAudit(options);
  const authenticate = async ({ onAuthenticated }: Credentials) => {
    onAuthenticated?.(ADMINISTRATOR);
    return { user: ADMINISTRATOR, authenticated: ADMINISTRATOR };
  };
  const authorizer = { authorize: async () => ({ allowed: true, reason: "RBAC: because" }) };
  const app = appOf(routes, { authenticate, authorizer, audit: audit.recorder, ...overrides });
  return { ...audit, app, client: supertest(app) };
}

test("a request has an event when it comes in and one when its answer is complete", async () => {
  const { client, events } = setUp();
  const answer = await client
    .put(`${CSRS}/csr-1/approval?fieldManager=x`)
    .set("user-agent", "kubectl/v1.36.2")
    .set("audit-id", "given-id")
    .send({ spec: {} });
  expect(answer.headers["audit-id"]).toBe("given-id");
  const common = {
    kind: "Event",
    apiVersion: "audit.k8s.io/v1",
    level: "Metadata",
    auditID: "given-id",
    requestURI: `${CSRS}/csr-1/approval?fieldManager=x`,
    verb: "update",
    user: { username: "alice", groups: ["gatehouse:administrators", "system:authenticated"] },
    sourceIPs: ["127.0.0.1"],
    userAgent: "kubectl/v1.36.2",
    objectRef: {
      resource: "certificatesigningrequests",
      name: "csr-1",
      apiGroup: "certificates.k8s.io",
      apiVersion: "v1",
      subresource: "approval",
    },
    requestReceivedTimestamp: NOW,
    stageTimestamp: NOW,
  };
  expect(await events()).toEqual([
    { ...common, stage: "RequestReceived" },
    {
      ...common,
      stage: "ResponseComplete",
      responseStatus: { metadata: {}, code: 200 },
      annotations: { "authorization.k8s.io/decision": "allow", "authorization.k8s.io/reason": "RBAC: because" },
    },
  ]);
});

test("a path has no objectRef; without an id of the caller the event has a UUID, the answer's", async () => {
  const { client, events } = setUp();
  const { headers } = await client.delete("/v1/bootstrap-tokens/abcdef");
  const [event] = await events();
  expect(event).toMatchObject({ verb: "delete", auditID: headers["audit-id"] });
  expect(event?.auditID).toMatch(UUID);
  expect(event).not.toHaveProperty("objectRef");
});

test("what the policy leaves out has no events, and stages are left out by themselves", async () => {
  const rules = '[{ level: None, nonResourceURLs: ["/livez"] }, { level: Metadata }]';
  const { client, events } = setUp({ rules, omitStages: "[RequestReceived]" });
  await client.get("/livez");
  await client.get("/version");
  expect((await events()).map(({ stage, requestURI }) => [stage, requestURI])).toEqual([
    ["ResponseComplete", "/version"],
  ]);
});

test("an impersonated user is told beside the one who authenticated, whom the policy is about", async () => {
  const authenticate = async ({ onAuthenticated }: Credentials) => {
    onAuthenticated?.(ADMINISTRATOR);
    return { user: BOB, authenticated: ADMINISTRATOR };
  };
  const rules = "[{ level: None, users: [bob] }, { level: Metadata, users: [alice] }]";
  const { client, events } = setUp({ rules }, { authenticate });
  await client.get("/version");
  expect((await events())[1]).toMatchObject({
    user: { username: "alice" },
    impersonatedUser: { username: "bob", groups: ["system:authenticated"] },
  });
});

test("a refused impersonation has its author", async () => {
  const authenticate = async ({ onAuthenticated }: Credentials) => {
    onAuthenticated?.(BOB);
    throw new StatusError("Forbidden", "bob cannot impersonate");
  };
  const { client, events } = setUp({}, { authenticate });
  await client.get("/version").set("impersonate-user", "root");
  expect(await events()).toMatchObject([
    { stage: "RequestReceived", user: { username: "bob" } },
    { stage: "ResponseComplete", user: { username: "bob" }, responseStatus: { code: 403 } },
  ]);
});

test("credentials that name nobody have one event, which tells why; the caller is not told", async () => {
  const cause = new Error("the token expired at noon");
  const authenticate = async () => {
    throw new StatusError("Unauthorized", "Unauthorized", { cause });
  };
  const { client, events } = setUp({}, { authenticate });
  const { status, text } = await client.get(CSRS).set("authorization", "Bearer s3cret");
  expect([status, text.includes("noon")]).toEqual([401, false]);
  const [event, ...more] = await events();
  expect(more).toEqual([]);
  expect(event).toMatchObject({
    stage: "ResponseStarted",
    user: {},
    responseStatus: { status: "Failure", reason: "Unauthorized", code: 401 },
    annotations: { "gatehouse.dev/failure": "the token expired at noon" },
  });
});

test.each([
  { name: "a known caller", as: BOB, code: 403, reason: "Forbidden" },
  { name: "an anonymous caller", as: ANONYMOUS, code: 401, reason: "Unauthorized" },
])("a refusal of $name is on record with its decision", async ({ as, code, reason }) => {
  const authenticate = async ({ onAuthenticated }: Credentials) => {
    onAuthenticated?.(as);
    return { user: as, authenticated: as };
  };
  const authorizer = { authorize: async () => ({ allowed: false, reason: "" }) };
  const { client, events } = setUp({}, { authenticate, authorizer });
  await client.get(`${CSRS}/csr-1`);
  expect((await events())[1]).toMatchObject({
    user: { username: as.username },
    responseStatus: { metadata: {}, status: "Failure", reason, code },
    annotations: { "authorization.k8s.io/decision": "forbid", "authorization.k8s.io/reason": "" },
  });
});

test("who is turned away before anybody looked at who it is leaves no event: a flood must not fill the record", async () => {
  const rateLimiter = {
    takeForAddress() {
      throw new StatusError("TooManyRequests", "slow down");
    },
    takeForIdentity() {},
    noteFailedAuthentication() {},
  };
  const { client, events } = setUp({}, { rateLimiter });
  expect((await client.get("/version")).status).toBe(429);
  expect(await events()).toEqual([]);
});

test.each([
  { level: "Metadata", requestObject: undefined, responseObject: undefined },
  { level: "Request", requestObject: { a: 1 }, responseObject: undefined },
  { level: "RequestResponse", requestObject: { a: 1 }, responseObject: { a: 1 } },
])("bodies at level $level", async ({ level, requestObject, responseObject }) => {
  const { client, events } = setUp({ rules: `[{ level: ${level} }]` });
  await client.post(CSRS).send({ a: 1 });
  const [received, complete] = await events();
  expect(received).not.toHaveProperty("requestObject");
  expect([complete?.["requestObject"], complete?.["responseObject"]]).toEqual([requestObject, responseObject]);
});

test.each([
  {
    name: "protobuf",
    type: "application/vnd.kubernetes.protobuf",
    body: encodeProtobuf({ apiVersion: "v1", kind: "Status", status: "Success", code: 200 }),
    object: { apiVersion: "v1", kind: "Status", status: "Success", code: 200 },
  },
  { name: "YAML", type: "application/yaml", body: Buffer.from("a: [1, b]\n"), object: { a: [1, "b"] } },
  { name: "a patch", type: "application/strategic-merge-patch+json", body: Buffer.from('{"a":1}'), object: { a: 1 } },
  { name: "text", type: "text/plain", body: Buffer.from("abc"), object: undefined },
  { name: "broken YAML", type: "application/yaml", body: Buffer.from("token: [abcdef"), object: undefined },
])("a body of $name", async ({ type, body, object }) => {
  const { client, events } = setUp({ rules: "[{ level: RequestResponse }]" });
  await client
    .post(CSRS)
    .set("content-type", type)
    .send(body.toString("latin1") === body.toString() ? body.toString() : body);
  const [, complete] = await events();
  expect([complete?.["requestObject"], complete?.["responseObject"]]).toEqual([object, object]);
});

test("a body that is too long is left out, and the event says so", async () => {
  const { client, events } = setUp({ rules: "[{ level: RequestResponse }]" });
  await client.post(CSRS).send({ fill: "x".repeat(300 * 1024) });
  const [, complete] = await events();
  expect(complete).toMatchObject({ annotations: { "audit.k8s.io/truncated": "true" } });
  expect(complete).not.toHaveProperty("requestObject");
  expect(complete).not.toHaveProperty("responseObject");
});

test("no secret comes onto the record", async () => {
  const secret = "abcdef.0123456789abcdef";
  const routes: readonly Route[] = [
    {
      method: "POST",
      path: "/v1/bootstrap-tokens",
      handler: ({ response }) => sendJson(response, 201, { id: "abcdef", token: secret }),
    },
    echo,
  ];
  const { client, events, sink } = setUp({ rules: "[{ level: RequestResponse }]" }, {}, routes);
  await client.post("/v1/bootstrap-tokens").set("authorization", "Bearer topsecret").send({ description: secret });
  await client.delete(`/v1/bootstrap-tokens/${secret}`).set("user-agent", `curl ${secret}`);
  const secrets = "/api/v1/namespaces/kube-system/secrets";
  await client
    .post("/apis/example.com/v1/namespaces/kube-system/secrets")
    .send({ kind: "Secret", data: { "token-secret": "c2VjcmV0" } });
  await client.patch(secrets).send([{ op: "replace", path: "/data/token-secret", value: "abcdef.0123456789abcdef" }]);
  const secretPath = "/apis/example.com/v1/namespaces/kube-system/secrets/bootstrap-token-abcdef";
  await client.patch(secretPath).send([{ op: "replace", path: "/data/token-secret", value: "c2VjcmV0" }]);
  const ofSecret = (await events()).at(-1);
  expect(ofSecret).toMatchObject({ level: "Metadata", verb: "patch", responseStatus: { code: 200 } });
  expect(sink.lines).toHaveLength(10);
  const text = sink.lines.join("\n");
  expect(text).toContain("abcdef.***");
  for (const leak of ["0123456789abcdef", "topsecret", "c2VjcmV0"]) expect(text).not.toContain(leak);
});

test("a watch has an event when it starts and one when it ends", async () => {
  const routes: readonly Route[] = [
    {
      method: "GET",
      path: CSRS,
      handler: ({ response }) => {
        response.writeHead(200, { "content-type": "application/json" });
        response.write("{}\n");
        setTimeout(() => response.end(), 5);
      },
    },
  ];
  const { client, events } = setUp({ rules: "[{ level: RequestResponse }]" }, {}, routes);
  await client.get(`${CSRS}?watch=true`);
  expect((await events()).map(({ stage, responseStatus }) => [stage, responseStatus])).toEqual([
    ["RequestReceived", undefined],
    ["ResponseStarted", { metadata: {}, code: 200 }],
    ["ResponseComplete", { metadata: {}, code: 200 }],
  ]);
});

test("a handler that breaks down ends in stage Panic, the cause for administrators alone", async () => {
  const failing: Route = {
    method: "GET",
    path: "/fail",
    handler: () => {
      throw new Error("index out of range");
    },
  };
  const { client, events } = setUp({}, {}, [failing]);
  expect((await client.get("/fail")).text).not.toContain("index");
  expect((await events())[1]).toMatchObject({
    stage: "Panic",
    responseStatus: { status: "Failure", reason: "InternalError", code: 500 },
    annotations: { "gatehouse.dev/failure": "index out of range" },
  });
});

test("a caller that hangs up before the answer is told as kube-apiserver tells it", async () => {
  let tellReached = (): void => undefined;
  const reached = new Promise<void>((resolve) => {
    tellReached = resolve;
  });
  const routes: readonly Route[] = [{ method: "GET", path: "/slow", handler: () => tellReached() }];
  const { app, delivery, events, sink } = setUp({ mode: "blocking" }, {}, routes);
  const server = createServer(app).listen(0, "127.0.0.1");
  await once(server, "listening");
  const outgoing = httpRequest({ port: (server.address() as AddressInfo).port, host: "127.0.0.1", path: "/slow" });
  outgoing.on("error", () => undefined);
  outgoing.end();
  await reached;
  outgoing.destroy();
  while (sink.lines.length < 2) await new Promise((resolve) => setImmediate(resolve));
  await delivery.kept();
  server.close();
  expect((await events())[1]).toMatchObject({
    stage: "ResponseComplete",
    responseStatus: { status: "Success", message: "Connection closed early", code: 200 },
  });
});

test.each([
  {
    name: "through proxies",
    headers: { "x-forwarded-for": "192.0.2.1, junk, 2001:db8::1" },
    is: ["192.0.2.1", "2001:db8::1", "127.0.0.1"],
  },
  { name: "through a proxy that names one", headers: { "x-real-ip": "192.0.2.1" }, is: ["192.0.2.1", "127.0.0.1"] },
  { name: "through a proxy on this machine", headers: { "x-forwarded-for": "127.0.0.1" }, is: ["127.0.0.1"] },
])("sourceIPs $name", async ({ headers, is }) => {
  const { client, events } = setUp();
  await client.get("/version").set(headers);
  expect((await events())[0]?.["sourceIPs"]).toEqual(is);
});

test("what a caller sends cannot break out of its line or its field", async () => {
  const { client, events, sink } = setUp();
  const hostile = 'a"},"user":{"username":"root\\u0000';
  await client
    .get(`/version?x=${encodeURIComponent(hostile)}`)
    .set("user-agent", hostile)
    .set("x-forwarded-for", '1.2.3.4","user":"');
  const all = await events();
  expect(sink.lines.every((line) => !line.includes("\n"))).toBe(true);
  expect(all[0]).toMatchObject({ userAgent: hostile, user: { username: "alice" }, sourceIPs: ["127.0.0.1"] });
});

test("a user agent is cut as kube-apiserver cuts it", async () => {
  const { client, events } = setUp();
  await client.get("/version").set("user-agent", "x".repeat(1024));
  await client.get("/version").set("user-agent", "x".repeat(1025));
  const agents = (await events()).map(({ userAgent }) => String(userAgent));
  expect(agents[0]).toBe("x".repeat(1024));
  expect(agents[2]).toBe(`${"x".repeat(1024)}...TRUNCATED`);
});

test("blocking: nothing takes effect that is not on record, and nothing is lost", async () => {
  const handled: string[] = [];
  const noting: Route = {
    method: "*",
    path: "/{*rest}",
    handler: ({ request, response }) => {
      handled.push(request.method ?? "");
      sendJson(response, 200, {});
    },
  };
  const { client, sink, delivery } = setUp({ mode: "blocking" }, {}, [noting]);
  sink.failure = new Error("ENOSPC");
  for (const method of ["post", "put", "patch", "delete"] as const) {
    const { status, body, headers } = await client[method](`${CSRS}/csr-1`);
    expect([status, body.reason, headers["retry-after"]]).toEqual([503, "ServiceUnavailable", "5"]);
  }
  expect(handled).toEqual([]);
  expect((await client.get(CSRS)).status).toBe(200);
  sink.failure = undefined;
  while (delivery.isFailing) await new Promise((resolve) => setTimeout(resolve, 1));
  expect((await client.post(CSRS)).status).toBe(200);
  expect(handled).toEqual(["GET", "POST"]);
  await delivery.kept();
  const events = sink.lines.map((line) => JSON.parse(line));
  expect(events.map(({ verb, stage, responseStatus }) => `${verb} ${stage} ${responseStatus?.code ?? ""}`)).toEqual([
    ...[
      "create RequestReceived ",
      "create ResponseComplete 503",
      "update RequestReceived ",
      "update ResponseComplete 503",
    ],
    ...[
      "patch RequestReceived ",
      "patch ResponseComplete 503",
      "delete RequestReceived ",
      "delete ResponseComplete 503",
    ],
    ...["list RequestReceived ", "list ResponseComplete 200", "create RequestReceived ", "create ResponseComplete 200"],
  ]);
});

test("blocking: what the policy leaves out changes nothing either while the sink fails", async () => {
  const { client, sink } = setUp({ mode: "blocking", rules: "[{ level: None }]" });
  expect((await client.post(CSRS)).status).toBe(200);
  sink.failure = new Error("ENOSPC");
  await new Promise((resolve) => setTimeout(resolve, 1010));
  expect((await client.post(CSRS)).status).toBe(503);
  expect((await client.get(CSRS)).status).toBe(200);
});

test("blocking: the record is written before the handler runs", async () => {
  const atHandling: string[][] = [];
  const audit = { sink: undefined as readonly string[] | undefined };
  const noting: Route = {
    method: "POST",
    path: "/x",
    handler: ({ response }) => {
      atHandling.push((audit.sink ?? []).map((line) => JSON.parse(line).stage));
      sendJson(response, 200, {});
    },
  };
  const { client, sink } = setUp({ mode: "blocking" }, {}, [noting]);
  audit.sink = sink.lines;
  await client.post("/x");
  expect(atHandling).toEqual([["RequestReceived"]]);
});

test("blocking: what an effect waits for is on record even where the policy omits its stage, reads' is not", async () => {
  const { client, events } = setUp({ mode: "blocking", omitStages: "[RequestReceived]" });
  await client.post(CSRS);
  await client.get(CSRS);
  expect((await events()).map(({ verb, stage }) => `${String(verb)} ${stage}`)).toEqual([
    "create RequestReceived",
    "create ResponseComplete",
    "list ResponseComplete",
  ]);
});

test("blocking: reads go on until there is no room for their events, probes longer", async () => {
  const { client, sink } = setUp({ mode: "blocking", maxQueuedEvents: 3 });
  sink.failure = new Error("ENOSPC");
  const codes: number[] = [];
  for (let round = 0; round < 3; round += 1) codes.push((await client.get("/version")).status);
  codes.push((await client.get("/readyz")).status);
  expect(codes).toEqual([200, 503, 503, 200]);
});

test("batch: a failing sink keeps nobody from anything", async () => {
  const { client, sink } = setUp();
  sink.failure = new Error("ENOSPC");
  expect((await client.post(CSRS)).status).toBe(200);
  expect((await client.post(CSRS)).status).toBe(200);
});
