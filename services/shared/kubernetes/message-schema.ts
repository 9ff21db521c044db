import protobuf from "protobufjs";
import { WIRE_MESSAGES } from "./wire-messages.ts";

/**
 * What a field holds. `strings` is a message that JSON writes as a list of strings, `dropped` one that is accepted and
 * not kept.
 */
export type FieldKind = "string" | "bytes" | "bool" | "int32" | "int64" | "time" | "strings" | "dropped" | "message";

export interface FieldSchema {
  /** The JSON name. */
  readonly name: string;
  /** Field number and wire type as protobuf writes them before the value. */
  readonly key: number;
  readonly kind: FieldKind;
  readonly shape: "single" | "list" | "map";
  /** The fields of a `message`; undefined for every other kind. */
  readonly message: MessageSchema | undefined;
}

export interface MessageSchema {
  readonly name: string;
  readonly byName: ReadonlyMap<string, FieldSchema>;
  /** By field number; holes where there is none. */
  readonly byNumber: readonly (FieldSchema | undefined)[];
  readonly fields: readonly FieldSchema[];
}

const SPECIAL_MESSAGES: Readonly<Record<string, FieldKind>> = {
  Time: "time",
  ExtraValue: "strings",
  ManagedFieldsEntry: "dropped",
};
const SCALARS: ReadonlySet<string> = new Set(["string", "bytes", "bool", "int32", "int64"]);
const VARINT_KINDS: ReadonlySet<string> = new Set(["bool", "int32", "int64"]);

/** Kinds that every API group has, whatever the apiVersion says. */
const META_KINDS: ReadonlySet<string> = new Set([
  "Status",
  "DeleteOptions",
  "PartialObjectMetadata",
  "PartialObjectMetadataList",
]);

const KINDS_BY_API_VERSION: Readonly<Record<string, readonly string[]>> = {
  "certificates.k8s.io/v1": ["CertificateSigningRequest", "CertificateSigningRequestList"],
  "rbac.authorization.k8s.io/v1": [
    ...["ClusterRole", "ClusterRoleList", "ClusterRoleBinding", "ClusterRoleBindingList"],
  ],
  v1: ["Secret", "SecretList", "ConfigMap", "ConfigMapList"],
  "authentication.k8s.io/v1": ["SelfSubjectReview"],
  "authentication.k8s.io/v1beta1": ["SelfSubjectReview"],
  "authorization.k8s.io/v1": ["SubjectAccessReview", "SelfSubjectAccessReview", "SelfSubjectRulesReview"],
};

const schemas = readSchemas(WIRE_MESSAGES);
const served: ReadonlyMap<string, ReadonlySet<string>> = new Map(
  Object.entries(KINDS_BY_API_VERSION).map(([apiVersion, kinds]) => [apiVersion, new Set(kinds)]),
);

/** The schema of a kind in a version; undefined for what we do not exchange. */
export function schemaOf(apiVersion: string, kind: string): MessageSchema | undefined {
  return META_KINDS.has(kind) || served.get(apiVersion)?.has(kind) ? schemas.get(kind) : undefined;
}

function readSchemas(text: string): ReadonlyMap<string, MessageSchema> {
  const { root } = protobuf.parse(text, { keepCase: true });
  root.resolveAll();
  const known = new Map<string, MessageSchema>();
  for (const type of root.nestedArray) {
    if (type instanceof protobuf.Type) schemaOfType(type, known);
  }
  return known;
}

function schemaOfType(type: protobuf.Type, known: Map<string, MessageSchema>): MessageSchema {
  const existing = known.get(type.name);
  if (existing !== undefined) return existing;
  const fields = type.fieldsArray.map((field) => fieldSchema(field, known));
  const byNumber: (FieldSchema | undefined)[] = [];
  for (const field of fields) byNumber[field.key >>> 3] = field;
  const schema = { name: type.name, fields, byNumber, byName: new Map(fields.map((field) => [field.name, field])) };
  known.set(type.name, schema);
  return schema;
}

function fieldSchema(field: protobuf.Field, known: Map<string, MessageSchema>): FieldSchema {
  const kind = kindOf(field);
  const shape = field.map ? "map" : field.repeated ? "list" : "single";
  const wireType = shape === "single" && VARINT_KINDS.has(kind) ? 0 : 2;
  const type = kind === "message" ? field.resolvedType : null;
  const message = type instanceof protobuf.Type ? schemaOfType(type, known) : undefined;
  return { name: field.name, key: (field.id << 3) | wireType, kind, shape, message };
}

function kindOf(field: protobuf.Field): FieldKind {
  if (SCALARS.has(field.type)) return field.type as FieldKind;
  return SPECIAL_MESSAGES[field.type] ?? "message";
}
