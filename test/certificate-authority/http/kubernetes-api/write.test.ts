import { describe, expect, test } from "@jest/globals";
import supertest from "supertest";
import { decodeProtobuf, encodeProtobuf } from "../../../../services/shared/kubernetes/protobuf.ts";
import { CSRS, csrApi, PROTOBUF } from "../../../builders/csr-api.ts";
import { csrObject } from "../../../builders/csr-object.ts";
import { condition, request } from "../../../builders/request.ts";

const JSON_PATCH = "application/json-patch+json";
const MERGE_PATCH = "application/merge-patch+json";
const STRATEGIC_PATCH = "application/strategic-merge-patch+json";

const read = (response: supertest.Response): Buffer => response.body as Buffer;
/** Keeps supertest from guessing what a body is. */
const raw = (test: supertest.Test): supertest.Test =>
  test.buffer(true).parse((response, done) => {
    const chunks: Buffer[] = [];
    response.on("data", (chunk: Buffer) => chunks.push(chunk));
    response.on("end", () => done(null, Buffer.concat(chunks)));
  });

describe("create", () => {
  test("JSON in, JSON out, as kube-apiserver writes it", async () => {
    const { app } = csrApi();
    const response = await supertest(app).post(CSRS).send(csrObject()).expect(201);
    expect(response.headers["content-type"]).toBe("application/json");
    expect(response.text).toBe(
      '{"kind":"CertificateSigningRequest","apiVersion":"certificates.k8s.io/v1","metadata":{"name":"csr-1","uid":"uid-1","resourceVersion":"1","creationTimestamp":"2026-01-02T03:04:05Z"},"spec":{"request":"cmVxdWVzdA==","signerName":"kubernetes.io/kube-apiserver-client-kubelet","usages":["digital signature","client auth"],"username":"alice","groups":["gatehouse:administrators","system:authenticated"]},"status":{}}\n',
    );
  });

  test("protobuf in, protobuf out, with a generated name", async () => {
    const { app } = csrApi();
    const body = encodeProtobuf(csrObject({ metadata: { name: "", generateName: "csr-" } }));
    const response = await raw(supertest(app).post(CSRS))
      .set("content-type", PROTOBUF)
      .set("accept", `${PROTOBUF},application/json`)
      .send(body)
      .expect(201);
    expect(response.headers["content-type"]).toBe(PROTOBUF);
    expect(decodeProtobuf(read(response))).toMatchObject({
      apiVersion: "certificates.k8s.io/v1",
      kind: "CertificateSigningRequest",
      object: { metadata: { name: "csr-aaaa1", uid: "uid-1", resourceVersion: "1" }, spec: { username: "alice" } },
    });
  });

  test("YAML in and out", async () => {
    const { app } = csrApi();
    const text =
      "metadata: {name: csr-1}\nspec:\n  request: cmVxdWVzdA==\n  signerName: a.b/c\n  usages: [client auth]\n";
    const response = await raw(supertest(app).post(CSRS))
      .set("content-type", "application/yaml")
      .set("accept", "application/yaml")
      .send(text)
      .expect(201);
    expect(response.headers["content-type"]).toBe("application/yaml");
    expect(read(response).toString()).toContain("  signerName: a.b/c\n");
  });

  test("dry run stores nothing and has no resourceVersion", async () => {
    const { app, requests } = csrApi();
    const { body } = await supertest(app).post(`${CSRS}?dryRun=All`).send(csrObject()).expect(201);
    expect(body.metadata).toEqual({ name: "csr-1", uid: "uid-1", creationTimestamp: "2026-01-02T03:04:05Z" });
    expect(requests.changes).toEqual([]);
  });

  test("pretty", async () => {
    const { app } = csrApi();
    const { text } = await supertest(app).post(`${CSRS}?pretty=true`).send(csrObject()).expect(201);
    expect(text.split("\n")[1]).toBe('  "kind": "CertificateSigningRequest",');
  });

  test("a table is answered when one is asked for", async () => {
    const { app } = csrApi();
    const { body } = await supertest(app)
      .post(CSRS)
      .set("accept", "application/json;as=Table;v=v1;g=meta.k8s.io")
      .send(csrObject())
      .expect(201);
    expect(body).toMatchObject({
      kind: "Table",
      rows: [{ cells: ["csr-1", "0s", expect.anything(), "alice", "<none>", "Pending"] }],
    });
  });

  describe("field validation", () => {
    const withUnknown = { ...csrObject(), speck: 1 };

    test.each(["", "?fieldValidation=Warn", "?fieldValidation="])("%s warns", async (query) => {
      const { app } = csrApi();
      const response = await supertest(app)
        .post(CSRS + query)
        .send(withUnknown)
        .expect(201);
      expect(response.headers["warning"]).toBe(String.raw`299 - "unknown field \"speck\""`);
    });

    test("Ignore is silent", async () => {
      const { app } = csrApi();
      const response = await supertest(app).post(`${CSRS}?fieldValidation=Ignore`).send(withUnknown).expect(201);
      expect(response.headers["warning"]).toBeUndefined();
    });

    test("Strict refuses", async () => {
      const { app, requests } = csrApi();
      const { body } = await supertest(app).post(`${CSRS}?fieldValidation=Strict`).send(withUnknown).expect(400);
      expect(body).toMatchObject({ reason: "BadRequest", message: 'strict decoding error: unknown field "speck"' });
      expect(requests.changes).toEqual([]);
    });

    test("a warning cannot break out of its header", async () => {
      const { app } = csrApi();
      const response = await supertest(app)
        .post(CSRS)
        .send({ ...csrObject(), 'a"\r\nx: ü': 1 })
        .expect(201);
      expect(response.headers["warning"]).toBe(String.raw`299 - "unknown field \"a\\\"\\r\\nx: Ã¼\""`);
      expect(response.headers["x"]).toBeUndefined();
    });

    test("many warnings are all given; when they are long, each is cut and some are left out", async () => {
      const warningsFor = async (names: readonly string[]) => {
        const unknown = Object.fromEntries(names.map((name) => [name, 1]));
        const response = await supertest(csrApi().app)
          .post(CSRS)
          .send({ ...csrObject(), ...unknown })
          .expect(201);
        return String(response.headers["warning"]).split(", ");
      };
      const names = Array.from({ length: 99 }, (_, index) => `more${index}`);
      expect(await warningsFor(names)).toHaveLength(99);
      const long = await warningsFor(names.map((name) => name + "x".repeat(300)));
      // 16 times 256 characters are the limit.
      expect(long).toHaveLength(16);
      expect(long[0]).toBe(String.raw`299 - "unknown field \"more0${"x".repeat(236)}"`);
    });
  });

  // Each request breaks every later rule too: the first one answers.
  test.each([
    { name: "Accept first", accept: "text/html", type: "text/plain", query: "?dryRun=no", body: "{", code: 406 },
    { name: "then Content-Type", accept: "*/*", type: "text/plain", query: "?dryRun=no", body: "{", code: 415 },
    {
      name: "then size",
      type: "application/json",
      query: "?dryRun=no",
      body: "{".repeat(3 * 1024 * 1024 + 1),
      code: 413,
    },
    { name: "then options", type: "application/json", query: "?dryRun=no", body: "{", code: 422 },
    { name: "then the body", type: "application/json", query: "", body: "{", code: 400 },
    { name: "then its meaning", type: "application/json", query: "", body: "{}", code: 422 },
    { name: "then the name", type: "application/json", query: "", body: JSON.stringify(csrObject()), code: 409 },
  ])("evaluation order: $name", async ({ accept = "*/*", type, query, body, code }) => {
    const { app } = csrApi({ initial: [request()] });
    await supertest(app)
      .post(CSRS + query)
      .set("accept", accept)
      .set("content-type", type)
      .send(body)
      .expect(code);
  });

  test.each([
    { query: "dryRun=All&dryRun=None", causes: [{ reason: "FieldValueNotSupported", field: "dryRun" }] },
    { query: "dryRun=", causes: [{ reason: "FieldValueNotSupported", field: "dryRun" }] },
    { query: "fieldValidation=strict", causes: [{ reason: "FieldValueNotSupported", field: "fieldValidation" }] },
    { query: `fieldManager=${"a".repeat(129)}`, causes: [{ reason: "FieldValueTooLong", field: "fieldManager" }] },
    { query: "fieldManager=a%00b", causes: [{ reason: "FieldValueInvalid", field: "fieldManager" }] },
    { query: "fieldManager=a%C2%A0b", causes: [{ reason: "FieldValueInvalid", field: "fieldManager" }] },
    {
      query: "dryRun=x&fieldValidation=y",
      causes: [{ field: "dryRun" }, { field: "fieldValidation" }],
    },
  ])("options $query are Invalid", async ({ query, causes }) => {
    const { app } = csrApi();
    const { body } = await supertest(app).post(`${CSRS}?${query}`).send(csrObject()).expect(422);
    expect(body).toMatchObject({ reason: "Invalid", details: { kind: "CreateOptions", group: "meta.k8s.io", causes } });
    expect(body.details.causes).toHaveLength(causes.length);
  });

  test.each(["kubectl-create", "a".repeat(128), "with space", "ünïcode"])(
    "field manager %s is accepted",
    async (name) => {
      const { app } = csrApi();
      await supertest(app)
        .post(`${CSRS}?fieldManager=${encodeURIComponent(name)}`)
        .send(csrObject())
        .expect(201);
    },
  );

  test.each(["default", "kube-system"])("namespace %s is dropped", async (namespace) => {
    const { app } = csrApi();
    const { body } = await supertest(app)
      .post(CSRS)
      .send(csrObject({ metadata: { namespace } }))
      .expect(201);
    expect(body.metadata).not.toHaveProperty("namespace");
  });
});

