import { expect, test } from "@jest/globals";
import fc from "fast-check";
import { accessReview, admissionReview, credential, GET_SECRET, NODE, REVOKED, setUp } from "./webhook-setting.ts";

test.each([
  { name: "what its pod refers to", spec: { ...NODE, resourceAttributes: GET_SECRET }, status: { allowed: true } },
  {
    name: "what none refers to",
    spec: { ...NODE, resourceAttributes: { ...GET_SECRET, name: "other" } },
    status: { allowed: false, reason: expect.stringMatching(/.+/) },
  },
  {
    name: "a path",
    spec: { ...NODE, nonResourceAttributes: { path: "/metrics", verb: "get" } },
    status: { allowed: false },
  },
  {
    name: "somebody who is no node",
    spec: { user: "alice", groups: ["system:authenticated"], resourceAttributes: GET_SECRET },
    status: { allowed: false },
  },
  {
    name: "a revoked certificate",
    spec: { ...NODE, extra: credential(`X509SHA256=${REVOKED}`), resourceAttributes: GET_SECRET },
    status: { allowed: false, denied: true, reason: "the credential of this node has been revoked" },
  },
  {
    name: "a quarantined node",
    spec: { user: "system:node:n9", groups: ["system:nodes"], resourceAttributes: GET_SECRET },
    status: { allowed: false, denied: true, reason: "this node is quarantined" },
  },
])("/authorize: $name", async ({ spec, status }) => {
  const { authorize } = setUp();
  const { body } = await authorize.post("/authorize").send(accessReview(spec)).expect(200);
  expect(body).toEqual({ apiVersion: "authorization.k8s.io/v1", kind: "SubjectAccessReview", status });
});

test("/authorize: the older version says group, and is answered in its own version", async () => {
  const { authorize } = setUp();
  const apiVersion = "authorization.k8s.io/v1beta1";
  const spec = { user: NODE.user, group: NODE.groups, resourceAttributes: GET_SECRET };
  const { body } = await authorize.post("/").send(accessReview(spec, { apiVersion })).expect(200);
  expect(body).toEqual({ apiVersion, kind: "SubjectAccessReview", status: { allowed: true } });
  const newer = { ...spec, group: undefined, groups: NODE.groups };
  const other = await authorize.post("/").send(accessReview(newer, { apiVersion })).expect(200);
  expect(other.body.status).toEqual({ allowed: false });
});

const SELECTED = {
  verb: "list",
  version: "v1",
  resource: "pods",
  fieldSelector: { requirements: [{ key: "spec.nodeName", operator: "In", values: ["n1"] }] },
};

test.each([
  { name: "its own pods", attributes: SELECTED, allowed: true },
  { name: "all pods", attributes: { ...SELECTED, fieldSelector: undefined }, allowed: false },
])("/authorize: field selectors narrow: $name", async ({ attributes, allowed }) => {
  const { authorize } = setUp();
  const { body } = await authorize
    .post("/")
    .send(accessReview({ ...NODE, resourceAttributes: attributes }))
    .expect(200);
  expect(body.status.allowed).toBe(allowed);
});

const GOOD = { ...NODE, resourceAttributes: GET_SECRET };

