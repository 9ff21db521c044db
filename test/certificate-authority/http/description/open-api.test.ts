import { expect, test } from "@jest/globals";
import request from "supertest";
import { routes } from "../../../../services/certificate-authority/http/description/routes.ts";
import { SERVED } from "../../../../services/certificate-authority/http/description/served-resources.ts";
import { appOf } from "../../../builders/edge.ts";

const OWN = { path: "v1", document: { openapi: "3.0.0", info: { title: "own", version: "1" }, paths: {} } };
const app = appOf(routes({ version: "1.2.3", additionalDocuments: [OWN] }));
const GROUP_VERSIONS = ["api/v1", ...SERVED.map(({ group, version }) => `apis/${group}/${version}`)];
const CSR = "io.k8s.api.certificates.v1.CertificateSigningRequest";
const COLLECTION = "/apis/certificates.k8s.io/v1/certificatesigningrequests";
const CSR_KIND = { group: "certificates.k8s.io", version: "v1", kind: "CertificateSigningRequest" };

interface Operation {
  readonly operationId: string;
  readonly parameters: readonly { readonly name: string; readonly in: string }[];
  readonly requestBody?: { readonly content: Readonly<Record<string, unknown>> };
  readonly consumes?: readonly string[];
}

interface SchemaObject {
  readonly type?: string;
  readonly format?: string;
  readonly description?: string;
  readonly required?: readonly string[];
  readonly properties?: Readonly<Record<string, SchemaObject>>;
  readonly [key: string]: unknown;
}

interface Document {
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, SchemaObject>> };
  readonly definitions: Readonly<Record<string, SchemaObject>>;
}

async function fetchDocument(path: string): Promise<Document> {
  return (await request(app).get(path).expect(200).expect("content-type", "application/json")).body as Document;
}

const indexPaths = async (): Promise<Readonly<Record<string, { serverRelativeURL: string }>>> =>
  (await request(app).get("/openapi/v3").expect(200)).body.paths;

test("the index names every document, ours included, each by the hash of its content", async () => {
  const paths = await indexPaths();
  expect(Object.keys(paths)).toEqual([...GROUP_VERSIONS, "v1"]);
  for (const [path, { serverRelativeURL }] of Object.entries(paths)) {
    expect(serverRelativeURL).toMatch(new RegExp(`^/openapi/v3/${path}\\?hash=[0-9A-F]{32}$`));
    const response = await request(app).get(serverRelativeURL).expect(200);
    expect(response.headers["cache-control"]).toBe("private, immutable, max-age=31536000");
    expect(response.headers["etag"]).toBe(`"${serverRelativeURL.split("=").at(-1)}"`);
  }
});

test("a document is kept for good only under its own hash", async () => {
  for (const path of ["/openapi/v3/v1", "/openapi/v3/v1?hash=0123"]) {
    const { headers } = await request(app).get(path).expect(200);
    expect(headers["cache-control"]).toBe("no-cache, private");
  }
});

test.each(["/openapi/v3", "/openapi/v3/apis/certificates.k8s.io/v1", "/openapi/v2", "/apis", "/version"])(
  "%s need not be sent twice",
  async (path) => {
    const { headers } = await request(app).get(path).expect(200);
    const again = await request(app).get(path).set("if-none-match", `${headers["etag"]}`).expect(304);
    expect(again.text).toBe("");
    await request(app).get(path).set("if-none-match", '"other"').expect(200);
  },
);

test("an additional document is served as it is", async () => {
  expect(await fetchDocument("/openapi/v3/v1")).toEqual(OWN.document);
});

test("the document changes its hash with the version", async () => {
  const other = (await request(appOf(routes({ version: "1.2.4" }))).get("/openapi/v3")).body.paths;
  const [path = ""] = GROUP_VERSIONS;
  expect(other[path].serverRelativeURL).not.toBe((await indexPaths())[path]?.serverRelativeURL);
});

test("kubectl finds that PATCH takes fieldValidation and dryRun, and strategic merge patches", async () => {
  const { paths } = await fetchDocument("/openapi/v3/apis/certificates.k8s.io/v1");
  for (const path of [`${COLLECTION}/{name}`, `${COLLECTION}/{name}/approval`, `${COLLECTION}/{name}/status`]) {
    const patch = paths[path]?.["patch"];
    expect(patch).toMatchObject({ "x-kubernetes-group-version-kind": CSR_KIND, "x-kubernetes-action": "patch" });
    const names = patch?.parameters.map(({ name, in: location }) => `${location}:${name}`);
    expect(names).toEqual(expect.arrayContaining(["path:name", "query:fieldValidation", "query:dryRun"]));
    expect(Object.keys(patch?.requestBody?.content ?? {})).toEqual([
      "application/json-patch+json",
      "application/merge-patch+json",
      "application/strategic-merge-patch+json",
    ]);
  }
});

