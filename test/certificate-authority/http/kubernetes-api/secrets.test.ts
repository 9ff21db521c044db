import { createSecretKey } from "node:crypto";
import { describe, expect, test } from "@jest/globals";
import supertest from "supertest";
import { createBootstrapSecrets } from "../../../../services/certificate-authority/access/bootstrap-secrets.ts";
import { authenticateBootstrapToken } from "../../../../services/certificate-authority/access/bootstrap-token-authenticator.ts";
import { createTokenAdministration } from "../../../../services/certificate-authority/access/token-administration.ts";
import { followTokens } from "../../../../services/certificate-authority/access/token-feed.ts";
import { createTokenSeal } from "../../../../services/certificate-authority/access/token-seal.ts";
import {
  createWatchRegistry,
  secretRoutes,
} from "../../../../services/certificate-authority/http/kubernetes-api/routes.ts";
import { decodeProtobuf, encodeProtobuf } from "../../../../services/shared/kubernetes/protobuf.ts";
import { createLogger } from "../../../../services/shared/logging.ts";
import { appOf } from "../../../builders/edge.ts";
import { FakeBootstrapTokens } from "../../../fakes/bootstrap-tokens.ts";
import { SettableClock } from "../../../fakes/settable-clock.ts";

const SECRETS = "/api/v1/namespaces/kube-system/secrets";
const PROTOBUF = "application/vnd.kubernetes.protobuf";
const TYPE = "bootstrap.kubernetes.io/token";
const LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration";
const GROUP = "system:bootstrappers:kubeadm:default-node-token";

function setUp({ keeps = true } = {}) {
  const tokens = new FakeBootstrapTokens();
  const clock = new SettableClock("2026-01-02T03:04:05.000Z");
  const logger = createLogger({ level: "silent" });
  const tokenHashKey = createSecretKey(Buffer.alloc(32, 7));
  const seal = keeps ? createTokenSeal(createSecretKey(Buffer.alloc(32, 8))) : undefined;
  const { tokens: followed, feed } = followTokens(tokens, clock);
  const attestationSeal = createTokenSeal(createSecretKey(Buffer.alloc(32, 9)));
  const administration = createTokenAdministration({
    ...{ tokens: followed, tokenHashKey, seal, attestationSeal, clock, logger },
  });
  const authorizer = { authorize: async () => ({ allowed: true, reason: "" }) };
  const secrets = createBootstrapSecrets({ tokens: administration, feed, clock, authorizer });
  const watches = createWatchRegistry({ maxWatches: 10, maxBufferBytes: 1000 });
  const app = appOf(secretRoutes({ secrets, watches, clock, logger }));
  const authenticate = (token: string) => authenticateBootstrapToken({ tokens, tokenHashKey, clock }, token);
  return { app, tokens, clock, administration, authenticate };
}

const TOKEN: Readonly<Record<string, string>> = {
  "token-id": "abcdef",
  "token-secret": "0123456789abcdef",
  expiration: "2026-01-02T05:04:05+01:00",
  description: "für Regal 7",
  "usage-bootstrap-authentication": "true",
  "usage-bootstrap-signing": "true",
  "auth-extra-groups": GROUP,
};

/** Without what is undefined. */
function encoded(values: Readonly<Record<string, string | undefined>>): Record<string, string> {
  const present = Object.entries(values).flatMap(([key, value]) =>
    value === undefined ? [] : [[key, value] as const],
  );
  return Object.fromEntries(present.map(([key, value]) => [key, Buffer.from(value).toString("base64")]));
}

function secret(overrides: Readonly<Record<string, string | undefined>> = {}, more: object = {}) {
  const metadata = { name: "bootstrap-token-abcdef", namespace: "kube-system" };
  return { kind: "Secret", apiVersion: "v1", metadata, data: encoded({ ...TOKEN, ...overrides }), type: TYPE, ...more };
}

