import { describe, expect, test } from "@jest/globals";
import supertest from "supertest";
import { parse } from "yaml";
import { decodeProtobuf } from "../../../../services/shared/kubernetes/protobuf.ts";
import { CSRS, csrApi, PROTOBUF } from "../../../builders/csr-api.ts";
import { condition, request } from "../../../builders/request.ts";

const TABLE = "application/json;as=Table;v=v1;g=meta.k8s.io";
const TABLE_V1BETA1 = "application/json;as=Table;v=v1beta1;g=meta.k8s.io";
/** What kubectl get sends. */
const KUBECTL = `${TABLE},${TABLE_V1BETA1},application/json`;

const three = () => [
  request({ metadata: { name: "c", labels: { tier: "a" } } }),
  request({ metadata: { name: "a" }, spec: { signerName: "kubernetes.io/kubelet-serving" } }),
  request({ metadata: { name: "b", labels: { tier: "b" } } }),
];
const namesIn = (body: { items: { metadata: { name: string } }[] }) => body.items.map(({ metadata }) => metadata.name);

/** Keeps supertest from guessing what a body is. */
const raw = (test: supertest.Test): supertest.Test =>
  test.buffer(true).parse((response, done) => {
    const chunks: Buffer[] = [];
    response.on("data", (chunk: Buffer) => chunks.push(chunk));
    response.on("end", () => done(null, Buffer.concat(chunks)));
  });

describe("get", () => {
  test.each(["", "/approval", "/status"])("the object at %s", async (subresource) => {
    const { app } = csrApi({ initial: [request()] });
    const { body, headers } = await supertest(app).get(`${CSRS}/csr-1${subresource}`).expect(200);
    expect(headers["content-type"]).toBe("application/json");
    expect(body).toEqual(request());
  });

  test("in protobuf", async () => {
    const { app } = csrApi({ initial: [request()] });
    const response = await raw(supertest(app).get(`${CSRS}/csr-1`))
      .set("accept", PROTOBUF)
      .expect(200);
    expect(response.headers["content-type"]).toBe(PROTOBUF);
    expect(decodeProtobuf(response.body as Buffer).object).toEqual({ ...request(), status: {} });
  });

  test("in YAML that readers of YAML 1.1 understand too", async () => {
    const csr = request({ metadata: { labels: { answer: "yes" } } });
    const { app } = csrApi({ initial: [csr] });
    const response = await raw(supertest(app).get(`${CSRS}/csr-1`))
      .set("accept", "application/yaml")
      .expect(200);
    const text = (response.body as Buffer).toString();
    expect(parse(text)).toEqual(csr);
    expect(text).toContain('answer: "yes"');
    expect(text).toContain('creationTimestamp: "2026-01-01T00:00:00Z"');
  });

  test.each(["application/json", "application/yaml"])("items in %s do not repeat what they are", async (accept) => {
    const { app } = csrApi({ initial: three() });
    const { text } = await supertest(app).get(CSRS).set("accept", accept).buffer(true).expect(200);
    const { kind, items } = parse(text) as { kind: string; items: object[] };
    expect(kind).toBe("CertificateSigningRequestList");
    expect(items.map((item) => Object.keys(item))).toEqual(Array(3).fill(["metadata", "spec", "status"]));
  });

  test.each([
    { path: CSRS, as: "PartialObjectMetadata" },
    { path: `${CSRS}/csr-1`, as: "PartialObjectMetadataList" },
  ])("$path has no form $as", async ({ path, as }) => {
    const { app } = csrApi({ initial: three() });
    await supertest(app).get(path).set("accept", `application/json;as=${as};v=v1;g=meta.k8s.io`).expect(406);
  });

  test("only the metadata", async () => {
    const { app } = csrApi({ initial: [request()] });
    const accept = "application/json;as=PartialObjectMetadata;v=v1;g=meta.k8s.io";
    const { body } = await supertest(app).get(`${CSRS}/csr-1`).set("accept", accept).expect(200);
    expect(body).toEqual({ kind: "PartialObjectMetadata", apiVersion: "meta.k8s.io/v1", metadata: request().metadata });
  });

  test("names that need escapes", async () => {
    const name = "node-csr-Ab_c:d é";
    const { app } = csrApi({ initial: [request({ metadata: { name } })] });
    const { body } = await supertest(app)
      .get(`${CSRS}/${encodeURIComponent(name)}`)
      .expect(200);
    expect(body.metadata.name).toBe(name);
  });

  test.each([
    { query: "?resourceVersion=0", code: 200 },
    { query: "?resourceVersion=1", code: 200 },
    { query: "?resourceVersion=2", code: 504 },
    { query: "?resourceVersion=x", code: 400 },
  ])("$query is $code", async ({ query, code }) => {
    const { app } = csrApi({ initial: [request()] });
    await supertest(app).get(`${CSRS}/csr-1${query}`).expect(code);
  });

  test("what is not there", async () => {
    const { app } = csrApi();
    const { body } = await supertest(app).get(`${CSRS}/csr-1`).expect(404);
    expect(body).toEqual({
      kind: "Status",
      apiVersion: "v1",
      metadata: {},
      status: "Failure",
      message: 'certificatesigningrequests.certificates.k8s.io "csr-1" not found',
      reason: "NotFound",
      details: { name: "csr-1", group: "certificates.k8s.io", kind: "certificatesigningrequests" },
      code: 404,
    });
  });
});