describe("replace", () => {
  const approved = (resourceVersion: string) => {
    const { status: _, ...rest } = request({ metadata: { resourceVersion } });
    return { ...rest, status: { conditions: [{ ...condition("Approved"), lastTransitionTime: null }] } };
  };

  test("approval over JSON, as kubectl up to 1.31 sends it", async () => {
    const { app } = csrApi({ initial: [request()] });
    const { body } = await supertest(app).put(`${CSRS}/csr-1/approval`).send(approved("1")).expect(200);
    expect(body.metadata.resourceVersion).toBe("2");
    expect(body.status.conditions).toEqual([{ ...condition("Approved"), lastTransitionTime: "2026-01-02T03:04:05Z" }]);
  });

  test("approval over protobuf, as kubectl from 1.32 sends it", async () => {
    const { app } = csrApi({ initial: [request()] });
    const response = await raw(supertest(app).put(`${CSRS}/csr-1/approval?fieldManager=kubectl-approve`))
      .set("content-type", PROTOBUF)
      .set("accept", `${PROTOBUF},application/json`)
      .send(encodeProtobuf(approved("1")))
      .expect(200);
    expect(decodeProtobuf(read(response)).object["status"]).toMatchObject({
      conditions: [{ type: "Approved", status: "True" }],
    });
  });

  test("the main resource does not approve", async () => {
    const { app } = csrApi({ initial: [request()] });
    const { body } = await supertest(app).put(`${CSRS}/csr-1`).send(approved("1")).expect(200);
    expect(body.status).toEqual({});
  });

  test("status sets the certificate", async () => {
    const { app } = csrApi({ initial: [request()] });
    const sent = { ...request(), status: { certificate: "Z29vZA==" } };
    const { body } = await supertest(app).put(`${CSRS}/csr-1/status`).send(sent).expect(200);
    expect(body.status).toEqual({ certificate: "Z29vZA==" });
  });

  test.each([
    { name: "another name", sent: request({ metadata: { name: "csr-2" } }), code: 400, reason: "BadRequest" },
    { name: "no name", sent: request({ metadata: { name: "" } }), code: 400, reason: "BadRequest" },
    { name: "another uid", sent: request({ metadata: { uid: "other" } }), code: 409, reason: "Conflict" },
    {
      name: "a stale resourceVersion",
      sent: request({ metadata: { resourceVersion: "7" } }),
      code: 409,
      reason: "Conflict",
    },
  ])("$name is $code", async ({ sent, code, reason }) => {
    const { app } = csrApi({ initial: [request()] });
    const { body } = await supertest(app).put(`${CSRS}/csr-1`).send(sent).expect(code);
    expect(body.reason).toBe(reason);
  });

  test("an unknown object is not created", async () => {
    const { app } = csrApi();
    const sent = request({ metadata: { uid: "", resourceVersion: "" } });
    const { body } = await supertest(app).put(`${CSRS}/csr-1`).send(sent).expect(404);
    expect(body).toMatchObject({
      reason: "NotFound",
      details: { name: "csr-1", group: "certificates.k8s.io", kind: "certificatesigningrequests" },
    });
  });

  test.each([
    {
      name: "Accept first",
      accept: "text/html",
      type: "text/plain",
      query: "?dryRun=no",
      body: "{".repeat(3_145_729),
      code: 406,
    },
    { name: "then size", type: "text/plain", query: "?dryRun=no", body: "{".repeat(3_145_729), code: 413 },
    { name: "then options", type: "text/plain", query: "?dryRun=no", body: "{", code: 422 },
    { name: "then Content-Type", type: "text/plain", query: "", body: "{", code: 415 },
    { name: "then the body", type: "application/json", query: "", body: "{", code: 400 },
  ])("evaluation order: $name", async ({ accept = "*/*", type, query, body, code }) => {
    const { app } = csrApi();
    await supertest(app)
      .put(`${CSRS}/csr-1${query}`)
      .set("accept", accept)
      .set("content-type", type)
      .send(body)
      .expect(code);
  });

  test("dry run answers with the outcome and stores nothing", async () => {
    const { app, requests } = csrApi({ initial: [request()] });
    const sent = request({ metadata: { labels: { a: "b" } } });
    const { body } = await supertest(app).put(`${CSRS}/csr-1?dryRun=All`).send(sent).expect(200);
    expect(body.metadata.labels).toEqual({ a: "b" });
    expect(requests.changes).toHaveLength(1);
  });
});

