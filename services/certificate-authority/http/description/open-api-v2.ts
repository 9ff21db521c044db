import { META } from "./meta-schemas.ts";
import { OBJECT_TYPES, type Operation, operationsOf, type Parameter, renderPaths } from "./operations.ts";
import { type Json, renderExtensions, renderSchema, renderSchemas, type Schemas } from "./schema.ts";
import type { ServedGroupVersion } from "./served-resources.ts";

/** The Swagger 2.0 document of everything that is served. */
export function openApiV2(served: readonly ServedGroupVersion[], schemas: Schemas, version: string): Json {
  return {
    swagger: "2.0",
    info: { title: "Gatehouse", version },
    paths: renderPaths(served.flatMap(operationsOf), renderOperation),
    definitions: renderSchemas(schemas, "v2"),
  };
}

function renderOperation(operation: Operation): Json {
  const { operationId, description, parameters, body, answers, kind, action } = operation;
  const bodyParameter = body && { name: "body", in: "body", required: body.required, schema: refer(body.schema) };
  return {
    tags: [kind === undefined ? "discovery" : `${kind.group || "core"}_${kind.version}`],
    description,
    operationId,
    consumes: body?.mediaTypes ?? OBJECT_TYPES,
    produces: ["application/json"],
    parameters: [...(bodyParameter ? [bodyParameter] : []), ...parameters.map(renderParameter)],
    responses: { ...responsesOf(answers), default: { description: "What was wrong", schema: refer(META.status) } },
    ...renderExtensions({ ...(action && { action }), ...(kind && { "group-version-kind": kind }) }),
  };
}

function renderParameter({ name, in: location, schema }: Parameter): Json {
  const { type, format, description } = schema;
  return {
    name,
    in: location,
    description,
    ...(location === "path" && { required: true }),
    type,
    ...(format && { format }),
  };
}

function responsesOf(answers: Operation["answers"]): Json {
  return Object.fromEntries(
    Object.entries(answers).map(([code, schema]) => [
      code,
      { description: code === "201" ? "Created" : "OK", schema: refer(schema) },
    ]),
  );
}

function refer(schema: string): Json {
  return renderSchema({ reference: schema }, "v2");
}
