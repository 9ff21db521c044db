import type { JsonObject } from "../../../shared/kubernetes/json-object.ts";
import { type StatusCause, StatusError } from "../../../shared/status-error.ts";
import type { UserInfo } from "../../../shared/user-info.ts";
import type { AccessAttributes, Authorizer } from "../../domain/authorization.ts";
import { cause, invalidObject } from "../invalid.ts";
import { type SelectorAttributes, selectorErrors, selectorProblems } from "./selectors.ts";

export const AUTHORIZATION_GROUP = "authorization.k8s.io";

interface ResourceAttributes {
  readonly namespace?: string;
  readonly verb?: string;
  readonly group?: string;
  readonly version?: string;
  readonly resource?: string;
  readonly subresource?: string;
  readonly name?: string;
  readonly fieldSelector?: SelectorAttributes;
  readonly labelSelector?: SelectorAttributes;
}

/** The spec of SubjectAccessReview; SelfSubjectAccessReview has the first two fields only. */
interface ReviewSpec {
  readonly resourceAttributes?: ResourceAttributes;
  readonly nonResourceAttributes?: { readonly path?: string; readonly verb?: string };
  readonly user?: string;
  readonly groups?: readonly string[];
  readonly extra?: Readonly<Record<string, readonly string[]>>;
  readonly uid?: string;
}

/**
 * Answers whether `user`, or the user that the spec names, may do what the spec says. Selectors are checked for form and
 * otherwise ignored: no rule of RBAC depends on one.
 *
 * Source: kubernetes pkg/registry/authorization/{subjectaccessreview,selfsubjectaccessreview}/rest.go.
 *
 * @throws {StatusError} Invalid.
 */
export async function answerAccessReview(
  kind: "SubjectAccessReview" | "SelfSubjectAccessReview",
  review: JsonObject,
  caller: UserInfo,
  authorizer: Authorizer,
): Promise<JsonObject> {
  // The decoder has given every field its type.
  const spec = (review["spec"] ?? {}) as ReviewSpec;
  const isSelf = kind === "SelfSubjectAccessReview";
  const problems = [...problemsOf(spec, isSelf), ...metadataProblems(review)];
  if (problems.length > 0) throw invalidReview(kind, problems);
  const { allowed, denied, reason } = await authorizer.authorize(isSelf ? caller : subjectOf(spec), attributesOf(spec));
  const evaluationError = selectorErrors(spec.resourceAttributes ?? {}).join("; ");
  const status = {
    allowed,
    ...(denied && { denied }),
    ...(reason !== "" && { reason }),
    ...(evaluationError !== "" && { evaluationError }),
  };
  return { metadata: {}, spec, status };
}

/** Kubernetes leaves the kind of a review out of the details. */
function invalidReview(kind: string, causes: readonly StatusCause[]): StatusError {
  const { message } = invalidObject(kind, AUTHORIZATION_GROUP, causes);
  return new StatusError("Invalid", message, { details: { group: AUTHORIZATION_GROUP, causes } });
}

function subjectOf({ user = "", uid = "", groups = [], extra = {} }: ReviewSpec): UserInfo {
  return { username: user, uid, groups, extra };
}

function attributesOf({ resourceAttributes, nonResourceAttributes }: ReviewSpec): AccessAttributes {
  if (resourceAttributes === undefined) {
    const { path = "", verb = "" } = nonResourceAttributes ?? {};
    return { kind: "path", path, verb };
  }
  const {
    verb = "",
    group = "",
    version = "",
    resource = "",
    subresource = "",
    name = "",
    namespace = "",
  } = resourceAttributes;
  return { kind: "resource", verb, group, version: version || "*", resource, subresource, name, namespace };
}

/** Source: kubernetes pkg/apis/authorization/validation/validation.go. */
function* problemsOf(spec: ReviewSpec, isSelf: boolean): Generator<StatusCause> {
  const { resourceAttributes, nonResourceAttributes, user = "", groups = [] } = spec;
  if (resourceAttributes !== undefined && nonResourceAttributes !== undefined) {
    yield cause("Invalid", "spec.nonResourceAttributes", "cannot be combined with resourceAttributes");
  }
  if (resourceAttributes === undefined && nonResourceAttributes === undefined) {
    yield cause(
      "Invalid",
      "spec.resourceAttributes",
      "exactly one of resourceAttributes and nonResourceAttributes is needed",
    );
  }
  if (!isSelf && user === "" && groups.length === 0) yield cause("Invalid", "spec.user", "a user or a group is needed");
  yield* selectorProblems("fieldSelector", resourceAttributes?.fieldSelector);
  yield* selectorProblems("labelSelector", resourceAttributes?.labelSelector);
}

/** A review has no name, and its namespace does not matter; protobuf clients send every field of the metadata, empty. */
function* metadataProblems(review: JsonObject): Generator<StatusCause> {
  const { namespace: _, ...metadata } = (review["metadata"] ?? {}) as JsonObject;
  const values = Object.values(metadata);
  const isEmpty = (value: unknown): boolean => !value || (typeof value === "object" && Object.keys(value).length === 0);
  if (!values.every(isEmpty)) yield cause("Invalid", "metadata", "must be empty");
}
