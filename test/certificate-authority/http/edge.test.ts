import { setTimeout } from "node:timers/promises";
import { expect, test } from "@jest/globals";
import supertest from "supertest";
import type { Route } from "../../../services/certificate-authority/http/call.ts";
import type { Credentials } from "../../../services/certificate-authority/http/edge.ts";
import { createMetrics } from "../../../services/certificate-authority/http/metrics.ts";
import { StatusError } from "../../../services/shared/status-error.ts";
import { ANONYMOUS } from "../../../services/shared/user-info.ts";
import { ADMINISTRATOR, appOf } from "../../builders/edge.ts";

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/;

const echo: Route = {
  method: "*",
  path: "/echo",
  handler: async ({ user, response, readBody }) => {
    response.end(`${user.username}:${(await readBody()).length}`);
  },
};

test("a request reaches its handler as the authenticated user", async () => {
  const answer = await supertest(appOf([echo]))
    .post("/echo")
    .send("abc");
  expect([answer.status, answer.text]).toEqual([200, "alice:3"]);
  expect(answer.headers["audit-id"]).toMatch(UUID);
  expect(answer.headers["x-powered-by"]).toBeUndefined();
});

test("a harmless request id of the caller is kept, another is replaced", async () => {
  const app = appOf([echo]);
  const idOf = async (given: string) => (await supertest(app).get("/echo").set("audit-id", given)).headers["audit-id"];
  expect(await idOf("0b1c5e9e-4f0e-4b0e-9c0e-3f1f3c1f2a11")).toBe("0b1c5e9e-4f0e-4b0e-9c0e-3f1f3c1f2a11");
  expect(await idOf("x".repeat(65))).toBe("x".repeat(64));
  expect(await idOf('a"b')).toMatch(UUID);
  expect((await supertest(app).get("/echo").set("x-request-id", "job-7")).headers["audit-id"]).toBe("job-7");
  expect((await supertest(app).get("/echo").set("x-request-id", 'a"b')).headers["audit-id"]).toMatch(UUID);
});

test("an unknown path answers a NotFound Status", async () => {
  const { status, body } = await supertest(appOf([])).get("/nowhere");
  expect(status).toBe(404);
  expect(body).toMatchObject({
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Failure",
    reason: "NotFound",
    code: 404,
  });
});

test.each([
  { accept: "application/vnd.kubernetes.protobuf", type: "application/vnd.kubernetes.protobuf" },
  { accept: "application/yaml", type: "application/yaml" },
  { accept: "text/html", type: "application/json" },
  { accept: "application/json;as=Table;v=v1;g=meta.k8s.io", type: "application/json" },
])("a failure is told to $accept in $type", async ({ accept, type }) => {
  const { status, headers } = await supertest(appOf([])).get("/nowhere").set("accept", accept);
  expect([status, headers["content-type"]]).toEqual([404, type]);
});

const CSRS = "/apis/certificates.k8s.io/v1/certificatesigningrequests";

test.each(["", "0", "+0", "-5s", "1h30m", "1.5s", ".5s", "5.s", "1us", "1µs", "2562047h"])(
  "timeout=%s is a duration",
  async (timeout) => {
    await supertest(appOf([])).get(CSRS).query({ timeout }).expect(404);
  },
);

test.each(["5", "x", ".s", "1d", "5S", "5 s", "1s2", "2562048h"])("timeout=%s is none", async (timeout) => {
  await supertest(appOf([])).get(CSRS).query({ timeout }).expect(400);
  await supertest(appOf([])).get(CSRS).query({ timeout, watch: "1" }).expect(404);
  await supertest(appOf([])).get("/v1/nowhere").query({ timeout }).expect(404);
});

test("a known caller who may not gets 403 with the resource in the details", async () => {
  const app = appOf([], { authorizer: { authorize: async () => ({ allowed: false, reason: "" }) } });
  const { status, body } = await supertest(app).get("/apis/certificates.k8s.io/v1/certificatesigningrequests/x");
  expect(status).toBe(403);
  expect(body).toMatchObject({
    reason: "Forbidden",
    details: { name: "x", group: "certificates.k8s.io", kind: "certificatesigningrequests" },
  });
});

test("an anonymous caller who may not gets 401", async () => {
  const app = appOf([], {
    authenticate: async () => ({ user: ANONYMOUS, authenticated: ANONYMOUS }),
    authorizer: { authorize: async () => ({ allowed: false, reason: "" }) },
  });
  const { status, body, headers } = await supertest(app).get("/v1/certificates");
  expect([status, body.reason, headers["www-authenticate"]]).toEqual([401, "Unauthorized", 'Bearer realm="gatehouse"']);
});