describe("list", () => {
  test("nothing is an empty list", async () => {
    const { app } = csrApi();
    const { text } = await supertest(app).get(CSRS).expect(200);
    expect(text).toBe(
      '{"kind":"CertificateSigningRequestList","apiVersion":"certificates.k8s.io/v1","metadata":{"resourceVersion":"0"},"items":[]}\n',
    );
  });

  test("everything, in name order, at a revision", async () => {
    const { app } = csrApi({ initial: three() });
    const { body } = await supertest(app).get(`${CSRS}?limit=1`).expect(200);
    expect(namesIn(body)).toEqual(["a", "b", "c"]);
    expect(body.metadata).toEqual({ resourceVersion: "3" });
  });

  test("in protobuf", async () => {
    const { app } = csrApi({ initial: three() });
    const response = await raw(supertest(app).get(CSRS)).set("accept", `${PROTOBUF},application/json`).expect(200);
    const { kind, object } = decodeProtobuf(response.body as Buffer);
    expect(kind).toBe("CertificateSigningRequestList");
    expect(namesIn(object as unknown as Parameters<typeof namesIn>[0])).toEqual(["a", "b", "c"]);
    expect(object["metadata"]).toEqual({ resourceVersion: "3" });
  });

  test.each([
    { query: "fieldSelector=metadata.name%3Db", names: ["b"] },
    { query: "fieldSelector=metadata.name%3D%3Db", names: ["b"] },
    { query: "fieldSelector=metadata.name%21%3Db", names: ["a", "c"] },
    { query: "fieldSelector=metadata.name%3Db,metadata.name%3Dc", names: [] },
    { query: "fieldSelector=metadata.name%3Dzz", names: [] },
    { query: "fieldSelector=metadata.name%3D", names: [] },
    { query: "fieldSelector=spec.signerName%3Dkubernetes.io/kubelet-serving", names: ["a"] },
    { query: "fieldSelector=metadata.name%3Da,spec.signerName%21%3Dkubernetes.io/kubelet-serving", names: [] },
    { query: "labelSelector=tier", names: ["b", "c"] },
    { query: "labelSelector=tier%20in%20(a)", names: ["c"] },
    { query: "labelSelector=!tier", names: ["a"] },
    { query: "labelSelector=tier%3Da&fieldSelector=metadata.name%3Db", names: [] },
    { query: "labelSelector=&fieldSelector=", names: ["a", "b", "c"] },
  ])("$query selects $names", async ({ query, names }) => {
    const { app } = csrApi({ initial: three() });
    const { body } = await supertest(app).get(`${CSRS}?${query}`).expect(200);
    expect(namesIn(body)).toEqual(names);
  });

  test.each([
    { query: "fieldSelector=status.certificate%3Da", code: 400, reason: "BadRequest" },
    { query: "fieldSelector=metadata.name", code: 400, reason: "BadRequest" },
    { query: "labelSelector=a%20b", code: 400, reason: "BadRequest" },
    { query: "limit=many", code: 400, reason: "BadRequest" },
    { query: "timeoutSeconds=soon", code: 400, reason: "BadRequest" },
    { query: "continue=abc", code: 400, reason: "BadRequest" },
    { query: "resourceVersion=abc", code: 400, reason: "BadRequest" },
    { query: "resourceVersion=-1", code: 400, reason: "BadRequest" },
    { query: "resourceVersion=4", code: 504, reason: "Timeout" },
    { query: "resourceVersion=18446744073709551615", code: 504, reason: "Timeout" },
    { query: "resourceVersion=18446744073709551616", code: 400, reason: "BadRequest" },
    { query: "limit=", code: 400, reason: "BadRequest" },
    { query: "resourceVersion=2&resourceVersionMatch=Exact", code: 410, reason: "Expired" },
    { query: "resourceVersionMatch=Exact", code: 422, reason: "Invalid" },
    { query: "resourceVersion=3&resourceVersionMatch=Newest", code: 422, reason: "Invalid" },
    { query: "resourceVersion=0&resourceVersionMatch=Exact", code: 422, reason: "Invalid" },
    { query: "resourceVersion=3&resourceVersionMatch=NotOlderThan&continue=x", code: 422, reason: "Invalid" },
    {
      query: "sendInitialEvents=true&resourceVersionMatch=NotOlderThan&resourceVersion=0",
      code: 422,
      reason: "Invalid",
    },
  ])("$query is $code", async ({ query, code, reason }) => {
    const { app } = csrApi({ initial: three() });
    const { body } = await supertest(app).get(`${CSRS}?${query}`).expect(code);
    expect(body.reason).toBe(reason);
  });

  test("a state of the future names its cause", async () => {
    const { app } = csrApi({ initial: three() });
    const { body, headers } = await supertest(app).get(`${CSRS}?resourceVersion=9`).expect(504);
    expect(body.details).toEqual({
      retryAfterSeconds: 1,
      causes: [{ reason: "ResourceVersionTooLarge", message: "Too large resource version" }],
    });
    expect(headers["retry-after"]).toBe("1");
  });

  test.each([
    "resourceVersion=0",
    "resourceVersion=1",
    "resourceVersion=3",
    "resourceVersion=1&resourceVersionMatch=NotOlderThan",
    "resourceVersion=3&resourceVersionMatch=Exact",
    "watch=false",
    "timeout=7m19s",
  ])("%s is the newest state", async (query) => {
    const { app } = csrApi({ initial: three() });
    const { body } = await supertest(app).get(`${CSRS}?${query}`).expect(200);
    expect(body.metadata).toEqual({ resourceVersion: "3" });
  });

  test("a long list arrives whole", async () => {
    const message = "x".repeat(10_000);
    const initial = Array.from({ length: 400 }, (_, i) =>
      request({ metadata: { name: `csr-${1000 + i}` }, status: { conditions: [condition("Approved", { message })] } }),
    );
    const { app } = csrApi({ initial });
    const { body, headers } = await supertest(app).get(CSRS).expect(200);
    expect(headers["content-length"]).toBeUndefined();
    expect(namesIn(body)).toEqual(initial.map(({ metadata }) => metadata.name));
  });

  test("only the metadata", async () => {
    const { app } = csrApi({ initial: three() });
    const accept = `${PROTOBUF};as=PartialObjectMetadataList;v=v1;g=meta.k8s.io`;
    const response = await raw(supertest(app).get(CSRS)).set("accept", accept).expect(200);
    const { kind, object } = decodeProtobuf(response.body as Buffer);
    expect(kind).toBe("PartialObjectMetadataList");
    expect(Object.keys((object["items"] as object[])[0] ?? {})).toEqual(["metadata"]);
  });
});