test.each([
  { name: "another version", body: accessReview(GOOD, { apiVersion: "authorization.k8s.io/v2" }), says: /apiVersion/ },
  { name: "another kind", body: accessReview(GOOD, { kind: "SelfSubjectAccessReview" }), says: /kind/ },
  { name: "no spec", body: accessReview(GOOD, { spec: undefined }), says: /spec must be an object/ },
  { name: "a spec that is a list", body: accessReview(GOOD, { spec: [GOOD] }), says: /spec must be an object/ },
  { name: "nothing asked", body: accessReview(NODE), says: /exactly one/ },
  {
    name: "two things asked",
    body: accessReview({ ...GOOD, nonResourceAttributes: { path: "/" } }),
    says: /exactly one/,
  },
  { name: "nobody asking", body: accessReview({ resourceAttributes: GET_SECRET }), says: /spec\.user/ },
  { name: "a user of another type", body: accessReview({ ...GOOD, user: 7 }), says: /spec\.user must be a text/ },
  { name: "groups that are a text", body: accessReview({ ...GOOD, groups: "system:nodes" }), says: /spec\.groups/ },
  { name: "a group of another type", body: accessReview({ ...GOOD, groups: [7] }), says: /spec\.groups/ },
  { name: "extra of another type", body: accessReview({ ...GOOD, extra: { a: "b" } }), says: /spec\.extra\["a"\]/ },
  {
    name: "a verb of another type",
    body: accessReview({ ...NODE, resourceAttributes: { ...GET_SECRET, verb: {} } }),
    says: /resourceAttributes\.verb/,
  },
  {
    name: "requirements of another type",
    body: accessReview({ ...NODE, resourceAttributes: { ...GET_SECRET, fieldSelector: { requirements: ["x"] } } }),
    says: /requirements\[0\]/,
  },
])("/authorize refuses $name: 400, and no verdict", async ({ body, says }) => {
  const { authorize } = setUp();
  const answer = await authorize.post("/authorize").send(body).expect(400);
  expect(answer.body).toMatchObject({ kind: "Status", reason: "BadRequest", message: expect.stringMatching(says) });
  expect(answer.text).not.toMatch(/allowed/);
});

test.each([
  { name: "nothing", body: "", code: 400 },
  { name: "half a review", body: JSON.stringify(accessReview(GOOD)).slice(0, -5), code: 400 },
  { name: "what is no UTF-8", body: Buffer.from([0x7b, 0xff, 0x7d]), code: 400 },
  { name: "a text", body: '"allowed"', code: 400 },
  { name: "a hundred thousand brackets", body: "[".repeat(100_000), code: 400 },
  { name: "ten megabytes", body: Buffer.alloc(10_000_000, 0x20), code: 413 },
  { name: "another type", body: "a: b", type: "application/yaml", code: 415 },
  { name: "no type", body: "{}", type: "", code: 415 },
  { name: "a compressed body", body: "{}", encoding: "gzip", code: 415 },
])("both webhooks refuse $name: $code, and no verdict", async ({ body, type = "application/json", encoding, code }) => {
  const { authorize, admit } = setUp();
  for (const webhook of [authorize, admit]) {
    const request = webhook.post("/").set("content-type", type);
    if (encoding !== undefined) void request.set("content-encoding", encoding);
    const answer = await request.serialize((sent) => sent as string).send(body as string);
    expect(answer.status).toBe(code);
    expect(answer.text).not.toMatch(/allowed/);
  }
});

test("before everything is known nobody is answered: 503, and when to come again", async () => {
  const { authorize, admit } = setUp({ unreadiness: () => "not all pods have been read" });
  for (const answer of [
    await authorize.post("/").send(accessReview({ ...NODE, resourceAttributes: GET_SECRET })),
    await admit.post("/").send(admissionReview({})),
  ]) {
    expect(answer.status).toBe(503);
    expect(answer.headers["retry-after"]).toBe("1");
    expect(answer.body).toMatchObject({ reason: "ServiceUnavailable", message: "not all pods have been read" });
  }
});

test("a defect is a 500 that tells nothing of it, and is logged", async () => {
  const authorize = () => {
    throw new TypeError("secret internals");
  };
  const webhooks = setUp({ authorize });
  const answer = await webhooks.authorize.post("/").send(accessReview({ ...NODE, resourceAttributes: GET_SECRET }));
  expect(answer.status).toBe(500);
  expect(answer.text).not.toMatch(/secret internals|allowed/);
  expect(webhooks.lines.at(-1)).toMatchObject({ level: "error", msg: "could not judge a review" });
});

