import { StatusError, type StatusReason } from "../../shared/status-error.ts";
import type { ResourceName } from "./api-object.ts";
import type { FieldError } from "./field-error.ts";

/** The errors that are told of one kind of object. */
export interface ResourceErrors {
  readonly notFound: (name: string) => StatusError;
  /** The name is taken: 409 whose reason tells a client that it may use what is there. */
  readonly alreadyExists: (name: string) => StatusError;
  /** The object is no longer what the caller saw: 409 whose reason tells a client to read again. */
  readonly conflict: (name: string, detail: string) => StatusError;
  /** The resourceVersion a writer saw is not the newest. */
  readonly stale: (name: string) => StatusError;
  /** The object is not the one that was to be deleted. Kubernetes names the Kind here, not the resource. */
  readonly preconditionFailed: (name: string, detail: string) => StatusError;
  /** Admission refuses the write. */
  readonly forbidden: (name: string, detail: string) => StatusError;
  /** The 422 that reports all broken rules at once. `details.kind` is the Kind here, not the resource. */
  readonly invalid: (name: string, errors: readonly FieldError[]) => StatusError;
}

/** Source: kubernetes staging/src/k8s.io/apimachinery/pkg/api/errors/errors.go. */
export function resourceErrors({ group, kind, resource }: ResourceName): ResourceErrors {
  const suffix = group === "" ? "" : `.${group}`;
  const subject = (name: string): string => `${resource}${suffix} ${JSON.stringify(name)}`;
  const inGroup = group !== "" && { group };
  const failure = (reason: StatusReason, name: string, message: string, of = resource): StatusError =>
    new StatusError(reason, message, { details: { ...(name !== "" && { name }), ...inGroup, kind: of } });
  const conflictText = (name: string, detail: string): string =>
    `operation cannot be fulfilled on ${subject(name)}: ${detail}`;
  return {
    notFound: (name) => failure("NotFound", name, `${subject(name)} not found`),
    alreadyExists: (name) => failure("AlreadyExists", name, `${subject(name)} already exists`),
    conflict: (name, detail) => failure("Conflict", name, conflictText(name, detail)),
    stale: (name) => {
      const detail = "the object has been modified; apply your changes to the latest version and try again";
      return failure("Conflict", name, conflictText(name, detail));
    },
    preconditionFailed: (name, detail) => failure("Conflict", name, conflictText(name, detail), kind),
    forbidden: (name, detail) => failure("Forbidden", name, `${subject(name)} is forbidden: ${detail}`),
    invalid(name, errors) {
      const texts = errors.map(({ field, message }) => `${field}: ${message}`);
      const text = texts.length === 1 ? texts[0] : `[${texts.join(", ")}]`;
      return new StatusError("Invalid", `${kind}${suffix} ${JSON.stringify(name)} is invalid: ${text}`, {
        details: { ...(name !== "" && { name }), ...inGroup, kind, causes: errors },
      });
    },
  };
}