test("authorization is asked about verb, resource and name", async () => {
  const asked: unknown[] = [];
  const app = appOf([], {
    authorizer: {
      authorize: async (_user, attributes) => {
        asked.push(attributes);
        return { allowed: true, reason: "" };
      },
    },
  });
  await supertest(app).put("/apis/certificates.k8s.io/v1/certificatesigningrequests/x/approval");
  await supertest(app).delete("/v1/bootstrap-tokens/abc");
  expect(asked).toEqual([
    {
      kind: "resource",
      verb: "update",
      group: "certificates.k8s.io",
      version: "v1",
      resource: "certificatesigningrequests",
      subresource: "approval",
      name: "x",
      namespace: "",
    },
    { kind: "path", verb: "delete", path: "/v1/bootstrap-tokens/abc" },
  ]);
});

test("a failed authentication is counted against the address", async () => {
  const failures: string[] = [];
  const app = appOf([echo], {
    authenticate: async () => {
      throw new StatusError("Unauthorized", "Unauthorized");
    },
    rateLimiter: {
      takeForAddress() {},
      takeForIdentity() {},
      noteFailedAuthentication: (address) => void failures.push(address),
    },
  });
  expect((await supertest(app).get("/echo")).status).toBe(401);
  expect(failures).toHaveLength(1);
});

test("a rate limit answers 429 with Retry-After", async () => {
  const app = appOf([echo], {
    rateLimiter: {
      takeForAddress() {
        throw new StatusError("TooManyRequests", "slow down", { details: { retryAfterSeconds: 7 } });
      },
      takeForIdentity() {},
      noteFailedAuthentication() {},
    },
  });
  const { status, headers } = await supertest(app).get("/echo");
  expect([status, headers["retry-after"]]).toEqual([429, "7"]);
});

test("identities are limited by user name, anonymous callers by address", async () => {
  const keys: string[] = [];
  const rateLimiter = {
    takeForAddress() {},
    takeForIdentity: (key: string) => void keys.push(key),
    noteFailedAuthentication() {},
  };
  await supertest(appOf([echo], { rateLimiter })).get("/echo");
  const authenticate = async () => ({ user: ANONYMOUS, authenticated: ANONYMOUS });
  await supertest(appOf([echo], { rateLimiter, authenticate })).get("/echo");
  expect(keys[0]).toBe("alice");
  expect(keys[1]).toMatch(/^address .*127\.0\.0\.1$/);
});

test("a body over the limit answers 413, announced or not", async () => {
  const app = appOf([echo], { maxBodyBytes: 10 });
  expect((await supertest(app).post("/echo").send("0123456789")).text).toBe("alice:10");
  const { status, body } = await supertest(app).post("/echo").send("0123456789a");
  expect([status, body.reason]).toEqual([413, "RequestEntityTooLarge"]);
  const chunked = supertest(app).post("/echo").set("transfer-encoding", "chunked");
  chunked.write("0123456789");
  chunked.write("abc");
  expect((await chunked).status).toBe(413);
});

test("a body is read whole, whether it was there at once or comes later in pieces", async () => {
  const text: Route = {
    method: "*",
    path: "/text",
    handler: async ({ response, readBody }) => void response.end(await readBody()),
  };
  const app = appOf([text]);
  expect((await supertest(app).post("/text").send("abc")).text).toBe("abc");
  expect((await supertest(app).delete("/text")).text).toBe("");
  const pieces = supertest(app).post("/text").set("transfer-encoding", "chunked");
  pieces.write("abc");
  await setTimeout(50);
  pieces.write("def");
  expect((await pieces).text).toBe("abcdef");
});

test("a compressed body is refused, not misread", async () => {
  const { status } = await supertest(appOf([echo]))
    .post("/echo")
    .set("content-encoding", "gzip")
    .send("x");
  expect(status).toBe(415);
});

test("an unexpected error is masked", async () => {
  const failing: Route = {
    method: "GET",
    path: "/fail",
    handler: () => {
      throw new Error("secret detail");
    },
  };
  const { status, body, text } = await supertest(appOf([failing])).get("/fail");
  expect([status, body.reason]).toEqual([500, "InternalError"]);
  expect(text).not.toContain("secret");
});