describe("patch", () => {
  test.each([
    { type: JSON_PATCH, patch: [{ op: "add", path: "/metadata/labels", value: { a: "b" } }] },
    { type: MERGE_PATCH, patch: { metadata: { labels: { a: "b" } } } },
    { type: STRATEGIC_PATCH, patch: { metadata: { labels: { a: "b" } } } },
    { type: `${MERGE_PATCH}; charset=utf-8`, patch: { metadata: { labels: { a: "b" } } } },
  ])("$type changes metadata", async ({ type, patch }) => {
    const { app } = csrApi({ initial: [request()] });
    const { body } = await supertest(app)
      .patch(`${CSRS}/csr-1`)
      .set("content-type", type)
      .send(JSON.stringify(patch))
      .expect(200);
    expect(body.metadata).toMatchObject({ labels: { a: "b" }, resourceVersion: "2" });
  });

  test("a patch of /approval approves", async () => {
    const { app } = csrApi({ initial: [request()] });
    const patch = { status: { conditions: [{ type: "Approved", status: "True", reason: "r", message: "m" }] } };
    const { body } = await supertest(app)
      .patch(`${CSRS}/csr-1/approval`)
      .set("content-type", MERGE_PATCH)
      .send(JSON.stringify(patch))
      .expect(200);
    expect(body.status.conditions).toMatchObject([{ type: "Approved", lastUpdateTime: "2026-01-02T03:04:05Z" }]);
  });

  test("a patch that changes nothing keeps the resourceVersion", async () => {
    const { app, requests } = csrApi({ initial: [request()] });
    const { body } = await supertest(app)
      .patch(`${CSRS}/csr-1`)
      .set("content-type", MERGE_PATCH)
      .send("{}")
      .expect(200);
    expect(body.metadata.resourceVersion).toBe("1");
    expect(requests.changes).toHaveLength(1);
  });

  test("a patch that meets another write is applied again", async () => {
    const { app, requests } = csrApi({ initial: [request()] });
    const { StatusError } = await import("../../../../services/shared/status-error.ts");
    requests.failNext("update", new StatusError("Conflict", "somebody was faster"));
    const patch = { metadata: { labels: { a: "b" } } };
    const { body } = await supertest(app)
      .patch(`${CSRS}/csr-1`)
      .set("content-type", MERGE_PATCH)
      .send(JSON.stringify(patch))
      .expect(200);
    expect(body.metadata.labels).toEqual({ a: "b" });
  });

  test.each([
    { name: "the right resourceVersion holds", resourceVersion: "1", code: 200 },
    { name: "0 is none", resourceVersion: "0", code: 200 },
    { name: "a stale one is a conflict", resourceVersion: "2", code: 409 },
  ])("$name", async ({ resourceVersion, code }) => {
    const { app } = csrApi({ initial: [request()] });
    const patch = { metadata: { resourceVersion, labels: { a: "b" } } };
    await supertest(app)
      .patch(`${CSRS}/csr-1`)
      .set("content-type", MERGE_PATCH)
      .send(JSON.stringify(patch))
      .expect(code);
  });

  test.each([
    { name: "no JSON", type: MERGE_PATCH, patch: "{", code: 400, reason: "BadRequest" },
    { name: "a list for an object", type: STRATEGIC_PATCH, patch: "[]", code: 400, reason: "BadRequest" },
    { name: "an object for a list", type: JSON_PATCH, patch: "{}", code: 400, reason: "BadRequest" },
    {
      name: "a test that fails",
      type: JSON_PATCH,
      patch: '[{"op":"test","path":"/kind","value":1}]',
      code: 422,
      reason: "Invalid",
    },
    { name: "a wrong type", type: MERGE_PATCH, patch: '{"spec":{"usages":"any"}}', code: 422, reason: "Invalid" },
    { name: "another kind", type: MERGE_PATCH, patch: '{"kind":"Pod"}', code: 422, reason: "Invalid" },
    { name: "another name", type: MERGE_PATCH, patch: '{"metadata":{"name":"b"}}', code: 400, reason: "BadRequest" },
    { name: "another uid", type: MERGE_PATCH, patch: '{"metadata":{"uid":"b"}}', code: 422, reason: "Invalid" },
    {
      name: "bad metadata",
      type: MERGE_PATCH,
      patch: '{"metadata":{"labels":{"-":"b"}}}',
      code: 422,
      reason: "Invalid",
    },
  ])("$name is $code", async ({ type, patch, code, reason }) => {
    const { app } = csrApi({ initial: [request()] });
    const { body } = await supertest(app).patch(`${CSRS}/csr-1`).set("content-type", type).send(patch).expect(code);
    expect(body.reason).toBe(reason);
  });

  test.each([
    {
      name: "an unknown member",
      patch: '[{"op":"test","path":"/a","value":null,"note":1}]',
      said: 'unknown field \\"[0].note',
    },
    {
      name: "a member twice",
      patch: '[{"op":"add","op":"test","path":"/a","value":null}]',
      said: 'duplicate field \\"[0].op',
    },
  ])("JSON patch: $name is objected to", async ({ patch, said }) => {
    const { app } = csrApi({ initial: [request()] });
    const send = (query: string) =>
      supertest(app).patch(`${CSRS}/csr-1${query}`).set("content-type", JSON_PATCH).send(patch);
    const response = await send("").expect(200);
    expect(response.headers["warning"]).toBe(`299 - "json patch ${said}\\""`);
    const { body } = await send("?fieldValidation=Strict").expect(422);
    expect(body.details.causes).toMatchObject([{ field: "patch" }]);
  });

  test("what is not there is not found, whatever the patch", async () => {
    await supertest(csrApi().app).patch(`${CSRS}/csr-1`).set("content-type", MERGE_PATCH).send("{").expect(404);
  });

  test("a strategic patch is of the object's type, whatever it says", async () => {
    const { app } = csrApi({ initial: [request()] });
    const type = { apiVersion: "v1", kind: "Pod" };
    const { body } = await supertest(app)
      .patch(`${CSRS}/csr-1`)
      .set("content-type", STRATEGIC_PATCH)
      .send(JSON.stringify(type))
      .expect(200);
    expect(body.kind).toBe("CertificateSigningRequest");
  });

  test("an object that a patch makes unreadable is reported on the field patch", async () => {
    const { app } = csrApi({ initial: [request()] });
    const { body } = await supertest(app)
      .patch(`${CSRS}/csr-1`)
      .set("content-type", MERGE_PATCH)
      .send('{"spec":1}')
      .expect(422);
    expect(body.details.causes).toMatchObject([{ reason: "FieldValueInvalid", field: "patch" }]);
  });

  test.each([
    { validation: "Strict", code: 422, warning: undefined },
    { validation: "Warn", code: 200, warning: String.raw`299 - "unknown field \"speck\""` },
    { validation: "Ignore", code: 200, warning: undefined },
  ])("field validation $validation", async ({ validation, code, warning }) => {
    const { app } = csrApi({ initial: [request()] });
    const response = await supertest(app)
      .patch(`${CSRS}/csr-1?fieldValidation=${validation}`)
      .set("content-type", MERGE_PATCH)
      .send('{"speck":1}')
      .expect(code);
    expect(response.headers["warning"]).toBe(warning);
  });

  test("who sends a server-side apply is told to leave it out", async () => {
    const { app } = csrApi({ initial: [request()] });
    const sent = supertest(app)
      .patch(`${CSRS}/csr-1?fieldManager=me`)
      .set("content-type", "application/apply-patch+yaml");
    const { body } = await sent.send("{}").expect(415);
    expect(body.message).toContain("leave --server-side out");
  });

  test.each(["application/apply-patch+yaml", "application/json", "application/apply-patch+cbor", "constructor"])(
    "%s is no patch type",
    async (type) => {
      const { app } = csrApi({ initial: [request()] });
      await supertest(app)
        .patch(`${CSRS}/csr-1?force=true`)
        .set("content-type", type)
        .set("accept", "text/html")
        .send("{}")
        .expect(415);
    },
  );

  test("force is for server-side apply only", async () => {
    const { app } = csrApi({ initial: [request()] });
    const { body } = await supertest(app)
      .patch(`${CSRS}/csr-1?force=true`)
      .set("content-type", MERGE_PATCH)
      .send("{}")
      .expect(422);
    expect(body.details).toMatchObject({
      kind: "PatchOptions",
      causes: [{ reason: "FieldValueForbidden", field: "force" }],
    });
  });

  test("an unknown object is not found", async () => {
    const { app } = csrApi();
    const { body } = await supertest(app)
      .patch(`${CSRS}/csr-1`)
      .set("content-type", MERGE_PATCH)
      .send("{}")
      .expect(404);
    expect(body.details).toMatchObject({ name: "csr-1", kind: "certificatesigningrequests" });
  });
});