/** What stands where a secret was not kept. */
const UNSHOWN = encoded({ "token-secret": "secretisnotshown" });

describe("a bootstrap token as a Secret", () => {
  test.each(["application/json", PROTOBUF])("is created, read, listed and deleted in %s", async (contentType) => {
    const { app, authenticate, tokens } = setUp();
    const body = contentType === PROTOBUF ? encodeProtobuf(secret()) : JSON.stringify(secret());
    const created = await supertest(app).post(SECRETS).set("content-type", contentType).send(body).expect(201);
    const metadata = {
      ...{ name: "bootstrap-token-abcdef", namespace: "kube-system", creationTimestamp: "2026-01-02T03:04:05Z" },
      ...{ uid: expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-8/), resourceVersion: "1767323045001" },
    };
    const stored = secret({ expiration: "2026-01-02T04:04:05Z" }, { metadata });
    expect(created.body).toEqual(stored);
    expect(authenticate("abcdef.0123456789abcdef")?.groups).toContain(GROUP);
    expect(JSON.stringify([...tokens.rows])).not.toContain("0123456789abcdef");
    expect((await supertest(app).get(`${SECRETS}/bootstrap-token-abcdef`).expect(200)).body).toEqual(stored);
    const chunks = await supertest(app).get(SECRETS).set("accept", PROTOBUF).responseType("blob").expect(200);
    const list = decodeProtobuf(chunks.body).object as { items: object[] };
    expect(list.items).toEqual([{ metadata: stored.metadata, data: stored.data, type: TYPE }]);
    const removed = await supertest(app).delete(`${SECRETS}/bootstrap-token-abcdef`).expect(200);
    expect(removed.body).toMatchObject({ status: "Success", details: { kind: "secrets" } });
    expect(authenticate("abcdef.0123456789abcdef")).toBeUndefined();
    await supertest(app).get(`${SECRETS}/bootstrap-token-abcdef`).expect(404);
  });

  test.each([
    ["?fieldSelector=type%3Dbootstrap.kubernetes.io/token", ["abcdef", "bbbbbb"]],
    ["?fieldSelector=type%3DOpaque", []],
    ["?fieldSelector=metadata.name%3Dbootstrap-token-bbbbbb", ["bbbbbb"]],
    ["?labelSelector=a%3Db", []],
  ])("list%s", async (query, ids) => {
    const { app, administration } = setUp();
    for (const id of ["abcdef", "bbbbbb"]) {
      const given = { id, secret: "0123456789abcdef", description: "", expiresAt: undefined, groups: [], usages: [] };
      await administration.adopt(given, "alice");
    }
    const { body } = await supertest(app)
      .get(SECRETS + query)
      .expect(200);
    expect(body.items.map((item: { data: object }) => item.data)).toEqual(
      ids.map((id) => ({ ...encoded({ "token-id": id }), ...UNSHOWN })),
    );
  });

  test("its secret cannot be read again unless it signs, nor one that was made elsewhere", async () => {
    const { app, administration } = setUp();
    const authenticating = secret({ "usage-bootstrap-signing": "false" });
    const { body } = await supertest(app).post(SECRETS).send(authenticating).expect(201);
    expect(body.data).toMatchObject(UNSHOWN);
    const wanted = { description: "", ttlSeconds: undefined, groups: [], nodeName: "worker-1" };
    const { record } = await administration.create(wanted, "alice");
    const shown = await supertest(app).get(`${SECRETS}/bootstrap-token-${record.id}`).expect(200);
    expect(shown.body).toMatchObject({
      metadata: { annotations: { "gatehouse.dev/node-name": "worker-1" } },
      data: { ...encoded({ "token-id": record.id, "usage-bootstrap-authentication": "true" }), ...UNSHOWN },
    });
  });

  test("one that only signs is no credential", async () => {
    const { app, authenticate } = setUp();
    await supertest(app)
      .post(SECRETS)
      .send(secret({ "usage-bootstrap-authentication": undefined }))
      .expect(201);
    expect(authenticate("abcdef.0123456789abcdef")).toBeUndefined();
  });

  test("tokens that sign are refused with the way out when secrets are not kept", async () => {
    const { app, tokens } = setUp({ keeps: false });
    const { body } = await supertest(app).post(SECRETS).send(secret()).expect(422);
    expect(body.message).toContain("bootstrapTokens.keepSigningSecrets");
    expect(tokens.rows.size).toBe(0);
    await supertest(app)
      .post(SECRETS)
      .send(secret({ "usage-bootstrap-signing": undefined }))
      .expect(201);
  });

  test("a dry run checks all and stores nothing", async () => {
    const { app, tokens } = setUp();
    const { body } = await supertest(app).post(`${SECRETS}?dryRun=All`).send(secret()).expect(201);
    expect(body.metadata).not.toHaveProperty("resourceVersion");
    expect(tokens.rows.size).toBe(0);
    await supertest(app).post(SECRETS).send(secret()).expect(201);
    await supertest(app).post(`${SECRETS}?dryRun=All`).send(secret()).expect(409);
    await supertest(app).delete(`${SECRETS}/bootstrap-token-abcdef?dryRun=All`).expect(200);
    expect(tokens.rows.size).toBe(1);
  });

  test("a delete with another uid or resourceVersion is a conflict", async () => {
    const { app, tokens } = setUp();
    await supertest(app).post(SECRETS).send(secret()).expect(201);
    for (const preconditions of [{ uid: "other" }, { resourceVersion: "1" }]) {
      await supertest(app).delete(`${SECRETS}/bootstrap-token-abcdef`).send({ preconditions }).expect(409);
    }
    expect(tokens.rows.size).toBe(1);
  });

  test.each([
    ["token-id", { "token-id": "ABCDEF" }, "data[token-id]"],
    ["no token-id", { "token-id": undefined }, "data[token-id]"],
    ["name of another id", { "token-id": "abcdeg" }, "metadata.name"],
    ["token-secret", { "token-secret": "0123456789abcdeX" }, "data[token-secret]"],
    ["what stands for a secret", { "token-secret": "secretisnotshown" }, "data[token-secret]"],
    ["no token-secret", { "token-secret": undefined }, "data[token-secret]"],
    ["expiration that is no time", { expiration: "tomorrow" }, "data[expiration]"],
    ["expiration that has passed", { expiration: "2026-01-02T03:04:05Z" }, "data[expiration]"],
    ["usage", { "usage-bootstrap-authentication": "yes" }, "data[usage-bootstrap-authentication]"],
    ["group", { "auth-extra-groups": `${GROUP},system:masters` }, "data[auth-extra-groups]"],
    ["unknown value", { colour: "red" }, "data"],
  ])("is refused for its %s, without its secret being repeated", async (_what, overrides, field) => {
    const { app, tokens } = setUp();
    const { body, text } = await supertest(app).post(SECRETS).send(secret(overrides)).expect(422);
    expect(body.details.causes.map((cause: { field: string }) => cause.field)).toEqual([field]);
    expect(text).not.toContain("0123456789abcde");
    expect(tokens.rows.size).toBe(0);
  });

  test("labels and annotations are kept", async () => {
    const { app } = setUp();
    const metadata = { name: "bootstrap-token-abcdef", labels: { a: "b" }, annotations: { c: "d" } };
    const { body } = await supertest(app).post(SECRETS).send(secret({}, { metadata })).expect(201);
    expect(body.metadata).toMatchObject({ labels: { a: "b" }, annotations: { c: "d" } });
    const selected = await supertest(app).get(`${SECRETS}?labelSelector=a%3Db`).expect(200);
    expect(selected.body.items).toHaveLength(1);
  });

  test.each([
    ["finalizers", { finalizers: ["example.com/hold"] }, "metadata.finalizers"],
    [
      "owners",
      { ownerReferences: [{ apiVersion: "v1", kind: "Pod", name: "a", uid: "b" }] },
      "metadata.ownerReferences",
    ],
    ["what kubectl apply keeps", { annotations: { [LAST_APPLIED]: "{}" } }, `metadata.annotations[${LAST_APPLIED}]`],
    ["a node", { annotations: { "gatehouse.dev/node-name": "a" } }, "metadata.annotations[gatehouse.dev/node-name]"],
    ["a label that is none", { labels: { "a b": "" } }, "metadata.labels"],
  ])("with %s is refused", async (_what, more, field) => {
    const { app, tokens } = setUp();
    const metadata = { name: "bootstrap-token-abcdef", ...more };
    const { body } = await supertest(app).post(SECRETS).send(secret({}, { metadata })).expect(422);
    expect(body.details.causes.map((cause: { field: string }) => cause.field)).toEqual([field]);
    expect(tokens.rows.size).toBe(0);
  });

  test("plain text in stringData counts", async () => {
    const { app, authenticate } = setUp();
    const more = { data: undefined, stringData: TOKEN };
    await supertest(app).post(SECRETS).send(secret({}, more)).expect(201);
    expect(authenticate("abcdef.0123456789abcdef")).toBeDefined();
  });
});

