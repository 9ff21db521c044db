import { randomUUID } from "node:crypto";
import { afterEach, beforeEach, describe, expect, test } from "@jest/globals";
import supertest from "supertest";
import { openRbac } from "../../../../services/certificate-authority/access/rbac/open-rbac.ts";
import { createRbacRegistries } from "../../../../services/certificate-authority/access/rbac/registries.ts";
import {
  createWatchRegistry,
  rbacRoutes,
} from "../../../../services/certificate-authority/http/kubernetes-api/routes.ts";
import { decodeProtobuf, encodeProtobuf, PROTOBUF_TYPE } from "../../../../services/shared/kubernetes/protobuf.ts";
import { createLogger } from "../../../../services/shared/logging.ts";
import { listening } from "../../../builders/csr-api.ts";
import { appOf } from "../../../builders/edge.ts";
import { openTestLedger, type TestLedger } from "../../../builders/ledger.ts";
import { SettableClock } from "../../../fakes/settable-clock.ts";

const API_VERSION = "rbac.authorization.k8s.io/v1";
const ROLES = `/apis/${API_VERSION}/clusterroles`;
const BINDINGS = `/apis/${API_VERSION}/clusterrolebindings`;
const TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io";
const RULE = { verbs: ["get"], apiGroups: ["example.com"], resources: ["things"] };
const SUBJECTS = [
  { kind: "User", apiGroup: "rbac.authorization.k8s.io", name: "jane" },
  { kind: "Group", apiGroup: "rbac.authorization.k8s.io", name: "staff" },
  { kind: "ServiceAccount", name: "robot", namespace: "ns" },
];

const role = (name: string, rest: object = { rules: [RULE] }, metadata: object = {}): object => {
  return { apiVersion: API_VERSION, kind: "ClusterRole", metadata: { name, ...metadata }, ...rest };
};
const binding = (name: string, subjects: readonly object[] = SUBJECTS): object => {
  const roleRef = { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: "viewer" };
  return { apiVersion: API_VERSION, kind: "ClusterRoleBinding", metadata: { name }, subjects, roleRef };
};

/** Keeps supertest from guessing what a body is. */
const raw = (asked: supertest.Test): supertest.Test =>
  asked.buffer(true).parse((response, done) => {
    const chunks: Buffer[] = [];
    response.on("data", (chunk: Buffer) => chunks.push(chunk));
    response.on("end", () => done(null, Buffer.concat(chunks)));
  });

let opened: TestLedger;
let app: ReturnType<typeof appOf>;
beforeEach(async () => {
  opened = await openTestLedger();
  const { clusterRoles, clusterRoleBindings } = opened.ledger;
  const clock = new SettableClock();
  const logger = createLogger({ level: "silent" });
  const stores = { clusterRoles, clusterRoleBindings };
  const policy = await openRbac({ ...stores, files: [], clock, logger, newUid: randomUUID });
  const registries = createRbacRegistries({
    ...{ ...stores, policy, clock, newUid: () => "uid-1", newNameSuffix: () => "abcde" },
    authorizer: { authorize: async () => ({ allowed: true, reason: "" }) },
  });
  const routes = rbacRoutes({
    clusterRoles: { store: clusterRoles, registry: registries.clusterRoles },
    clusterRoleBindings: { store: clusterRoleBindings, registry: registries.clusterRoleBindings },
    ...{ watches: createWatchRegistry({ maxWatches: 10, maxBufferBytes: 1024 * 1024 }), clock, logger },
  });
  app = appOf(routes);
});
afterEach(() => opened.close());