describe("delete", () => {
  const success = {
    kind: "Status",
    apiVersion: "v1",
    metadata: {},
    status: "Success",
    details: {
      name: "csr-1",
      group: "certificates.k8s.io",
      kind: "certificatesigningrequests",
      uid: "00000000-0000-4000-8000-000000000001",
    },
  };
  const uid = success.details.uid;

  test("answers with a Status", async () => {
    const { app, stored } = csrApi({ initial: [request()] });
    const { body } = await supertest(app).delete(`${CSRS}/csr-1`).expect(200);
    expect(body).toEqual(success);
    expect(await stored()).toBeUndefined();
  });

  test("answers in protobuf, taking options in protobuf", async () => {
    const { app } = csrApi({ initial: [request()] });
    const options = { apiVersion: "certificates.k8s.io/v1", kind: "DeleteOptions", preconditions: { uid } };
    const response = await raw(supertest(app).delete(`${CSRS}/csr-1`))
      .set("content-type", PROTOBUF)
      .set("accept", PROTOBUF)
      .send(encodeProtobuf(options))
      .expect(200);
    expect(decodeProtobuf(read(response)).object).toEqual(success);
  });

  test("finalizers hold it", async () => {
    const { app } = csrApi({ initial: [request({ metadata: { finalizers: ["a/b"] } })] });
    const { body } = await supertest(app).delete(`${CSRS}/csr-1`).send({ propagationPolicy: "Background" }).expect(200);
    expect(body).toMatchObject({
      kind: "CertificateSigningRequest",
      metadata: { deletionTimestamp: "2026-01-02T03:04:05Z" },
    });
  });

  test.each([
    { name: "in the body", query: "", options: { dryRun: ["All"] } },
    {
      name: "in the query",
      query: "?dryRun=All&gracePeriodSeconds=0&propagationPolicy=Foreground",
      options: undefined,
    },
  ])("dry run $name deletes nothing", async ({ query, options }) => {
    const { app, stored } = csrApi({ initial: [request()] });
    const { body } = await supertest(app).delete(`${CSRS}/csr-1${query}`).send(options).expect(200);
    expect(body).toEqual(success);
    expect(await stored()).toBeDefined();
  });

  test.each([
    { name: "another uid", options: { preconditions: { uid: "x" } }, code: 409 },
    { name: "another resourceVersion", options: { preconditions: { resourceVersion: "9" } }, code: 409 },
    { name: "what it has", options: { preconditions: { uid, resourceVersion: "1" } }, code: 200 },
    { name: "an unknown dry run", options: { dryRun: ["Some"] }, code: 422 },
    { name: "an unknown policy", options: { propagationPolicy: "Never" }, code: 422 },
    {
      name: "a policy and its forerunner",
      options: { propagationPolicy: "Orphan", orphanDependents: true },
      code: 422,
    },
    { name: "another kind", options: { kind: "Pod" }, code: 400 },
    { name: "a wrong type", options: { preconditions: [] }, code: 400 },
    { name: "any group's options", options: { kind: "DeleteOptions", apiVersion: "policy/v1" }, code: 200 },
  ])("$name is $code", async ({ options, code }) => {
    const { app } = csrApi({ initial: [request()] });
    await supertest(app).delete(`${CSRS}/csr-1`).send(options).expect(code);
  });

  test.each([
    { query: "uid=x", code: 409 },
    { query: `uid=${uid}`, code: 200 },
    { query: "uid=&resourceVersion=", code: 200 },
    { query: "resourceVersion=9", code: 409 },
    { query: "resourceVersion=1", code: 200 },
  ])("preconditions in the query: ?$query is $code", async ({ query, code }) => {
    const { app } = csrApi({ initial: [request()] });
    await supertest(app).delete(`${CSRS}/csr-1?${query}`).expect(code);
  });

  test("an unknown object is not found", async () => {
    const { app } = csrApi();
    await supertest(app).delete(`${CSRS}/csr-1`).expect(404);
  });

  test.each([
    { name: "everything", query: "", deleted: ["csr-1", "csr-2", "csr-3"] },
    { name: "by label", query: "?labelSelector=a%3Db", deleted: ["csr-2"] },
    { name: "by name", query: "?fieldSelector=metadata.name%3Dcsr-3", deleted: ["csr-3"] },
    { name: "nothing, rehearsed", query: "?dryRun=All", deleted: [] },
    { name: "no more than asked", query: "?limit=2", deleted: ["csr-1", "csr-2"] },
  ])("a collection: $name", async ({ query, deleted }) => {
    const names = ["csr-1", "csr-2", "csr-3"];
    const { app, requests } = csrApi({
      initial: names.map((name) => request({ metadata: { name, ...(name === "csr-2" && { labels: { a: "b" } }) } })),
    });
    const { body } = await supertest(app)
      .delete(CSRS + query)
      .expect(200);
    expect(body.kind).toBe("CertificateSigningRequestList");
    const { items } = await requests.list();
    expect(items.map(({ metadata }) => metadata.name)).toEqual(names.filter((name) => !deleted.includes(name)));
  });

  test("a collection is answered as it was", async () => {
    const { app } = csrApi({ initial: [request({ metadata: { finalizers: ["a/b"] } })] });
    const { body } = await supertest(app).delete(CSRS).expect(200);
    expect(body.items).toHaveLength(1);
    expect(body.items[0].metadata).toMatchObject({ finalizers: ["a/b"], resourceVersion: "1" });
    expect(body.items[0].metadata).not.toHaveProperty("deletionTimestamp");
  });
});

