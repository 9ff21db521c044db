import { META } from "./meta-schemas.ts";
import { type Operation, operationsOf, type Parameter, renderPaths } from "./operations.ts";
import { type Json, renderExtensions, renderSchema, renderSchemas, type Schema, type Schemas } from "./schema.ts";
import type { ServedGroupVersion } from "./served-resources.ts";

/** The OpenAPI 3.0 document of one group and version, with the schemas that it refers to and no others. */
export function openApiV3(served: ServedGroupVersion, schemas: Schemas, version: string): Json {
  const operations = operationsOf(served);
  return {
    openapi: "3.0.0",
    info: { title: "Gatehouse", version },
    paths: renderPaths(operations, renderOperation),
    components: { schemas: renderSchemas(reachable(operations, schemas), "v3") },
  };
}

function renderOperation(operation: Operation): Json {
  const { operationId, description, parameters, body, answers, kind, action } = operation;
  return {
    tags: [kind === undefined ? "discovery" : `${kind.group || "core"}_${kind.version}`],
    description,
    operationId,
    parameters: parameters.map(renderParameter),
    ...(body && { requestBody: { required: body.required, content: contentOf(body.mediaTypes, body.schema) } }),
    responses: {
      ...responsesOf(answers),
      default: { description: "What was wrong", content: contentOf(JSON_ONLY, META.status) },
    },
    ...renderExtensions({ ...(action && { action }), ...(kind && { "group-version-kind": kind }) }),
  };
}

function renderParameter({ name, in: location, schema }: Parameter): Json {
  const { description, ...plain } = schema;
  return { name, in: location, description, ...(location === "path" && { required: true }), schema: plain };
}

const JSON_ONLY = ["application/json"];

function responsesOf(answers: Operation["answers"]): Json {
  return Object.fromEntries(
    Object.entries(answers).map(([code, schema]) => [
      code,
      { description: code === "201" ? "Created" : "OK", content: contentOf(JSON_ONLY, schema) },
    ]),
  );
}

function contentOf(mediaTypes: readonly string[], schema: string): Json {
  return Object.fromEntries(
    mediaTypes.map((mediaType) => [mediaType, { schema: renderSchema({ reference: schema }, "v3") }]),
  );
}

/** The schemas that operations use, and those that these use in turn. */
function reachable(operations: readonly Operation[], schemas: Schemas): Schemas {
  const found = new Map<string, Schema>();
  const visit = (name: string): void => {
    const schema = schemas[name];
    if (schema === undefined || found.has(name)) return;
    found.set(name, schema);
    for (const next of referencesOf(schema)) visit(next);
  };
  visit(META.status);
  for (const { body, answers } of operations) {
    for (const name of [...Object.values(answers), ...(body === undefined ? [] : [body.schema])]) visit(name);
  }
  return Object.fromEntries([...found].sort(([a], [b]) => (a < b ? -1 : 1)));
}

function referencesOf({ reference, items, additionalProperties, properties = {} }: Schema): readonly string[] {
  const inner = [items, additionalProperties, ...Object.values(properties)].flatMap((schema) =>
    schema === undefined ? [] : referencesOf(schema),
  );
  return reference === undefined ? inner : [reference, ...inner];
}