describe("a change", () => {
  const ONE = `${SECRETS}/bootstrap-token-abcdef`;
  const MERGE = "application/merge-patch+json";
  const STRATEGIC = "application/strategic-merge-patch+json";
  const JSON_PATCH = "application/json-patch+json";

  async function stored({ keeps = true, overrides = {} as Readonly<Record<string, string | undefined>> } = {}) {
    const server = setUp({ keeps });
    const { body } = await supertest(server.app).post(SECRETS).send(secret(overrides)).expect(201);
    server.clock.advance(1);
    return { ...server, created: body };
  }
  const unsigning = { "usage-bootstrap-signing": undefined };

  test.each([
    [MERGE, { data: encoded({ description: "new" }) }],
    [STRATEGIC, { stringData: { description: "new" } }],
    [JSON_PATCH, [{ op: "replace", path: "/data/description", value: encoded({ description: "new" })["description"] }]],
  ])("of the description by %s", async (contentType, patch) => {
    const { app, tokens, created, authenticate } = await stored();
    const sent = supertest(app).patch(ONE).set("content-type", contentType);
    const { body } = await sent.send(JSON.stringify(patch)).expect(200);
    expect(body.data).toEqual({ ...created.data, ...encoded({ description: "new" }) });
    expect(body.metadata).toEqual({ ...created.metadata, resourceVersion: "1767323046000" });
    expect((await supertest(app).get(ONE).expect(200)).body).toEqual(body);
    expect(tokens.changes).toEqual(["abcdef by alice"]);
    expect(authenticate("abcdef.0123456789abcdef")).toBeDefined();
  });

  test("of expiration, groups and usages holds at once", async () => {
    const { app, authenticate, clock } = await stored({ keeps: false, overrides: unsigning });
    const other = "system:bootstrappers:other";
    const data = encoded({ expiration: "2026-01-02T03:05:00Z", "auth-extra-groups": other });
    await supertest(app).patch(ONE).set("content-type", MERGE).send(JSON.stringify({ data })).expect(200);
    expect(authenticate("abcdef.0123456789abcdef")?.groups).toContain(other);
    clock.advance(60);
    expect(authenticate("abcdef.0123456789abcdef")).toBeUndefined();
    const again = {
      data: { ...encoded({ description: "gone" }), expiration: null, "usage-bootstrap-authentication": null },
    };
    await supertest(app).patch(ONE).set("content-type", MERGE).send(JSON.stringify(again)).expect(200);
    expect(authenticate("abcdef.0123456789abcdef")).toBeUndefined();
  });

  test("of labels and annotations, and back", async () => {
    const { app, created } = await stored();
    const metadata = { labels: { rack: "7" }, annotations: { "example.com/note": "n" } };
    const patched = await supertest(app)
      .patch(ONE)
      .set("content-type", MERGE)
      .send(JSON.stringify({ metadata }))
      .expect(200);
    expect(patched.body.metadata).toMatchObject(metadata);
    const without = { metadata: { labels: { rack: null }, annotations: null } };
    const { body } = await supertest(app)
      .patch(ONE)
      .set("content-type", MERGE)
      .send(JSON.stringify(without))
      .expect(200);
    expect(body.metadata).toEqual({ ...created.metadata, resourceVersion: expect.any(String) });
  });

  test("that changes nothing keeps the resourceVersion", async () => {
    const { app, tokens, created } = await stored();
    const { body } = await supertest(app).put(ONE).send(created).expect(200);
    expect(body).toEqual(created);
    expect(tokens.changes).toEqual([]);
  });

  test("in a dry run is judged and not made", async () => {
    const { app, tokens, created } = await stored();
    const wanted = { ...created, data: { ...created.data, ...encoded({ description: "new" }) } };
    const { body } = await supertest(app).put(`${ONE}?dryRun=All`).send(wanted).expect(200);
    expect(body.data).toMatchObject(encoded({ description: "new" }));
    expect(tokens.changes).toEqual([]);
  });

  test("of a token whose secret is not shown may bring what is shown, or the secret itself", async () => {
    const { app, created } = await stored({ overrides: unsigning });
    for (const [index, shown] of [UNSHOWN, encoded({ "token-secret": "0123456789abcdef" })].entries()) {
      const data = { ...created.data, ...shown, ...encoded({ description: `new ${index}` }) };
      const body = { ...created, metadata: { ...created.metadata, resourceVersion: "" }, data };
      const answer = await supertest(app).put(ONE).send(body).expect(200);
      expect(answer.body.data).toMatchObject(UNSHOWN);
    }
  });

  test("that ends signing has its secret forgotten", async () => {
    const { app, administration } = await stored();
    expect(administration.secretOf("abcdef")).toBe("0123456789abcdef");
    const patch = JSON.stringify({ data: { "usage-bootstrap-signing": null } });
    const { body } = await supertest(app).patch(ONE).set("content-type", MERGE).send(patch).expect(200);
    expect(body.data).toMatchObject(UNSHOWN);
    expect(administration.secretOf("abcdef")).toBeUndefined();
  });

  test.each([
    ["the secret", { "token-secret": "fedcba9876543210" }, "data[token-secret]"],
    ["no secret", { "token-secret": undefined }, "data[token-secret]"],
    ["the id", { "token-id": "bbbbbb" }, "metadata.name"],
    ["signing, of one that did not", { "usage-bootstrap-signing": "true" }, "data[usage-bootstrap-signing]"],
    ["an expiration that has passed", { expiration: "2026-01-01T00:00:00Z" }, "data[expiration]"],
    ["a group of others", { "auth-extra-groups": "system:masters" }, "data[auth-extra-groups]"],
    ["an unknown value", { colour: "red" }, "data"],
  ])("of %s is refused", async (_what, overrides, field) => {
    const { app, tokens, created } = await stored({ overrides: unsigning });
    const data = { ...created.data, ...encoded(overrides) };
    for (const [key, value] of Object.entries(overrides)) if (value === undefined) delete data[key];
    const { body, text } = await supertest(app)
      .put(ONE)
      .send({ ...created, data })
      .expect(422);
    expect(body.details.causes.map((cause: { field: string }) => cause.field)).toEqual([field]);
    expect(text).not.toContain("fedcba9876543210");
    expect(tokens.changes).toEqual([]);
  });

  test.each([
    ["the type", { type: "Opaque" }, 422],
    ["another node", { metadata: { annotations: { "gatehouse.dev/node-name": "b" } } }, 422],
    ["what kubectl apply keeps", { metadata: { annotations: { [LAST_APPLIED]: "{}" } } }, 422],
    ["finalizers", { metadata: { finalizers: ["example.com/hold"] } }, 422],
    ["another resourceVersion", { metadata: { resourceVersion: "1" } }, 409],
  ])("to %s is refused", async (_what, patch, code) => {
    const { app, tokens } = await stored();
    await supertest(app).patch(ONE).set("content-type", MERGE).send(JSON.stringify(patch)).expect(code);
    expect(tokens.changes).toEqual([]);
  });

  test("of a token that is not there, or in another namespace, finds nothing", async () => {
    const { app } = await stored();
    const patch = JSON.stringify({ data: {} });
    for (const path of [
      `${SECRETS}/bootstrap-token-bbbbbb`,
      `${SECRETS}/other`,
      ONE.replace("kube-system", "default"),
    ]) {
      await supertest(app).patch(path).set("content-type", MERGE).send(patch).expect(404);
    }
  });

  test("that had expired can still be described", async () => {
    const { app, clock } = await stored();
    clock.advance(86_400);
    const patch = JSON.stringify({ data: encoded({ description: "late" }) });
    await supertest(app).patch(ONE).set("content-type", MERGE).send(patch).expect(200);
  });
});

