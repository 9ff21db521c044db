import type { UserInfo } from "../../../shared/user-info.ts";

/** How much of a request is recorded, from nothing to both bodies. */
export const AUDIT_LEVELS = ["None", "Metadata", "Request", "RequestResponse"] as const;
export type AuditLevel = (typeof AUDIT_LEVELS)[number];

/** When in a request's life an event is made. */
export const AUDIT_STAGES = ["RequestReceived", "ResponseStarted", "ResponseComplete", "Panic"] as const;
export type AuditStage = (typeof AUDIT_STAGES)[number];

export interface AuditedResources {
  /** `""` is the core group. */
  readonly group: string;
  /** `name`, `name/subresource`, `name/*`, `*` followed by `/subresource`, or `*`; empty means all. */
  readonly resources: readonly string[];
  readonly resourceNames: readonly string[];
}

/** Empty lists match everything. */
export interface AuditRule {
  readonly level: AuditLevel;
  readonly users: readonly string[];
  readonly userGroups: readonly string[];
  readonly verbs: readonly string[];
  readonly resources: readonly AuditedResources[];
  readonly namespaces: readonly string[];
  readonly nonResourceUrls: readonly string[];
  readonly omitStages: readonly AuditStage[];
}

export interface AuditPolicy {
  readonly omitStages: readonly AuditStage[];
  readonly rules: readonly AuditRule[];
}

/** What rules look at. */
export interface AuditedAttributes {
  readonly isResource: boolean;
  readonly verb: string;
  readonly apiGroup: string;
  readonly resource: string;
  readonly subresource: string;
  readonly namespace: string;
  readonly name: string;
  readonly path: string;
}

export interface AuditDecision {
  readonly level: AuditLevel;
  readonly omitStages: ReadonlySet<AuditStage>;
}

export interface PolicyEvaluator {
  /** @param user - who authenticated, before impersonation; undefined when nobody did. */
  decide(user: UserInfo | undefined, attributes: AuditedAttributes): AuditDecision;
}

/**
 * The first rule that matches decides; a request that none matches is not recorded.
 *
 * Source: kubernetes staging/src/k8s.io/apiserver/pkg/audit/policy/checker.go.
 */
export function policyEvaluator({ omitStages, rules }: AuditPolicy): PolicyEvaluator {
  const compiled = rules.map((rule) => ({
    rule,
    decision: { level: rule.level, omitStages: new Set([...omitStages, ...rule.omitStages]) },
  }));
  const unmatched: AuditDecision = { level: "None", omitStages: new Set(omitStages) };
  return {
    decide: (user, attributes) => compiled.find(({ rule }) => matches(rule, user, attributes))?.decision ?? unmatched,
  };
}

function matches(rule: AuditRule, user: UserInfo | undefined, attributes: AuditedAttributes): boolean {
  const { users, userGroups, verbs, namespaces, resources, nonResourceUrls } = rule;
  if (users.length > 0 && (user === undefined || !users.includes(user.username))) return false;
  if (userGroups.length > 0 && !user?.groups.some((group) => userGroups.includes(group))) return false;
  if (verbs.length > 0 && !verbs.includes(attributes.verb)) return false;
  if (namespaces.length > 0 || resources.length > 0) return matchesResource(rule, attributes);
  if (nonResourceUrls.length > 0) return matchesPath(nonResourceUrls, attributes);
  return true;
}

function matchesPath(patterns: readonly string[], { isResource, path }: AuditedAttributes): boolean {
  if (isResource) return false;
  return patterns.some((pattern) =>
    pattern.endsWith("*") ? path.startsWith(pattern.replace(/\*+$/, "")) : path === pattern,
  );
}

/** Objects without a namespace are in the namespace `""`. */
function matchesResource({ namespaces, resources }: AuditRule, attributes: AuditedAttributes): boolean {
  if (!attributes.isResource) return false;
  if (namespaces.length > 0 && !namespaces.includes(attributes.namespace)) return false;
  return resources.length === 0 || resources.some((wanted) => isAmong(wanted, attributes));
}

function isAmong(wanted: AuditedResources, { apiGroup, resource, subresource, name }: AuditedAttributes): boolean {
  const { group, resources, resourceNames } = wanted;
  if (group !== apiGroup) return false;
  if (resources.length === 0) return true;
  if (resourceNames.length > 0 && !resourceNames.includes(name)) return false;
  const combined = subresource === "" ? resource : `${resource}/${subresource}`;
  return resources.some(
    (pattern) =>
      pattern === "*" ||
      pattern === combined ||
      (subresource !== "" && pattern === `*/${subresource}`) ||
      // Of a resource and all its subresources alike, as kube-apiserver reads it.
      pattern === `${resource}/*`,
  );
}
