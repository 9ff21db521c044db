import type { ObjectMeta } from "../../../shared/kubernetes/object-meta.ts";
import { type FieldError, forbiddenField } from "../../domain/field-error.ts";

/** Stands on objects that are read from files. They are what their file says: through the API they can only be read. */
export const MANAGED_ANNOTATION = "gatehouse.dev/managed-by";
export const MANAGED_BY_FILES = "rbac.files";

export function isManaged({ annotations = {} }: Pick<ObjectMeta, "annotations">): boolean {
  return Object.hasOwn(annotations, MANAGED_ANNOTATION);
}

/** An object that claims to be from a file would be removed at the next start. */
export function validateUnmanaged({ metadata }: { readonly metadata: ObjectMeta }): FieldError[] {
  if (!isManaged(metadata)) return [];
  return [forbiddenField(`metadata.annotations[${MANAGED_ANNOTATION}]`, "is set on objects from rbac.files only")];
}