describe("owners", () => {
  const owner = (uid: string, name = "n") => ({ apiVersion: "v1", kind: "Node", name, uid });
  const warning = '299 - "metadata.ownerReferences repeats an owner, dropped: 1"';

  test("one that is repeated is dropped, with a warning", async () => {
    const ownerReferences = [owner("1"), owner("2"), owner("1"), owner("1", "other")];
    const response = await supertest(csrApi().app)
      .post(CSRS)
      .send(csrObject({ metadata: { ownerReferences } }))
      .expect(201);
    expect(response.body.metadata.ownerReferences).toEqual([owner("1"), owner("2"), owner("1", "other")]);
    expect(response.headers["warning"]).toBe(warning);
  });

  test("a patch is warned of, also when it is refused", async () => {
    const { app } = csrApi({ initial: [request()] });
    const metadata = { ownerReferences: [owner("1"), owner("1")], labels: { "-": "" } };
    const response = await supertest(app)
      .patch(`${CSRS}/csr-1?fieldValidation=Ignore`)
      .set("content-type", MERGE_PATCH)
      .send(JSON.stringify({ metadata, more: 1 }))
      .expect(422);
    expect(response.headers["warning"]).toBe(warning);
  });
});

describe("generation and resourceVersion of a new object", () => {
  test("a generation is kept", async () => {
    const { app } = csrApi();
    const { body } = await supertest(app)
      .post(CSRS)
      .send(csrObject({ metadata: { generation: 7 } }))
      .expect(201);
    expect(body.metadata.generation).toBe(7);
    const replaced = await supertest(app)
      .put(`${CSRS}/csr-1`)
      .send(csrObject({ metadata: { generation: 9 } }))
      .expect(200);
    expect(replaced.body.metadata.generation).toBe(7);
  });

  test.each([
    { resourceVersion: "0", code: 201 },
    { resourceVersion: "x", code: 201 },
    { resourceVersion: "1", code: 400 },
  ])("resourceVersion $resourceVersion is $code", async ({ resourceVersion, code }) => {
    await supertest(csrApi().app)
      .post(CSRS)
      .send(csrObject({ metadata: { resourceVersion } }))
      .expect(code);
  });
});

