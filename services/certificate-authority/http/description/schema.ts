/**
 * One schema in a form from which both dialects of OpenAPI are rendered. Names of extensions are written without their
 * prefix `x-kubernetes-`.
 */
export interface Schema {
  readonly type?: "object" | "array" | "string" | "integer" | "boolean";
  readonly format?: "byte" | "date-time" | "int32" | "int64";
  readonly description?: string;
  /** Name of another schema; everything but the description is then taken from there. */
  readonly reference?: string;
  readonly items?: Schema;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly additionalProperties?: Schema;
  readonly required?: readonly string[];
  readonly extensions?: Readonly<Record<string, unknown>>;
}

export type Schemas = Readonly<Record<string, Schema>>;

/** Where references point: Swagger 2 or OpenAPI 3. */
export type Dialect = "v2" | "v3";

export type Json = Readonly<Record<string, unknown>>;

/** What Kubernetes calls a kind: it stands on schemas and operations as `x-kubernetes-group-version-kind`. */
export interface GroupVersionKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
}

const REFERENCE_PREFIX: Readonly<Record<Dialect, string>> = { v2: "#/definitions/", v3: "#/components/schemas/" };

export function renderSchema(schema: Schema, dialect: Dialect): Json {
  const { reference, items, properties, additionalProperties, extensions, ...plain } = schema;
  if (reference !== undefined) return renderReference(reference, schema.description, dialect);
  return {
    ...plain,
    ...(items && { items: renderSchema(items, dialect) }),
    ...(properties && { properties: renderSchemas(properties, dialect) }),
    ...(additionalProperties && { additionalProperties: renderSchema(additionalProperties, dialect) }),
    ...renderExtensions(extensions ?? {}),
  };
}

export function renderSchemas(schemas: Schemas, dialect: Dialect): Json {
  return Object.fromEntries(Object.entries(schemas).map(([name, schema]) => [name, renderSchema(schema, dialect)]));
}

export function renderExtensions(extensions: Json): Json {
  return Object.fromEntries(Object.entries(extensions).map(([name, value]) => [`x-kubernetes-${name}`, value]));
}

/** OpenAPI 3.0 ignores what stands beside `$ref`, so a description needs `allOf` around it. */
function renderReference(name: string, description: string | undefined, dialect: Dialect): Json {
  const $ref = `${REFERENCE_PREFIX[dialect]}${name}`;
  if (description === undefined) return { $ref };
  return dialect === "v2" ? { description, $ref } : { description, allOf: [{ $ref }] };
}

export const text = (description: string): Schema => ({ type: "string", description });
export const flag = (description: string): Schema => ({ type: "boolean", description });
export const base64 = (description: string): Schema => ({ type: "string", format: "byte", description });
export const integer = (format: "int32" | "int64", description: string): Schema => ({
  type: "integer",
  format,
  description,
});
export const reference = (name: string, description?: string): Schema => ({
  reference: name,
  ...(description !== undefined && { description }),
});
/** A list that is replaced as a whole unless `extensions` say otherwise. */
export const list = (items: Schema, description: string, extensions: Json = { "list-type": "atomic" }): Schema => ({
  type: "array",
  items,
  description,
  extensions,
});
export const mapOf = (additionalProperties: Schema, description: string): Schema => ({
  type: "object",
  additionalProperties,
  description,
});
export const object = (
  description: string,
  properties: Schemas,
  required: readonly string[] = [],
  kinds: readonly GroupVersionKind[] = [],
): Schema => ({
  type: "object",
  description,
  properties,
  ...(required.length > 0 && { required }),
  ...(kinds.length > 0 && { extensions: { "group-version-kind": kinds } }),
});

/** The two fields that every whole object begins with. */
export const TYPE_FIELDS: Schemas = {
  apiVersion: text("Group and version of this object's schema, for example certificates.k8s.io/v1."),
  kind: text("Kind of this object, in CamelCase. It follows from the endpoint and cannot be changed."),
};