test("every verb of discovery has its operation and no other", async () => {
  const { paths } = await fetchDocument("/openapi/v3/apis/certificates.k8s.io/v1");
  const methods = Object.entries(paths).map(([path, operations]) => [path, Object.keys(operations).toSorted().join()]);
  expect(Object.fromEntries(methods)).toEqual({
    "/apis/certificates.k8s.io/v1/": "get",
    [COLLECTION]: "delete,get,post",
    [`${COLLECTION}/{name}`]: "delete,get,patch,put",
    [`${COLLECTION}/{name}/approval`]: "get,patch,put",
    [`${COLLECTION}/{name}/status`]: "get,patch,put",
  });
});

test("the schema of a request says what Kubernetes' own says", async () => {
  const { schemas } = (await fetchDocument("/openapi/v3/apis/certificates.k8s.io/v1")).components;
  expect(schemas[CSR]).toMatchObject({ required: ["spec"], "x-kubernetes-group-version-kind": [CSR_KIND] });
  expect(schemas[`${CSR}Spec`]?.required).toEqual(["request", "signerName", "usages"]);
  const types = Object.entries(schemas[`${CSR}Spec`]?.properties ?? {}).map(([name, { type, format }]) => [
    name,
    format === undefined ? type : `${type} ${format}`,
  ]);
  expect(Object.fromEntries(types)).toEqual({
    request: "string byte",
    signerName: "string",
    expirationSeconds: "integer int32",
    usages: "array",
    username: "string",
    uid: "string",
    groups: "array",
    extra: "object",
  });
  expect(schemas[`${CSR}Spec`]?.properties?.["usages"]?.["x-kubernetes-list-type"]).toBe("atomic");
  expect(schemas[`${CSR}Status`]?.properties?.["conditions"]).toMatchObject({
    "x-kubernetes-list-type": "map",
    "x-kubernetes-list-map-keys": ["type"],
  });
  const meta = schemas["io.k8s.apimachinery.pkg.apis.meta.v1.ObjectMeta"]?.properties;
  expect(meta?.["finalizers"]?.["x-kubernetes-patch-strategy"]).toBe("merge");
  expect(meta?.["ownerReferences"]?.["x-kubernetes-patch-merge-key"]).toBe("uid");
});

test.each([...GROUP_VERSIONS.map((path) => `/openapi/v3/${path}`), "/openapi/v2"])(
  "%s is whole: every reference resolves, every name is used, ids are unique, everything is described",
  async (path) => {
    const document = await fetchDocument(path);
    const isV2 = path.endsWith("v2");
    const schemas = isV2 ? document.definitions : document.components.schemas;
    const prefix = isV2 ? "#/definitions/" : "#/components/schemas/";
    const references = new Set(
      JSON.stringify(document)
        .match(/"\$ref":"[^"]+"/g)
        ?.map((match) => match.slice(8, -1)),
    );
    expect([...references].toSorted()).toEqual([...referencedNames(schemas, document)].map((name) => prefix + name));
    const ids = Object.values(document.paths).flatMap((methods) =>
      Object.values(methods).map(({ operationId }) => operationId),
    );
    expect(new Set(ids).size).toBe(ids.length);
    for (const [name, schema] of Object.entries(schemas)) {
      expect({ name, description: schema.description }).toEqual({ name, description: expect.stringMatching(/\.$/) });
      for (const [field, { description }] of Object.entries(schema.properties ?? {})) {
        expect({ name, field, description }).toEqual({ name, field, description: expect.stringMatching(/[.*]$/) });
      }
    }
  },
);

/** The names of all schemas, each of which something in the document refers to. */
function referencedNames(schemas: Document["definitions"], document: Document): readonly string[] {
  const serialized = JSON.stringify(document);
  const names = Object.keys(schemas).filter((name) => serialized.includes(`/${name}"`));
  expect(names).toEqual(Object.keys(schemas));
  return names.toSorted();
}
