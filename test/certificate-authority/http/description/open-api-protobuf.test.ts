import { expect, test } from "@jest/globals";
import protobuf from "protobufjs";
import request from "supertest";
import { routes } from "../../../../services/certificate-authority/http/description/routes.ts";
import { appOf } from "../../../builders/edge.ts";

const app = appOf(routes({ version: "1.2.3" }));
const CSR = "io.k8s.api.certificates.v1.CertificateSigningRequest";

interface Field {
  readonly number: number;
  readonly value: Uint8Array | number;
}

/** Reads protobuf without a schema, so that the field numbers are checked against gnostic's and not against our own. */
function fieldsOf(bytes: Uint8Array): readonly Field[] {
  const reader = protobuf.Reader.create(bytes);
  const fields: Field[] = [];
  while (reader.pos < reader.len) {
    const tag = reader.uint32();
    fields.push({ number: tag >>> 3, value: (tag & 7) === 2 ? reader.bytes() : reader.uint32() });
  }
  return fields;
}

function messages(bytes: Uint8Array, number: number): readonly Uint8Array[] {
  return fieldsOf(bytes).flatMap(({ number: candidate, value }) =>
    candidate === number && typeof value !== "number" ? [value] : [],
  );
}

function only(bytes: Uint8Array, ...path: readonly number[]): Uint8Array {
  return path.reduce((message, number) => {
    const [found] = messages(message, number);
    if (found === undefined) throw new Error(`field ${number} is missing`);
    return found;
  }, bytes);
}

const text = (bytes: Uint8Array): string => Buffer.from(bytes).toString();

/** Value of the entry called `name` in a list of named values. */
function named(bytes: Uint8Array, listNumber: number, name: string): Uint8Array {
  const entry = messages(bytes, listNumber).find((candidate) => text(only(candidate, 1)) === name);
  if (entry === undefined) throw new Error(`${name} is missing`);
  return only(entry, 2);
}

async function fetchProtobuf(accept: string): Promise<Uint8Array> {
  const response = await request(app).get("/openapi/v2").set("accept", accept).responseType("blob").expect(200);
  // Go cannot parse the type that kubectl asks for, so the answer bears another.
  expect(response.headers["content-type"]).toBe("application/com.github.proto-openapi.spec.v2.v1.0+protobuf");
  return response.body as Buffer;
}

test.each(["v2@v1.0", "v2.v1.0"])("Swagger 2 is served in protobuf for %s", async (version) => {
  const document = await fetchProtobuf(`application/com.github.proto-openapi.spec.${version}+protobuf`);
  expect(text(only(document, 1))).toBe("2.0");
  expect(text(only(document, 2, 1))).toBe("Gatehouse");
});

test("a definition carries what kubectl looks for", async () => {
  const document = await fetchProtobuf("application/com.github.proto-openapi.spec.v2@v1.0+protobuf");
  const schema = named(only(document, 9), 1, CSR);
  expect(text(only(schema, 4))).toContain("Asks a signer");
  expect(messages(schema, 19).map(text)).toEqual(["spec"]);
  expect(text(only(schema, 22, 1))).toBe("object");
  const kind = { group: "certificates.k8s.io", version: "v1", kind: "CertificateSigningRequest" };
  const extension = named(schema, 31, "x-kubernetes-group-version-kind");
  expect(JSON.parse(text(only(extension, 2)))).toEqual([kind]);
  const properties = only(schema, 25);
  expect(text(only(named(properties, 1, "spec"), 1))).toBe(`#/definitions/${CSR}Spec`);
  const spec = only(named(only(document, 9), 1, `${CSR}Spec`), 25);
  expect(text(only(named(spec, 1, "request"), 2))).toBe("byte");
  expect(text(only(named(spec, 1, "usages"), 23, 1, 22, 1))).toBe("string");
  expect(text(only(named(spec, 1, "extra"), 21, 1, 22, 1))).toBe("array");
});

test("the PATCH operation shows its kind and its parameters", async () => {
  const document = await fetchProtobuf("application/com.github.proto-openapi.spec.v2@v1.0+protobuf");
  const path = "/apis/certificates.k8s.io/v1/certificatesigningrequests/{name}";
  const patch = only(named(only(document, 8), 2, path), 8);
  expect(messages(patch, 7).map(text)).toContain("application/strategic-merge-patch+json");
  expect(text(only(named(patch, 13, "x-kubernetes-group-version-kind"), 2))).toContain("CertificateSigningRequest");
  const nonBody = messages(patch, 8).flatMap((item) => messages(only(item, 1), 2));
  const queryNames = nonBody.flatMap((parameter) => messages(parameter, 3)).map((query) => text(only(query, 4)));
  expect(queryNames).toEqual(["pretty", "dryRun", "fieldManager", "fieldValidation", "force"]);
  const [name] = nonBody.flatMap((parameter) => messages(parameter, 4));
  expect(name && text(only(name, 4))).toBe("name");
  const [body] = messages(patch, 8).flatMap((item) => messages(only(item, 1), 1));
  expect(body && text(only(body, 5, 1))).toBe("#/definitions/io.k8s.apimachinery.pkg.apis.meta.v1.Patch");
  expect(text(only(named(only(patch, 9), 1, "200"), 1, 2, 1, 1))).toBe(`#/definitions/${CSR}`);
});
