import { expect, test } from "@jest/globals";
import supertest, { type Response } from "supertest";
import { compilePolicy } from "../../../../services/certificate-authority/access/rbac/policy.ts";
import { STOCK_OBJECTS } from "../../../../services/certificate-authority/access/rbac/stock-objects.ts";
import { routes } from "../../../../services/certificate-authority/http/access-reviews/routes.ts";
import { decodeProtobuf, encodeProtobuf, PROTOBUF_TYPE } from "../../../../services/shared/kubernetes/protobuf.ts";
import type { UserInfo } from "../../../../services/shared/user-info.ts";
import { appOf } from "../../../builders/edge.ts";
import { bootstrapper, node, user } from "../../../builders/users.ts";
import { SettableClock } from "../../../fakes/settable-clock.ts";

const AUTHORIZATION = "/apis/authorization.k8s.io/v1";
const SELF_REVIEWS = "/apis/authentication.k8s.io/v1/selfsubjectreviews";
const REVIEW = `${AUTHORIZATION}/selfsubjectaccessreviews`;
const administrator = user("alice", "gatehouse:administrators");

const policy = compilePolicy(STOCK_OBJECTS);
const authorizer = {
  authorize: async (...[who, what]: Parameters<typeof policy.decide>) => policy.decide(who, what),
  isComplete: true,
  rulesFor: (who: UserInfo, namespace: string) => policy.rulesFor(who, namespace),
};

/** The endpoints behind the real policy, called by this user. */
function as(caller: UserInfo) {
  const app = appOf(routes({ authorizer, clock: new SettableClock() }), {
    authenticate: async () => ({ user: caller, authenticated: caller }),
    authorizer,
  });
  return supertest(app);
}

const onCsr = (verb: string, more: object = {}) => ({
  resourceAttributes: { verb, group: "certificates.k8s.io", resource: "certificatesigningrequests", ...more },
});

test.each([
  { who: node("a"), spec: onCsr("create"), allowed: true },
  { who: node("a"), spec: onCsr("create", { version: "v1", namespace: "" }), allowed: true },
  { who: node("a"), spec: onCsr("delete"), allowed: false },
  { who: node("a"), spec: onCsr("create", { subresource: "selfnodeclient" }), allowed: true },
  { who: node("a"), spec: onCsr("create", { subresource: "nodeclient" }), allowed: false },
  { who: node("a"), spec: { nonResourceAttributes: { verb: "get", path: "/version" } }, allowed: true },
  { who: node("a"), spec: { nonResourceAttributes: { verb: "get", path: "/metrics" } }, allowed: false },
  { who: administrator, spec: onCsr("approve", { resource: "signers", name: "kubernetes.io/*" }), allowed: true },
])("SelfSubjectAccessReview of $who.username for $spec: $allowed", async ({ who, spec, allowed }) => {
  const answer = await as(who).post(`${AUTHORIZATION}/selfsubjectaccessreviews`).send({ spec });
  expect([answer.status, answer.type]).toEqual([201, "application/json"]);
  expect(answer.body).toEqual({
    kind: "SelfSubjectAccessReview",
    apiVersion: "authorization.k8s.io/v1",
    metadata: {},
    spec,
    status: { allowed, ...(allowed && { reason: expect.stringContaining("RBAC: allowed by ClusterRoleBinding") }) },
  });
});

test.each([
  { name: "a user by its groups", spec: { user: "x", groups: ["system:nodes"] }, allowed: true },
  { name: "a user without them", spec: { user: "x" }, allowed: false },
  { name: "groups without a user", spec: { groups: ["system:nodes"] }, allowed: true },
  { name: "a member of system:masters", spec: { user: "x", groups: ["system:masters"] }, allowed: true },
  { name: "a user with uid and extras", spec: { user: "x", uid: "7", extra: { k: ["v"] } }, allowed: false },
])("SubjectAccessReview asks about $name, not about the caller", async ({ spec, allowed }) => {
  const sent = {
    kind: "SubjectAccessReview",
    apiVersion: "authorization.k8s.io/v1",
    metadata: { creationTimestamp: null },
    spec: { ...spec, ...onCsr("create") },
  };
  const { status, body } = await as(administrator).post(`${AUTHORIZATION}/subjectaccessreviews`).send(sent);
  expect([status, body.status.allowed, body.spec.user, body.kind]).toEqual([
    201,
    allowed,
    "user" in spec ? "x" : undefined,
    "SubjectAccessReview",
  ]);
});

