import { expect, test } from "@jest/globals";
import { adminOpenApiDocument } from "../../../../services/certificate-authority/http/admin-api/open-api.ts";
import { routes } from "../../../../services/certificate-authority/http/admin-api/routes.ts";
import { routes as attestationRoutes } from "../../../../services/certificate-authority/http/attestation-api/routes.ts";
import { adminApi, NOW } from "./fixture.ts";

type Json = { readonly [key: string]: unknown };
const METHODS = ["get", "post", "put", "patch", "delete"];
const document = adminOpenApiDocument("1.2.3") as {
  readonly info: Json;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Json>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, Json>> };
};

test("every route is described and nothing else is", () => {
  const all = [
    ...routes({ ...adminApi(), clock: { now: () => NOW } }),
    ...attestationRoutes({ attestation: undefined }),
  ];
  const served = all.map(({ method, path }) => `${method.toLowerCase()} ${path.replace(/[:*](\w+)/g, "{$1}")}`);
  const described = Object.entries(document.paths).flatMap(([path, item]) =>
    Object.keys(item)
      .filter((key) => METHODS.includes(key))
      .map((method) => `${method} ${path}`),
  );
  expect(described.sort()).toEqual([...served].sort());
});

test("every reference leads to a schema and every schema is used", () => {
  const text = JSON.stringify(document);
  const referenced = new Set([...text.matchAll(/"#\/components\/schemas\/(\w+)"/g)].map(([, name]) => name));
  expect(referenced).toEqual(new Set(Object.keys(document.components.schemas)));
});

test("path parameters are declared where they stand", () => {
  for (const [path, item] of Object.entries(document.paths)) {
    const names = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => name);
    const declared = ((item["parameters"] ?? []) as unknown as readonly Json[]).map((parameter) => parameter["name"]);
    expect(declared).toEqual(names);
  }
});

test("query parameters come from the schema that checks them", () => {
  const list = document.paths["/v1/certificates"]?.["get"]?.["parameters"] as readonly Json[];
  expect(list.map((parameter) => parameter["name"])).toEqual([
    "node",
    "signer",
    "issuer",
    "san",
    "key",
    "request",
    "state",
    "imported",
    "expiresWithin",
    "expiresBefore",
    "expiresAfter",
    "limit",
    "continue",
  ]);
  expect(list.find((parameter) => parameter["name"] === "limit")?.["schema"]).toEqual({
    type: "integer",
    minimum: 1,
    maximum: 1000,
    default: 100,
  });
});

test("the body of a new token lists its limits", () => {
  const schema = document.components.schemas["NewBootstrapToken"] as { properties: Record<string, Json> };
  expect(schema.properties["ttlSeconds"]).toMatchObject({ type: "integer", minimum: 60, maximum: 31_536_000 });
  expect(document.info["version"]).toBe("1.2.3");
});