describe("tables", () => {
  const states = () => [
    request({ metadata: { name: "a", creationTimestamp: "2026-01-02T03:00:00Z" }, spec: { expirationSeconds: 3600 } }),
    request({ metadata: { name: "b" }, status: { conditions: [condition("Approved")], certificate: "YQ==" } }),
    request({ metadata: { name: "c" }, status: { conditions: [condition("Denied"), condition("Failed")] } }),
    request({ metadata: { name: "d" }, status: { conditions: [condition("Approved"), condition("Failed")] } }),
    request({ metadata: { name: "e" }, status: { conditions: [condition("Custom")] } }),
  ];
  const SIGNER = "kubernetes.io/kube-apiserver-client-kubelet";
  const USER = "system:bootstrap:abcdef";

  test("what kubectl get prints", async () => {
    const { app } = csrApi({ initial: states() });
    const { body, headers } = await supertest(app).get(`${CSRS}?limit=500`).set("accept", KUBECTL).expect(200);
    expect(headers["content-type"]).toBe("application/json");
    expect(body).toMatchObject({ kind: "Table", apiVersion: "meta.k8s.io/v1", metadata: { resourceVersion: "5" } });
    expect(body.columnDefinitions.map((column: object) => ({ ...column, description: "" }))).toEqual(
      ["Name", "Age", "SignerName", "Requestor", "RequestedDuration", "Condition"].map((name) => {
        return { name, type: "string", format: name === "Name" ? "name" : "", description: "", priority: 0 };
      }),
    );
    expect(body.rows.map(({ cells }: { cells: string[] }) => cells)).toEqual([
      ["a", "4m5s", SIGNER, USER, "60m", "Pending"],
      ["b", "27h", SIGNER, USER, "<none>", "Approved,Issued"],
      ["c", "27h", SIGNER, USER, "<none>", "Denied,Failed"],
      ["d", "27h", SIGNER, USER, "<none>", "Approved,Failed"],
      ["e", "27h", SIGNER, USER, "<none>", "Pending"],
    ]);
  });

  test.each([
    {
      query: "",
      object: { kind: "PartialObjectMetadata", apiVersion: "meta.k8s.io/v1", metadata: request().metadata },
    },
    {
      query: "?includeObject=Metadata",
      object: { kind: "PartialObjectMetadata", apiVersion: "meta.k8s.io/v1", metadata: request().metadata },
    },
    { query: "?includeObject=Object", object: request() },
    { query: "?includeObject=None", object: null },
  ])("rows carry what includeObject says: $query", async ({ query, object }) => {
    const { app } = csrApi({ initial: [request()] });
    for (const path of [CSRS, `${CSRS}/csr-1`]) {
      const { body } = await supertest(app)
        .get(path + query)
        .set("accept", TABLE)
        .expect(200);
      expect(body.rows).toEqual([{ cells: expect.anything(), object }]);
      expect(body.metadata).toEqual({ resourceVersion: "1" });
    }
  });

  test("includeObject knows no other value, and matters to tables only", async () => {
    const { app } = csrApi({ initial: [request()] });
    await supertest(app).get(`${CSRS}?includeObject=All`).set("accept", TABLE).expect(400);
    await supertest(app).get(`${CSRS}?includeObject=All`).expect(200);
  });

  test("the older version when that is asked for", async () => {
    const { app } = csrApi({ initial: [request()] });
    const { body } = await supertest(app).get(CSRS).set("accept", TABLE_V1BETA1).expect(200);
    expect(body).toMatchObject({
      apiVersion: "meta.k8s.io/v1beta1",
      rows: [{ object: { apiVersion: "meta.k8s.io/v1beta1" } }],
    });
  });
});

test.each(["text/html", "application/cbor", `${PROTOBUF};as=Table;v=v1;g=meta.k8s.io`])(
  "Accept %s is 406",
  async (accept) => {
    const { app } = csrApi({ initial: [request()] });
    for (const path of [CSRS, `${CSRS}/csr-1`, `${CSRS}?watch=1`]) {
      const { body } = await supertest(app).get(path).set("accept", accept).expect(406);
      expect(body.reason).toBe("NotAcceptable");
    }
  },
);