test.each([
  { name: "fields as text", selector: { fieldSelector: { rawSelector: "a=b,c!=d" } }, understood: true },
  { name: "fields as no text", selector: { fieldSelector: { rawSelector: "a in (b)" } }, understood: false },
  {
    name: "a field of one value",
    selector: { fieldSelector: { requirements: [{ key: "a", operator: "NotIn", values: ["b"] }] } },
    understood: true,
  },
  {
    name: "a field of two values",
    selector: { fieldSelector: { requirements: [{ key: "a", operator: "In", values: ["b", "c"] }] } },
    understood: false,
  },
  { name: "labels as text", selector: { labelSelector: { rawSelector: "a in (b,c),!d" } }, understood: true },
  { name: "labels as no text", selector: { labelSelector: { rawSelector: "a b" } }, understood: false },
  {
    name: "a label that exists",
    selector: { labelSelector: { requirements: [{ key: "a", operator: "Exists" }] } },
    understood: true,
  },
  {
    name: "an unknown operator",
    selector: { labelSelector: { requirements: [{ key: "a", operator: "Like" }] } },
    understood: false,
  },
])("a selector that is not understood is told in the answer: $name", async ({ selector, understood }) => {
  const sent = { metadata: { namespace: "ignored" }, spec: onCsr("list", selector) };
  const { status, body } = await as(administrator).post(`${AUTHORIZATION}/selfsubjectaccessreviews`).send(sent);
  expect([status, body.status.allowed]).toEqual([201, true]);
  if (understood) expect(body.status).not.toHaveProperty("evaluationError");
  else expect(body.status.evaluationError).toContain(Object.keys(selector)[0]);
});

test("a review is of the version of its URL and answered in YAML to who asks", async () => {
  const sent = { apiVersion: "authorization.k8s.io/v2", kind: "SelfSubjectAccessReview", spec: onCsr("list") };
  const path = `${AUTHORIZATION}/selfsubjectaccessreviews`;
  expect((await as(administrator).post(path).send(sent)).status).toBe(400);
  const { status, headers, text } = await as(administrator)
    .post(path)
    .set("accept", "application/yaml")
    .send({ ...sent, apiVersion: "authorization.k8s.io/v1" });
  expect([status, headers["content-type"]]).toEqual([201, "application/yaml"]);
  expect(text).toContain("allowed: true");
});

test("who may not create SubjectAccessReviews gets 403, whatever they would ask", async () => {
  const { status, body } = await as(node("a"))
    .post(`${AUTHORIZATION}/subjectaccessreviews`)
    .send({ spec: { user: "x", ...onCsr("create") } });
  expect([status, body.details]).toEqual([403, { group: "authorization.k8s.io", kind: "subjectaccessreviews" }]);
});

const both = { ...onCsr("get"), nonResourceAttributes: { verb: "get", path: "/" } };
const withSelector = (selector: object) => onCsr("list", { fieldSelector: selector });

