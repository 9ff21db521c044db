import protobuf from "protobufjs";
import type { Json } from "./schema.ts";

/**
 * The media type of Swagger 2 in protobuf, and what kubectl asks for in its place, which Go itself cannot parse.
 * Source: kubernetes/kube-openapi pkg/handler/handler.go.
 */
export const OPEN_API_V2_PROTOBUF = "application/com.github.proto-openapi.spec.v2.v1.0+protobuf";
export const OPEN_API_V2_PROTOBUF_ASKED = "application/com.github.proto-openapi.spec.v2@v1.0+protobuf";

/**
 * The messages of gnostic's protobuf form of Swagger 2, as far as our document needs them. Maps are lists of named
 * values; what begins with `x-` is YAML text, of which JSON is a part.
 *
 * Source for names and numbers: google/gnostic openapiv2/OpenAPIv2.proto.
 */
const MESSAGES = protobuf.parse(
  `syntax = "proto3";
  message Any { string yaml = 2; }
  message NamedAny { string name = 1; Any value = 2; }
  message Info { string title = 1; string version = 2; }
  message TypeItem { repeated string value = 1; }
  message ItemsItem { repeated Schema schema = 1; }
  message NamedSchema { string name = 1; Schema value = 2; }
  message SchemaMap { repeated NamedSchema additional_properties = 1; }
  message AdditionalPropertiesItem { Schema schema = 1; }
  message Schema {
    string _ref = 1; string format = 2; string description = 4; repeated string required = 19;
    AdditionalPropertiesItem additional_properties = 21; TypeItem type = 22; ItemsItem items = 23;
    SchemaMap properties = 25; repeated NamedAny vendor_extension = 31;
  }
  message BodyParameter { string name = 2; string in = 3; bool required = 4; Schema schema = 5; }
  message QueryParameter { string in = 2; string description = 3; string name = 4; string type = 6; string format = 7; }
  message PathParameter {
    bool required = 1; string in = 2; string description = 3; string name = 4; string type = 5; string format = 6;
  }
  message NonBodyParameter { QueryParameter query = 3; PathParameter path = 4; }
  message Parameter { BodyParameter body = 1; NonBodyParameter non_body = 2; }
  message ParametersItem { Parameter parameter = 1; }
  message SchemaItem { Schema schema = 1; }
  message Response { string description = 1; SchemaItem schema = 2; }
  message ResponseValue { Response response = 1; }
  message NamedResponseValue { string name = 1; ResponseValue value = 2; }
  message Responses { repeated NamedResponseValue response_code = 1; }
  message Operation {
    repeated string tags = 1; string description = 3; string operation_id = 5; repeated string produces = 6;
    repeated string consumes = 7; repeated ParametersItem parameters = 8; Responses responses = 9;
    repeated NamedAny vendor_extension = 13;
  }
  message PathItem { Operation get = 2; Operation put = 3; Operation post = 4; Operation delete = 5; Operation patch = 8; }
  message NamedPathItem { string name = 1; PathItem value = 2; }
  message Paths { repeated NamedPathItem path = 2; }
  message Document { string swagger = 1; Info info = 2; Paths paths = 8; SchemaMap definitions = 9; }`,
  { keepCase: true },
).root;

/** @param document - as `openApiV2` makes it. */
export function encodeOpenApiV2(document: Json): Buffer {
  const type = MESSAGES.lookupType("Document");
  const message = {
    swagger: document["swagger"],
    info: document["info"],
    paths: {
      path: namedOf(document["paths"], (methods) =>
        Object.fromEntries(entriesOf(methods).map(([method, value]) => [method, operationOf(value as Json)])),
      ),
    },
    definitions: { additional_properties: namedOf(document["definitions"], schemaOf) },
  };
  return Buffer.from(type.encode(type.fromObject(message)).finish());
}

function operationOf(operation: Json): Json {
  const parameters = operation["parameters"] as readonly Json[];
  return {
    ...operation,
    operation_id: operation["operationId"],
    parameters: parameters.map((parameter) => ({ parameter: parameterOf(parameter) })),
    responses: {
      response_code: namedOf(operation["responses"], ({ description, schema }) => ({
        response: { description, schema: { schema: schemaOf(schema as Json) } },
      })),
    },
    vendor_extension: vendorExtensionsOf(operation),
  };
}

function parameterOf(parameter: Json): Json {
  const location = parameter["in"];
  if (location === "body") return { body: { ...parameter, schema: schemaOf(parameter["schema"] as Json) } };
  return { non_body: location === "path" ? { path: parameter } : { query: parameter } };
}

function schemaOf(schema: Json): Json {
  const { $ref, type, items, properties, additionalProperties, format, description, required } = schema;
  return {
    ...{ format, description, required },
    ...($ref !== undefined && { _ref: $ref }),
    ...(type !== undefined && { type: { value: [type] } }),
    ...(items !== undefined && { items: { schema: [schemaOf(items as Json)] } }),
    ...(properties !== undefined && { properties: { additional_properties: namedOf(properties, schemaOf) } }),
    ...(additionalProperties !== undefined && {
      additional_properties: { schema: schemaOf(additionalProperties as Json) },
    }),
    vendor_extension: vendorExtensionsOf(schema),
  };
}

function vendorExtensionsOf(owner: Json): readonly Json[] {
  const extensions = Object.entries(owner).filter(([name]) => name.startsWith("x-"));
  return extensions.map(([name, value]) => ({ name, value: { yaml: `${JSON.stringify(value)}\n` } }));
}

function namedOf(values: unknown, convert: (value: Json) => Json): readonly Json[] {
  return entriesOf(values).map(([name, value]) => ({ name, value: convert(value as Json) }));
}

function entriesOf(value: unknown): readonly (readonly [string, unknown])[] {
  return Object.entries(value as Json);
}