describe("nothing else lives there", () => {
  test.each([
    ["another type", SECRETS, { type: "Opaque" }, 403],
    ["no type", SECRETS, { type: undefined }, 403],
    ["another namespace", "/api/v1/namespaces/default/secrets", { metadata: { name: "bootstrap-token-abcdef" } }, 403],
    ["a namespace that is not the URL's", SECRETS, { metadata: { name: "a", namespace: "default" } }, 400],
    ["no namespace", "/api/v1/secrets", {}, 405],
  ])("a Secret of %s is refused", async (_what, path, more, code) => {
    const { app, tokens } = setUp();
    await supertest(app).post(path).send(secret({}, more)).expect(code);
    expect(tokens.rows.size).toBe(0);
  });

  test("all namespaces have what kube-system has, others nothing", async () => {
    const { app } = setUp();
    await supertest(app).post(SECRETS).send(secret()).expect(201);
    expect((await supertest(app).get("/api/v1/secrets").expect(200)).body.items).toHaveLength(1);
    expect((await supertest(app).get("/api/v1/namespaces/default/secrets").expect(200)).body.items).toEqual([]);
    await supertest(app).get("/api/v1/namespaces/default/secrets/bootstrap-token-abcdef").expect(404);
    await supertest(app).delete("/api/v1/namespaces/default/secrets/bootstrap-token-abcdef").expect(404);
  });

  test("a watch of another namespace is told nothing, one of all is told everything", async () => {
    const { app, clock } = setUp();
    const watch = `watch=true&resourceVersion=${clock.now().getTime()}&timeoutSeconds=1`;
    const watches = ["/api/v1/namespaces/default/secrets", "/api/v1/secrets", SECRETS].map(async (path) => {
      const { text } = await supertest(app).get(`${path}?${watch}`).expect(200);
      return text ?? "";
    });
    const answers = Promise.all(watches);
    await supertest(app).post(SECRETS).send(secret()).expect(201);
    const told = (await answers).map((text) => text.split("\n").filter((line) => line !== "").length);
    expect(told).toEqual([0, 1, 1]);
  });

  test.each([
    ["delete", SECRETS, "GET, POST"],
    ["post", `${SECRETS}/bootstrap-token-abcdef`, "DELETE, GET, PATCH, PUT"],
  ] as const)("%s of %s is not served", async (method, path, allow) => {
    const { app } = setUp();
    await supertest(app)[method](path).expect(405).expect("allow", allow);
  });
});