describe("what is stored is answered as kube-apiserver writes it", () => {
  test("a role", async () => {
    const { text } = await supertest(app).post(ROLES).send(role("viewer")).expect(201);
    expect(text).toMatch(
      /^\{"kind":"ClusterRole","apiVersion":"rbac\.authorization\.k8s\.io\/v1","metadata":\{"name":"viewer","uid":"uid-1","resourceVersion":"\d+","creationTimestamp":"2026-01-02T03:04:05Z"\},"rules":\[\{"verbs":\["get"\],"apiGroups":\["example\.com"\],"resources":\["things"\]\}\]\}\n$/,
    );
    const { body } = await supertest(app).get(`${ROLES}/viewer`).expect(200);
    expect(body).toEqual(JSON.parse(text));
  });

  test.each([[{}], [{ rules: [] }], [{ rules: null }]])("a role without rules, sent as %j", async (rest) => {
    const { body } = await supertest(app).post(ROLES).send(role("empty", rest)).expect(201);
    expect(body.rules).toBeNull();
  });

  test("a binding, its API groups filled in", async () => {
    const [user, group] = SUBJECTS.map(({ kind, name }) => ({ kind, name }));
    const sent = { ...binding("b", [user ?? {}, group ?? {}]), roleRef: { kind: "ClusterRole", name: "viewer" } };
    const { body } = await supertest(app).post(BINDINGS).send(sent).expect(201);
    expect([body.subjects, body.roleRef.apiGroup]).toEqual([SUBJECTS.slice(0, 2), "rbac.authorization.k8s.io"]);
  });

  test("in protobuf and YAML", async () => {
    const body = encodeProtobuf({ ...role("viewer"), apiVersion: API_VERSION, kind: "ClusterRole" });
    await supertest(app).post(ROLES).set("content-type", PROTOBUF_TYPE).send(body).expect(201);
    const answer = await raw(supertest(app).get(`${ROLES}/viewer`)).set("accept", PROTOBUF_TYPE);
    expect(decodeProtobuf(answer.body as Buffer).object).toMatchObject({ metadata: { name: "viewer" }, rules: [RULE] });
    const listed = await raw(supertest(app).get(ROLES)).set("accept", PROTOBUF_TYPE);
    expect(decodeProtobuf(listed.body as Buffer)).toMatchObject({ kind: "ClusterRoleList" });
    const yaml = await raw(supertest(app).get(`${ROLES}/viewer`)).set("accept", "application/yaml");
    expect(String(yaml.body)).toContain("rules:\n  - verbs:\n      - get\n");
  });
});

test("tables have the columns of kubectl", async () => {
  await supertest(app).post(ROLES).send(role("viewer")).expect(201);
  await supertest(app).post(BINDINGS).send(binding("b")).expect(201);
  const table = async (path: string) => {
    const { body } = await supertest(app).get(path).set("accept", TABLE).expect(200);
    const { columnDefinitions, rows } = body as {
      columnDefinitions: { name: string; priority: number }[];
      rows: { cells: unknown[] }[];
    };
    return { columns: columnDefinitions.map(({ name, priority }) => `${name} ${priority}`), cells: rows[0]?.cells };
  };
  expect(await table(`${ROLES}/viewer`)).toEqual({
    columns: ["Name 0", "Created At 0"],
    cells: ["viewer", "2026-01-02T03:04:05Z"],
  });
  expect(await table(`${BINDINGS}/b`)).toEqual({
    columns: ["Name 0", "Role 0", "Age 0", "Users 1", "Groups 1", "ServiceAccounts 1"],
    cells: ["b", "ClusterRole/viewer", "0s", "jane", "staff", "ns/robot"],
  });
});

test("selectors find, and deletecollection removes, what they match", async () => {
  for (const name of ["a", "b"]) {
    await supertest(app)
      .post(ROLES)
      .send(role(name, {}, { labels: { of: name } }))
      .expect(201);
  }
  const names = async (query: string) => {
    const { body } = await supertest(app).get(`${ROLES}?${query}`).expect(200);
    return (body.items as { metadata: { name: string } }[]).map(({ metadata }) => metadata.name);
  };
  expect(await names("labelSelector=of")).toEqual(["a", "b"]);
  expect(await names("labelSelector=of%3Da")).toEqual(["a"]);
  expect(await names("fieldSelector=metadata.name%3Db")).toEqual(["b"]);
  expect(await names("fieldSelector=metadata.namespace%3Dx")).toEqual([]);
  await supertest(app).get(`${ROLES}?fieldSelector=spec.signerName%3Da`).expect(400);
  await supertest(app).delete(`${ROLES}?labelSelector=of%3Da`).expect(200);
  expect(await names("labelSelector=of")).toEqual(["b"]);
});

test("changes: a PUT, every patch kubectl uses, a dry run, and server-side apply refused", async () => {
  await supertest(app).post(ROLES).send(role("r")).expect(201);
  const verbs = async () => (await supertest(app).get(`${ROLES}/r`)).body.rules?.[0]?.verbs as unknown;
  const patch = (type: string, body: object, query = "") =>
    supertest(app).patch(`${ROLES}/r${query}`).set("content-type", `application/${type}`).send(JSON.stringify(body));
  await patch("json-patch+json", [{ op: "add", path: "/rules/0/verbs/-", value: "list" }]).expect(200);
  expect(await verbs()).toEqual(["get", "list"]);
  await patch("merge-patch+json", { rules: [{ ...RULE, verbs: ["watch"] }] }).expect(200);
  expect(await verbs()).toEqual(["watch"]);
  await patch("strategic-merge-patch+json", { rules: [{ ...RULE, verbs: ["create"] }] }, "?dryRun=All").expect(200);
  expect(await verbs()).toEqual(["watch"]);
  await patch("strategic-merge-patch+json", { rules: [{ ...RULE, verbs: ["create"] }] }).expect(200);
  expect(await verbs()).toEqual(["create"]);
  await patch("apply-patch+yaml", role("r")).expect(415);
  await supertest(app)
    .put(`${ROLES}/r`)
    .send(role("r", { rules: [] }))
    .expect(200);
  expect(await verbs()).toBeUndefined();
  await supertest(app).put(`${ROLES}/new`).send(role("new")).expect(201);
});