test.each<{ name: string; resource: string; body: object; causes: readonly [string, string][] }>([
  {
    name: "neither kind of attributes",
    resource: "selfsubjectaccessreviews",
    body: { spec: {} },
    causes: [["FieldValueInvalid", "spec.resourceAttributes"]],
  },
  {
    name: "no spec",
    resource: "selfsubjectaccessreviews",
    body: {},
    causes: [["FieldValueInvalid", "spec.resourceAttributes"]],
  },
  {
    name: "both kinds of attributes",
    resource: "selfsubjectaccessreviews",
    body: { spec: both },
    causes: [["FieldValueInvalid", "spec.nonResourceAttributes"]],
  },
  {
    name: "neither user nor group",
    resource: "subjectaccessreviews",
    body: { spec: onCsr("get") },
    causes: [["FieldValueInvalid", "spec.user"]],
  },
  {
    name: "everything missing",
    resource: "subjectaccessreviews",
    body: { spec: {} },
    causes: [
      ["FieldValueInvalid", "spec.resourceAttributes"],
      ["FieldValueInvalid", "spec.user"],
    ],
  },
  {
    name: "a name",
    resource: "selfsubjectaccessreviews",
    body: { metadata: { name: "x" }, spec: onCsr("get") },
    causes: [["FieldValueInvalid", "metadata"]],
  },
  {
    name: "labels",
    resource: "selfsubjectaccessreviews",
    body: { metadata: { labels: { a: "b" } }, spec: onCsr("get") },
    causes: [["FieldValueInvalid", "metadata"]],
  },
  {
    name: "an empty selector",
    resource: "selfsubjectaccessreviews",
    body: { spec: withSelector({}) },
    causes: [["FieldValueRequired", "spec.resourceAttributes.fieldSelector.requirements"]],
  },
  {
    name: "a selector told twice",
    resource: "selfsubjectaccessreviews",
    body: { spec: withSelector({ rawSelector: "a=b", requirements: [{ key: "a", operator: "In", values: ["b"] }] }) },
    causes: [["FieldValueInvalid", "spec.resourceAttributes.fieldSelector.rawSelector"]],
  },
  {
    name: "a requirement without key",
    resource: "selfsubjectaccessreviews",
    body: { spec: onCsr("list", { labelSelector: { requirements: [{ key: "a" }, { operator: "Exists" }] } }) },
    causes: [["FieldValueInvalid", "spec.resourceAttributes.labelSelector.requirements[1].key"]],
  },
  {
    name: "a field requirement without key",
    resource: "selfsubjectaccessreviews",
    body: { spec: withSelector({ requirements: [{ operator: "Exists" }] }) },
    causes: [["FieldValueRequired", "spec.resourceAttributes.fieldSelector.requirements[0].key"]],
  },
  {
    name: "values that the operator does not go with",
    resource: "selfsubjectaccessreviews",
    body: {
      spec: withSelector({
        requirements: [
          { key: "a", operator: "In" },
          { key: "b", operator: "Exists", values: ["c"] },
        ],
      }),
    },
    causes: [
      ["FieldValueRequired", "spec.resourceAttributes.fieldSelector.requirements[0].values"],
      ["FieldValueForbidden", "spec.resourceAttributes.fieldSelector.requirements[1].values"],
    ],
  },
  {
    name: "a label value that is none",
    resource: "selfsubjectaccessreviews",
    body: {
      spec: onCsr("list", { labelSelector: { requirements: [{ key: "a", operator: "In", values: ["b", "c d"] }] } }),
    },
    causes: [["FieldValueInvalid", "spec.resourceAttributes.labelSelector.requirements[0].values[1]"]],
  },
])("$name is 422", async ({ resource, body: sent, causes }) => {
  const { status, body } = await as(administrator).post(`${AUTHORIZATION}/${resource}`).send(sent);
  expect([status, body.reason, body.details.group]).toEqual([422, "Invalid", "authorization.k8s.io"]);
  expect(body.details).not.toHaveProperty("kind");
  expect(body.details.causes.map(({ reason, field }: { reason: string; field: string }) => [reason, field])).toEqual(
    causes,
  );
});

test.each([
  { version: undefined, asked: "*" },
  { version: "", asked: "*" },
  { version: "v1", asked: "v1" },
])("version $version is asked of the authorizer as $asked, absent names as empty", async ({ version, asked }) => {
  const questions: unknown[] = [];
  const recording = {
    ...authorizer,
    authorize: async (_who: UserInfo, what: unknown) => {
      questions.push(what);
      return { allowed: true, reason: "" };
    },
  };
  const app = appOf(routes({ authorizer: recording, clock: new SettableClock() }));
  const { body } = await supertest(app)
    .post(REVIEW)
    .send({ spec: onCsr("get", { version }) });
  expect(body.status).toEqual({ allowed: true });
  const group = "certificates.k8s.io";
  const resource = "certificatesigningrequests";
  const names = { subresource: "", name: "", namespace: "" };
  expect(questions).toEqual([{ kind: "resource", verb: "get", group, version: asked, resource, ...names }]);
});

