import type { JsonObject } from "../../../shared/kubernetes/json-object.ts";
import { toKubernetesTime } from "../../../shared/kubernetes/object-meta.ts";
import { StatusError } from "../../../shared/status-error.ts";
import type { UserInfo } from "../../../shared/user-info.ts";
import type { RuleLister } from "../../access/access.ts";

/**
 * Lists what the caller may do, as `kubectl auth can-i --list` shows it.
 *
 * Source: kubernetes pkg/registry/authorization/selfsubjectrulesreview/rest.go.
 *
 * @throws {StatusError} BadRequest when no namespace is named.
 */
export function answerRulesReview(review: JsonObject, caller: UserInfo, rules: RuleLister): JsonObject {
  const { namespace = "" } = (review["spec"] ?? {}) as { readonly namespace?: string };
  if (namespace === "") throw new StatusError("BadRequest", "spec.namespace must name a namespace");
  const all = rules.rulesFor(caller, namespace);
  const resourceRules = all
    .filter(({ resources }) => resources.length > 0)
    .map(({ verbs, apiGroups, resources, resourceNames }) => ({
      verbs,
      apiGroups,
      resources,
      ...(resourceNames.length > 0 && { resourceNames }),
    }));
  const nonResourceRules = all
    .filter(({ nonResourceURLs }) => nonResourceURLs.length > 0)
    .map(({ verbs, nonResourceURLs }) => ({ verbs, nonResourceURLs }));
  const told = rules.isComplete
    ? { incomplete: false }
    : { incomplete: true, evaluationError: "what authorization webhooks allow is not listed" };
  return { metadata: {}, spec: {}, status: { resourceRules, nonResourceRules, ...told } };
}

/**
 * Tells the caller who it is, after impersonation.
 *
 * Source: kubernetes pkg/registry/authentication/selfsubjectreview/rest.go.
 */
export function answerSelfReview({ username, uid, groups, extra }: UserInfo, now: Date): JsonObject {
  const userInfo = {
    username,
    ...(uid !== "" && { uid }),
    ...(groups.length > 0 && { groups }),
    ...(Object.keys(extra).length > 0 && { extra }),
  };
  return { metadata: { creationTimestamp: toKubernetesTime(now) }, status: { userInfo } };
}