test.each([
  {
    name: "a rule without verbs",
    path: ROLES,
    body: role("a", { rules: [{ ...RULE, verbs: [] }] }),
    field: "rules[0].verbs",
  },
  {
    name: "a subject of no kind",
    path: BINDINGS,
    body: binding("a", [{ kind: "Robot", name: "x" }]),
    field: "subjects[0].kind",
  },
  { name: "a bad name", path: ROLES, body: role("a/b"), field: "metadata.name" },
])("$name is invalid and stores nothing", async ({ path, body, field }) => {
  const before = opened.ledger.clusterRoles.revision();
  const answer = await supertest(app).post(path).send(body).expect(422);
  expect(answer.body.details).toMatchObject({
    group: "rbac.authorization.k8s.io",
    causes: [expect.objectContaining({ field })],
  });
  expect(opened.ledger.clusterRoles.revision()).toBe(before);
});

test("what a binding grants cannot be changed, unknown fields can be refused", async () => {
  await supertest(app).post(BINDINGS).send(binding("b")).expect(201);
  const other = { ...binding("b"), roleRef: { kind: "ClusterRole", name: "other" } };
  const { body } = await supertest(app).put(`${BINDINGS}/b`).send(other).expect(422);
  expect(body.details.causes).toMatchObject([{ field: "roleRef" }]);
  const unknown = { ...role("r"), rulez: [] };
  await supertest(app).post(`${ROLES}?fieldValidation=Strict`).send(unknown).expect(400);
  const { headers } = await supertest(app).post(ROLES).send(unknown).expect(201);
  expect(headers["warning"]).toContain("rulez");
});

test("a delete says what went, and heeds its preconditions", async () => {
  await supertest(app).post(ROLES).send(role("r")).expect(201);
  const preconditions = { uid: "other" };
  await supertest(app)
    .delete(`${ROLES}/r`)
    .send({ kind: "DeleteOptions", apiVersion: "v1", preconditions })
    .expect(409);
  const { body } = await supertest(app).delete(`${ROLES}/r`).expect(200);
  expect(body).toMatchObject({
    status: "Success",
    details: { name: "r", group: "rbac.authorization.k8s.io", kind: "clusterroles", uid: "uid-1" },
  });
  const missing = await supertest(app).get(`${ROLES}/r`).expect(404);
  expect(missing.body.message).toBe('clusterroles.rbac.authorization.k8s.io "r" not found');
});

test("a watch begins with the state, ends it with a bookmark, and goes on with changes of roles alone", async () => {
  await supertest(app)
    .post(ROLES)
    .send(role("a", {}, { labels: { w: "1" } }))
    .expect(201);
  const server = await listening(app);
  const query = "watch=true&sendInitialEvents=true&resourceVersionMatch=NotOlderThan&allowWatchBookmarks=true";
  const answer = await fetch(`http://127.0.0.1:${server.port}${ROLES}?${query}&labelSelector=w&timeoutSeconds=2`);
  await supertest(app).post(BINDINGS).send(binding("b")).expect(201);
  await supertest(app)
    .put(`${ROLES}/a`)
    .send(role("a", { rules: [RULE] }, { labels: { w: "1" } }))
    .expect(200);
  await supertest(app).put(`${ROLES}/a`).send(role("a")).expect(200);
  const lines = (await answer.text()).trim().split("\n");
  await server.close();
  const events = lines.map((line) => JSON.parse(line) as { type: string; object: { kind: string; metadata: object } });
  expect(events.map(({ type, object }) => `${type} ${object.kind}`)).toEqual([
    "ADDED ClusterRole",
    "BOOKMARK ClusterRole",
    "MODIFIED ClusterRole",
    "DELETED ClusterRole",
  ]);
  expect(events[1]?.object.metadata).toMatchObject({ annotations: { "k8s.io/initial-events-end": "true" } });
});

test("there are no subresources, and methods that do not fit are refused", async () => {
  await supertest(app).post(ROLES).send(role("r")).expect(201);
  await supertest(app).get(`${ROLES}/r/status`).expect(404);
  await supertest(app).put(ROLES).send(role("r")).expect(405);
  await supertest(app).post(`${ROLES}/r`).send(role("r")).expect(405);
});