test("a well-formed selector is accepted", async () => {
  const spec = withSelector({ requirements: [{ key: "metadata.name", operator: "In", values: ["x"] }] });
  expect(
    (await as(node("a")).post(`${AUTHORIZATION}/selfsubjectaccessreviews`).send({ spec })).body.status.allowed,
  ).toBe(true);
});

test("SelfSubjectRulesReview lists what the caller may do", async () => {
  const answer = await as(bootstrapper())
    .post(`${AUTHORIZATION}/selfsubjectrulesreviews`)
    .send({ spec: { namespace: "default" } });
  expect(answer.status).toBe(201);
  expect(answer.body).toEqual({
    kind: "SelfSubjectRulesReview",
    apiVersion: "authorization.k8s.io/v1",
    metadata: {},
    spec: {},
    status: {
      incomplete: false,
      resourceRules: [
        {
          verbs: ["create", "get", "list", "watch"],
          apiGroups: ["certificates.k8s.io"],
          resources: ["certificatesigningrequests"],
        },
        {
          verbs: ["create"],
          apiGroups: ["authorization.k8s.io"],
          resources: ["selfsubjectaccessreviews", "selfsubjectrulesreviews"],
        },
        { verbs: ["create"], apiGroups: ["authentication.k8s.io"], resources: ["selfsubjectreviews"] },
      ],
      nonResourceRules: [
        { verbs: ["get"], nonResourceURLs: expect.arrayContaining(["/api", "/openapi/*"]) },
        { verbs: ["get"], nonResourceURLs: expect.arrayContaining(["/healthz", "/v1/trust-bundle"]) },
        { verbs: ["post"], nonResourceURLs: ["/v1/ocsp", "/v1/attest/challenge", "/v1/attest/complete"] },
      ],
    },
  });
});

test("SelfSubjectRulesReview needs a namespace", async () => {
  const { status, body } = await as(bootstrapper()).post(`${AUTHORIZATION}/selfsubjectrulesreviews`).send({ spec: {} });
  expect([status, body.reason]).toEqual([400, "BadRequest"]);
});

test("SelfSubjectReview tells who one is", async () => {
  const caller = { username: "x", uid: "7", groups: ["g", "system:authenticated"], extra: { k: ["v", "w"] } };
  const { status, body } = await as(caller).post(SELF_REVIEWS).send({});
  expect(status).toBe(201);
  expect(body).toEqual({
    kind: "SelfSubjectReview",
    apiVersion: "authentication.k8s.io/v1",
    metadata: { creationTimestamp: "2026-01-02T03:04:05Z" },
    status: { userInfo: caller },
  });
});

test("an older client is answered in its own version, without empty fields", async () => {
  const apiVersion = "authentication.k8s.io/v1beta1";
  const { status, body } = await as(user("x"))
    .post(SELF_REVIEWS.replace("/v1/", "/v1beta1/"))
    .send({ kind: "SelfSubjectReview", apiVersion });
  expect([status, body.apiVersion, body.status.userInfo]).toEqual([
    201,
    apiVersion,
    { username: "x", groups: ["system:authenticated"] },
  ]);
});

/** supertest reads unknown types as text, which would damage them. */
function readBytes(response: Response, done: (error: Error | null, body: Buffer) => void): void {
  const chunks: Buffer[] = [];
  const stream = response as unknown as NodeJS.ReadableStream;
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  stream.on("end", () => done(null, Buffer.concat(chunks)));
}

test("a protobuf body is understood and answered in protobuf when only that is accepted", async () => {
  const kind = "SelfSubjectAccessReview";
  const apiVersion = "authorization.k8s.io/v1";
  // As Go writes it: every field of the metadata, empty.
  const sent = encodeProtobuf({
    apiVersion,
    kind,
    metadata: { name: "", uid: "", generation: 0 },
    spec: onCsr("create"),
    status: { allowed: false, reason: "" },
  });
  const answer = await as(node("a"))
    .post(`${AUTHORIZATION}/selfsubjectaccessreviews`)
    .set("content-type", PROTOBUF_TYPE)
    .set("accept", PROTOBUF_TYPE)
    .buffer(true)
    .parse(readBytes as never)
    .send(sent);
  expect([answer.status, answer.type]).toEqual([201, PROTOBUF_TYPE]);
  const decoded = decodeProtobuf(answer.body as Buffer);
  expect(decoded).toMatchObject({ apiVersion, kind, object: { spec: onCsr("create"), status: { allowed: true } } });
});