describe("methods and paths", () => {
  test.each([
    { method: "put", path: CSRS, code: 405 },
    { method: "patch", path: CSRS, code: 405 },
    { method: "post", path: `${CSRS}/csr-1`, code: 405 },
    { method: "post", path: `${CSRS}/csr-1/approval`, code: 405 },
    { method: "delete", path: `${CSRS}/csr-1/approval`, code: 405 },
    { method: "delete", path: `${CSRS}/csr-1/status`, code: 405 },
    { method: "options", path: CSRS, code: 405 },
    { method: "head", path: `${CSRS}?watch=true`, code: 405 },
    { method: "head", path: `${CSRS}/csr-1`, code: 405 },
    { method: "get", path: `${CSRS}/csr-1/scale`, code: 404 },
    { method: "head", path: `${CSRS}/csr-1/scale`, code: 404 },
    { method: "post", path: `${CSRS}/csr-1/scale`, code: 404 },
    { method: "get", path: `${CSRS}/csr-1/constructor`, code: 404 },
    { method: "get", path: `${CSRS}/csr-1/status/more`, code: 404 },
    { method: "get", path: `${CSRS}//csr-1`, code: 404 },
    { method: "get", path: `${CSRS}/a%2Fb`, code: 404 },
    { method: "get", path: `${CSRS}/a%25b`, code: 400 },
    { method: "put", path: `${CSRS}?fieldSelector=metadata.name%3Dcsr-1`, code: 405 },
  ] as const)("$method $path is $code", async ({ method, path, code }) => {
    const { app } = csrApi({ initial: [request()] });
    await supertest(app)[method](path).expect(code);
  });

  test.each([
    { method: "put", path: CSRS, allow: "DELETE, GET, POST" },
    { method: "post", path: `${CSRS}/csr-1`, allow: "DELETE, GET, PATCH, PUT" },
    { method: "head", path: `${CSRS}/csr-1`, allow: "DELETE, GET, PATCH, PUT" },
    { method: "delete", path: `${CSRS}/csr-1/approval`, allow: "GET, PATCH, PUT" },
  ] as const)("$method $path is told what is allowed instead", async ({ method, path, allow }) => {
    const { app } = csrApi({ initial: [request()] });
    await supertest(app)[method](path).expect(405).expect("allow", allow);
  });
});