test("impersonation headers reach the authenticator apart", async () => {
  let seen: Credentials | undefined;
  const app = appOf([echo], {
    authenticate: async (credentials) => {
      seen = credentials;
      return { user: ADMINISTRATOR, authenticated: ADMINISTRATOR };
    },
  });
  await supertest(app)
    .get("/echo")
    .set("Impersonate-User", "bob")
    .set("Impersonate-Group", ["a,b", "c"] as unknown as string)
    .set("Impersonate-Extra-Example.com%2Fteam", "x");
  expect(seen?.impersonation).toEqual({
    user: "bob",
    uid: undefined,
    groups: ["a,b", "c"],
    extra: { "example.com/team": ["x"] },
  });
  await supertest(app).get("/echo");
  expect(seen?.impersonation).toBeUndefined();
});

test("an impersonation key that is no percent-encoding is taken as it stands, values are UTF-8", async () => {
  let seen: Credentials | undefined;
  const app = appOf([echo], {
    authenticate: async (credentials) => {
      seen = credentials;
      return { user: ADMINISTRATOR, authenticated: ADMINISTRATOR };
    },
  });
  const user = Buffer.from("jörg").toString("latin1");
  await supertest(app).get("/echo").set("Impersonate-User", user).set("Impersonate-Extra-a%zz", "x");
  expect(seen?.impersonation).toMatchObject({ user: "jörg", extra: { "a%zz": ["x"] } });
});

test("an impersonator is limited under its own name", async () => {
  const keys: string[] = [];
  const rateLimiter = {
    takeForAddress() {},
    takeForIdentity: (key: string) => void keys.push(key),
    noteFailedAuthentication() {},
  };
  const authenticate = async () => ({ user: { ...ADMINISTRATOR, username: "bob" }, authenticated: ADMINISTRATOR });
  expect((await supertest(appOf([echo], { rateLimiter, authenticate })).get("/echo")).text).toBe("bob:0");
  expect(keys).toEqual(["alice"]);
});

test("paths are matched literally, as authorization reads them", async () => {
  expect((await supertest(appOf([echo])).get("/ECHO")).status).toBe(404);
  expect((await supertest(appOf([echo])).get("/echo/")).status).toBe(404);
});

test.each([
  { method: "post", path: "/echo", allow: "GET, HEAD" },
  { method: "options", path: "/echo", allow: "GET, HEAD" },
  { method: "delete", path: "/things/one", allow: "GET, HEAD, PUT" },
  { method: "get", path: "/orders", allow: "POST" },
  { method: "head", path: "/orders", allow: "POST" },
] as const)("$method on $path is not allowed, what is allowed is told", async ({ method, path, allow }) => {
  const { handler } = echo;
  const routes: readonly Route[] = [
    { method: "GET", path: "/echo", handler },
    { method: "GET", path: "/things/:name", handler },
    { method: "PUT", path: "/things/:name", handler },
    { method: "POST", path: "/orders", handler },
  ];
  const { status, headers, body } = await supertest(appOf(routes))[method](path);
  expect({ status, allow: headers["allow"] }).toEqual({ status: 405, allow });
  if (method !== "head") expect(body).toMatchObject({ kind: "Status", reason: "MethodNotAllowed", code: 405 });
});

test("who may not use a method is told that, not which are allowed", async () => {
  const authorizer = { authorize: async () => ({ allowed: false, reason: "" }) };
  const { status, headers } = await supertest(appOf([echo], { authorizer })).post("/echo");
  expect({ status, allow: headers["allow"] }).toEqual({ status: 403, allow: undefined });
});

test("a path that takes every method refuses none, HEAD is answered as GET", async () => {
  expect((await supertest(appOf([echo])).delete("/echo")).text).toBe("alice:0");
  expect((await supertest(appOf([{ ...echo, method: "GET" }])).head("/echo")).status).toBe(200);
});

test("metrics count by closed label sets", async () => {
  const metrics = createMetrics();
  const app = appOf([echo], { metrics });
  await supertest(app).get("/apis/certificates.k8s.io/v1/certificatesigningrequests");
  await supertest(app).get("/apis/evil.example/v1/x123");
  await supertest(app).get("/etc/passwd");
  const text = await metrics.render();
  expect(text).toContain(
    'gatehouse_http_requests_total{verb="list",resource="certificatesigningrequests",code="404"} 1',
  );
  expect(text).toContain('gatehouse_http_requests_total{verb="list",resource="other",code="404"} 1');
  expect(text).not.toContain("x123");
  expect(text).not.toContain("passwd");
});
