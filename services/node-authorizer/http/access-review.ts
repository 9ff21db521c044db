import type { AccessQuestion, AccessVerdict, FieldRequirement } from "../domain/questions.ts";
import type { VetoedRequester } from "../domain/veto.ts";
import { type JsonObject, list, mapOfTexts, object, optionalObject, text, texts, wrong } from "./json-reader.ts";

const GROUP = "authorization.k8s.io";
const VERSIONS: readonly unknown[] = [`${GROUP}/v1`, `${GROUP}/v1beta1`];
const KIND = "SubjectAccessReview";

/** What a SubjectAccessReview asks, and for whom. */
export interface AccessReview {
  readonly apiVersion: string;
  readonly user: VetoedRequester;
  readonly question: AccessQuestion;
}

/**
 * Reads a SubjectAccessReview of version v1 or v1beta1. Fields that are not known are let be: later versions add some.
 *
 * @throws {StatusError} BadRequest that names what is missing or of another type; then there is no verdict at all.
 * Source: kubernetes staging/src/k8s.io/api/authorization/{v1,v1beta1}/types.go.
 */
export function readAccessReview(review: JsonObject): AccessReview {
  const { apiVersion, kind } = review;
  if (!VERSIONS.includes(apiVersion)) throw wrong("apiVersion", VERSIONS.join(" or "));
  if (kind !== KIND) throw wrong("kind", KIND);
  const spec = object(review["spec"], "spec");
  // The older version calls the groups by the singular.
  const groups = apiVersion === VERSIONS[0] ? texts(spec["groups"], "spec.groups") : texts(spec["group"], "spec.group");
  const user = { username: text(spec["user"], "spec.user"), groups, extra: mapOfTexts(spec["extra"], "spec.extra") };
  text(spec["uid"], "spec.uid");
  if (user.username === "" && groups.length === 0) throw wrong("spec.user", "given, or spec.groups");
  return { apiVersion: apiVersion as string, user, question: questionOf(spec, user) };
}

function questionOf(spec: JsonObject, user: VetoedRequester): AccessQuestion {
  const resource = optionalObject(spec["resourceAttributes"], "spec.resourceAttributes");
  const path = optionalObject(spec["nonResourceAttributes"], "spec.nonResourceAttributes");
  if ((resource === undefined) === (path === undefined)) {
    throw wrong("spec", "about exactly one of resourceAttributes and nonResourceAttributes");
  }
  if (resource === undefined) return pathQuestion(path ?? {}, user);
  text(resource["version"], "spec.resourceAttributes.version");
  return {
    user,
    isResourceRequest: true,
    verb: text(resource["verb"], "spec.resourceAttributes.verb"),
    group: text(resource["group"], "spec.resourceAttributes.group"),
    resource: text(resource["resource"], "spec.resourceAttributes.resource"),
    subresource: text(resource["subresource"], "spec.resourceAttributes.subresource"),
    namespace: text(resource["namespace"], "spec.resourceAttributes.namespace"),
    name: text(resource["name"], "spec.resourceAttributes.name"),
    fieldSelector: requirementsOf(resource["fieldSelector"], "spec.resourceAttributes.fieldSelector"),
  };
}

function pathQuestion(path: JsonObject, user: VetoedRequester): AccessQuestion {
  text(path["path"], "spec.nonResourceAttributes.path");
  const verb = text(path["verb"], "spec.nonResourceAttributes.verb");
  const none = { group: "", resource: "", subresource: "", namespace: "", name: "", fieldSelector: NO_REQUIREMENTS };
  return { user, isResourceRequest: false, verb, ...none };
}

const NO_REQUIREMENTS: readonly FieldRequirement[] = [];

function requirementsOf(value: unknown, field: string): readonly FieldRequirement[] {
  const selector = optionalObject(value, field);
  if (selector === undefined) return NO_REQUIREMENTS;
  return list(selector["requirements"], `${field}.requirements`).map((item, index) => {
    const where = `${field}.requirements[${index}]`;
    const requirement = object(item, where);
    return {
      key: text(requirement["key"], `${where}.key`),
      operator: text(requirement["operator"], `${where}.operator`),
      values: texts(requirement["values"], `${where}.values`),
    };
  });
}

/** The answer's JSON text. Only the status is read by kube-apiserver. */
export function accessAnswer(apiVersion: string, { verdict, reason }: AccessVerdict): string {
  const status =
    verdict === "allow"
      ? '{"allowed":true}'
      : `{"allowed":false${verdict === "deny" ? ',"denied":true' : ""}${reason === "" ? "" : `,"reason":${JSON.stringify(reason)}`}}`;
  return `{"apiVersion":"${apiVersion}","kind":"${KIND}","status":${status}}`;
}