test.each([
  { name: "its own node", request: { operation: "UPDATE", object: {}, oldObject: {} }, allowed: true },
  { name: "another node", request: { name: "n2" }, allowed: false },
  { name: "somebody who is no node", request: { name: "n2", userInfo: { username: "alice" } }, allowed: true },
])("/admit/node-restriction: $name", async ({ request, allowed }) => {
  const { admit } = setUp();
  const { body } = await admit.post("/admit/node-restriction").send(admissionReview(request)).expect(200);
  expect(body).toMatchObject({
    apiVersion: "admission.k8s.io/v1",
    kind: "AdmissionReview",
    response: { uid: "review-1", allowed },
  });
  if (!allowed) expect(body.response.status).toMatchObject({ code: 403, reason: "Forbidden", message: /./ });
});

test("/admit/node-restriction: a revoked certificate may write nothing, not even what no rule is about", async () => {
  const { admit } = setUp();
  const userInfo = { username: NODE.user, groups: NODE.groups, extra: credential(`X509SHA256=${REVOKED}`) };
  const resource = { group: "", version: "v1", resource: "events" };
  const { body } = await admit.post("/").send(admissionReview({ userInfo, resource })).expect(200);
  expect(body.response).toMatchObject({
    allowed: false,
    status: { code: 403, message: expect.stringMatching(/revoked/) },
  });
});

test.each([true, false])("an audience that the authorizers decide about: allowed %p", async (allowed) => {
  const asked: unknown[] = [];
  const attributes = {
    verb: "request-serviceaccounts-token-audience",
    group: "",
    version: "v1",
    resource: "vault",
    namespace: "shop",
    name: "default",
  } as const;
  const refusal = { kind: "refused", code: 403, reason: "Forbidden", message: "audience vault" } as const;
  const { admit } = setUp({
    admit: () => ({ kind: "askAuthorizer", attributes, otherwise: refusal }),
    isAudienceAllowed: async (...question) => {
      asked.push(question);
      return allowed;
    },
  });
  const { body } = await admit.post("/").send(admissionReview({})).expect(200);
  expect(body.response.allowed).toBe(allowed);
  expect(asked).toEqual([[{ username: NODE.user, uid: "", groups: NODE.groups, extra: {} }, attributes]]);
});

test("authorizers that do not answer are no yes", async () => {
  const { admit } = setUp({
    admit: () => ({
      kind: "askAuthorizer",
      attributes: {
        verb: "request-serviceaccounts-token-audience",
        group: "",
        version: "v1",
        resource: "",
        namespace: "",
        name: "",
      },
      otherwise: { kind: "refused", code: 403, reason: "Forbidden", message: "" },
    }),
    isAudienceAllowed: async () => {
      throw new Error("connection refused");
    },
  });
  expect((await admit.post("/").send(admissionReview({}))).status).toBe(500);
});

test.each([
  {
    name: "another version",
    body: admissionReview({}, { apiVersion: "admission.k8s.io/v1beta1" }),
    says: /apiVersion/,
  },
  { name: "another kind", body: admissionReview({}, { kind: "Review" }), says: /kind/ },
  { name: "no request", body: admissionReview({}, { request: null }), says: /request must be/ },
  { name: "no uid", body: admissionReview({ uid: "" }), says: /request\.uid/ },
  { name: "an unknown operation", body: admissionReview({ operation: "PATCH" }), says: /request\.operation/ },
  { name: "no resource", body: admissionReview({ resource: undefined }), says: /request\.resource/ },
  { name: "a resource without a name", body: admissionReview({ resource: {} }), says: /resource\.resource/ },
  { name: "no user", body: admissionReview({ userInfo: undefined }), says: /request\.userInfo/ },
])("/admit/node-restriction refuses $name: 400, and no verdict", async ({ body, says }) => {
  const { admit } = setUp();
  const answer = await admit.post("/").send(body).expect(400);
  expect(answer.body.message).toMatch(says);
  expect(answer.text).not.toMatch(/"allowed"/);
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
