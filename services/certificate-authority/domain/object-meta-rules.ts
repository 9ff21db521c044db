import type { ObjectMeta, OwnerReference } from "../../shared/kubernetes/object-meta.ts";
import type { DraftMeta } from "./draft.ts";
import { type FieldError, forbiddenField, invalidField, requiredField, tooLongField } from "./field-error.ts";
import { isLabelValue, isQualifiedName, pathSegmentProblem } from "./name-rules.ts";

const MAX_ANNOTATION_BYTES = 256 * 1024;
const STANDARD_FINALIZERS = ["kubernetes", "orphan", "foregroundDeletion"];

const QUALIFIED_NAME_RULE =
  "must be an optional DNS subdomain and '/', then 1 to 63 characters of A-Z, a-z, 0-9, '-', '_' or '.', " +
  "alphanumeric at both ends";
const LABEL_VALUE_RULE = "must be at most 63 characters of A-Z, a-z, 0-9, '-', '_' or '.', alphanumeric at both ends";

/** What is judged of `metadata`: the fields a client may set. */
export type JudgedMeta = Pick<
  DraftMeta,
  "name" | "generateName" | "generation" | "labels" | "annotations" | "ownerReferences" | "finalizers"
>;

/**
 * The ordinary rules for ObjectMeta of a cluster-scoped object whose name may be any path segment.
 *
 * Source: kubernetes apimachinery pkg/api/validation/objectmeta.go; pkg/apis/core/validation/validation.go.
 */
export function validateMeta(meta: JudgedMeta): FieldError[] {
  return [
    ...validateNames(meta),
    ...validateGeneration(meta),
    ...validateLabels(meta.labels),
    ...validateAnnotations(meta.annotations),
    ...validateOwnerReferences(meta.ownerReferences),
    ...validateFinalizers(meta.finalizers),
  ];
}

/** An object that is being deleted takes no further finalizers. */
export function validateNoNewFinalizers(before: readonly string[], after: readonly string[]): FieldError[] {
  const added = after.filter((finalizer) => !before.includes(finalizer));
  if (added.length === 0) return [];
  return [
    forbiddenField(
      "metadata.finalizers",
      `the object is being deleted and takes no new finalizers, found ${JSON.stringify(added)}`,
    ),
  ];
}

/** Deleting is what marks an object as being deleted. A mark that is there cannot be changed, and is put back silently. */
export function validateDeletionUntouched(
  { deletionTimestamp }: Pick<ObjectMeta, "deletionTimestamp">,
  wanted: Pick<DraftMeta, "deletionTimestamp" | "deletionGracePeriodSeconds">,
): FieldError[] {
  if (deletionTimestamp !== undefined) return [];
  return (["deletionTimestamp", "deletionGracePeriodSeconds"] as const).flatMap((field) => {
    const value = wanted[field];
    return value === undefined ? [] : [invalidField(`metadata.${field}`, value, "is set by deleting only")];
  });
}

function validateNames({ name, generateName }: JudgedMeta): FieldError[] {
  const errors: FieldError[] = [];
  const prefixProblem = pathSegmentProblem(generateName, true);
  if (prefixProblem) errors.push(invalidField("metadata.generateName", generateName, prefixProblem));
  if (name === "") return [...errors, requiredField("metadata.name", "name or generateName is required")];
  const problem = pathSegmentProblem(name, false);
  if (problem) errors.push(invalidField("metadata.name", name, problem));
  return errors;
}

function validateGeneration({ generation = 0 }: JudgedMeta): FieldError[] {
  return generation < 0 ? [invalidField("metadata.generation", generation, "may not be negative")] : [];
}

function validateLabels(labels: Readonly<Record<string, string>>): FieldError[] {
  const errors: FieldError[] = [];
  for (const [key, value] of Object.entries(labels)) {
    if (!isQualifiedName(key)) errors.push(invalidField("metadata.labels", key, QUALIFIED_NAME_RULE));
    if (!isLabelValue(value)) errors.push(invalidField("metadata.labels", value, LABEL_VALUE_RULE));
  }
  return errors;
}

function validateAnnotations(annotations: Readonly<Record<string, string>>): FieldError[] {
  const errors: FieldError[] = [];
  let bytes = 0;
  for (const [key, value] of Object.entries(annotations)) {
    if (!isQualifiedName(key.toLowerCase())) {
      errors.push(invalidField("metadata.annotations", key, QUALIFIED_NAME_RULE));
    }
    bytes += utf8Length(key) + utf8Length(value);
  }
  if (bytes > MAX_ANNOTATION_BYTES) errors.push(tooLongField("metadata.annotations", MAX_ANNOTATION_BYTES));
  return errors;
}

function validateOwnerReferences(references: readonly OwnerReference[]): FieldError[] {
  const path = "metadata.ownerReferences";
  const errors = references.flatMap((reference) => validateOwnerReference(path, reference));
  const controllers = references.filter(({ controller }) => controller === true);
  for (const { kind, name } of controllers.slice(1)) {
    errors.push(invalidField(path, `${kind}/${name}`, "only one reference may have controller set to true"));
  }
  return errors;
}

function validateOwnerReference(path: string, reference: OwnerReference): FieldError[] {
  const { apiVersion, kind, name, uid } = reference;
  const errors: FieldError[] = [];
  if (!isVersioned(apiVersion)) errors.push(invalidField(`${path}.apiVersion`, apiVersion, "must name a version"));
  if (kind === "") errors.push(invalidField(`${path}.kind`, kind, "must not be empty"));
  if (name === "") errors.push(invalidField(`${path}.name`, name, "must not be empty"));
  if (uid === "") errors.push(invalidField(`${path}.uid`, uid, "must not be empty"));
  if (apiVersion === "v1" && kind === "Event") errors.push(invalidField(path, "v1/Event", "may not own anything"));
  return errors;
}

/** `version` or `group/version`. */
function isVersioned(apiVersion: string): boolean {
  const parts = apiVersion.split("/");
  return parts.length <= 2 && parts.at(-1) !== "";
}

function validateFinalizers(finalizers: readonly string[]): FieldError[] {
  const path = "metadata.finalizers";
  const errors = finalizers
    .filter((finalizer) => !isQualifiedName(finalizer))
    .map((finalizer) => invalidField(path, finalizer, QUALIFIED_NAME_RULE));
  if (finalizers.includes("orphan") && finalizers.includes("foregroundDeletion")) {
    errors.push(invalidField(path, "orphan, foregroundDeletion", "may not both be set"));
  }
  finalizers.forEach((finalizer, index) => {
    if (finalizer.includes("/") || STANDARD_FINALIZERS.includes(finalizer)) return;
    errors.push(invalidField(`${path}[${index}]`, finalizer, "must be a standard finalizer or fully qualified"));
  });
  return errors;
}

const encoder = new TextEncoder();

function utf8Length(text: string): number {
  return encoder.encode(text).length;
}