test("each review survives its protobuf form", async () => {
  const ask = async (path: string, sent: object) => {
    const answer = await as(administrator)
      .post(path)
      .set("accept", PROTOBUF_TYPE)
      .buffer(true)
      .parse(readBytes as never)
      .send(sent);
    return decodeProtobuf(answer.body as Buffer).object;
  };
  const extra = { k: ["v"] };
  expect(
    await ask(`${AUTHORIZATION}/subjectaccessreviews`, { spec: { user: "x", extra, ...onCsr("get") } }),
  ).toMatchObject({ spec: { user: "x", extra }, status: { allowed: false } });
  expect(await ask(`${AUTHORIZATION}/selfsubjectrulesreviews`, { spec: { namespace: "d" } })).toMatchObject({
    status: { resourceRules: expect.arrayContaining([{ verbs: ["*"], apiGroups: ["*"], resources: ["*"] }]) },
  });
  expect(await ask(SELF_REVIEWS, {})).toMatchObject({
    metadata: { creationTimestamp: "2026-01-02T03:04:05Z" },
    status: { userInfo: { username: "alice" } },
  });
});

test("a YAML body is read", async () => {
  const { status, body } = await as(node("a"))
    .post(`${AUTHORIZATION}/selfsubjectaccessreviews`)
    .set("content-type", "application/yaml")
    .send("spec:\n  nonResourceAttributes: {verb: get, path: /version}\n");
  expect([status, body.status.allowed]).toEqual([201, true]);
});

const good = JSON.stringify({ spec: onCsr("get") });

test.each<{ name: string; path: string; headers: Record<string, string>; body: string; code: number }>([
  { name: "an Accept of something else", path: REVIEW, headers: { accept: "text/html" }, body: "{", code: 406 },
  {
    name: "a body of something else",
    path: `${REVIEW}?dryRun=no`,
    headers: { "content-type": "text/plain" },
    body: good,
    code: 415,
  },
  { name: "another dryRun", path: `${REVIEW}?dryRun=no`, headers: {}, body: "{", code: 422 },
  { name: "dryRun=All", path: `${REVIEW}?dryRun=All`, headers: {}, body: good, code: 201 },
  { name: "another fieldValidation", path: `${REVIEW}?fieldValidation=strict`, headers: {}, body: good, code: 422 },
  { name: "broken JSON", path: REVIEW, headers: {}, body: "{", code: 400 },
  { name: "another kind", path: REVIEW, headers: {}, body: '{"kind":"SubjectAccessReview"}', code: 400 },
  {
    name: "a field of the wrong type",
    path: REVIEW,
    headers: {},
    body: '{"spec":{"resourceAttributes":{"verb":1}}}',
    code: 400,
  },
  {
    name: "an unknown field, strictly",
    path: `${REVIEW}?fieldValidation=Strict`,
    headers: {},
    body: '{"specs":{}}',
    code: 400,
  },
  { name: "no protobuf", path: REVIEW, headers: { "content-type": PROTOBUF_TYPE }, body: "k8s", code: 400 },
])("$name answers $code", async ({ path, headers, body, code }) => {
  const answer = await as(node("a"))
    .post(path)
    .set({ "content-type": "application/json", ...headers })
    .send(body);
  expect(answer.status).toBe(code);
  expect(answer.body.kind).toBe(code === 201 ? "SelfSubjectAccessReview" : "Status");
});

test("an unknown field is warned of", async () => {
  const { status, headers } = await as(node("a"))
    .post(REVIEW)
    .send({ ...JSON.parse(good), extra: 1 });
  expect([status, headers["warning"]]).toEqual([201, String.raw`299 - "unknown field \"extra\""`]);
});

test("reviews can only be created", async () => {
  const answer = await as(administrator).get(REVIEW);
  expect([answer.status, answer.body.reason, answer.headers["allow"]]).toEqual([405, "MethodNotAllowed", "POST"]);
});
