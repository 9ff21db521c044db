import type { PolicyRule } from "./objects.ts";

const WILDCARD = "*";
/** Comparing more of them would keep the server busy for long; no role that people write comes near. */
const MAXIMUM_RIGHTS = 100_000;

/** Rights that cannot be compared because they are too many. */
export class TooManyRightsError extends Error {
  override readonly name = "TooManyRightsError";

  constructor() {
    super(`the rules combine to more than ${MAXIMUM_RIGHTS} rights; split them into several roles`);
  }
}

/**
 * The single rights in `wanted` that none of the `held` rules covers. A right is one verb on one resource of one group
 * and, where names are given, on one name; or one verb on one path.
 *
 * @throws {TooManyRightsError}
 * Source: kubernetes staging/src/k8s.io/component-helpers/auth/rbac/validation/policy_comparator.go.
 */
export function uncoveredRights(held: readonly PolicyRule[], wanted: readonly PolicyRule[]): readonly PolicyRule[] {
  const count = wanted.reduce((sum, rule) => sum + rightsIn(rule), 0);
  if (count > MAXIMUM_RIGHTS) throw new TooManyRightsError();
  return wanted.flatMap((rule) => {
    // Mostly one rule that is held covers the whole of one that is wanted.
    if (held.some((owner) => covers(owner, rule))) return [];
    return [...singleRights(rule)].filter((right) => !held.some((owner) => covers(owner, right)));
  });
}

function rightsIn({ verbs, apiGroups, resources, resourceNames, nonResourceURLs }: PolicyRule): number {
  const onResources = apiGroups.length * resources.length * Math.max(1, resourceNames.length);
  return verbs.length * (onResources + nonResourceURLs.length);
}

function* singleRights(rule: PolicyRule): Generator<PolicyRule> {
  const nothing = { apiGroups: [], resources: [], resourceNames: [], nonResourceURLs: [] };
  const names = rule.resourceNames.length === 0 ? [[]] : rule.resourceNames.map((name) => [name]);
  for (const group of rule.apiGroups) {
    for (const resource of rule.resources) {
      for (const verb of rule.verbs) {
        for (const resourceNames of names) {
          yield { ...nothing, verbs: [verb], apiGroups: [group], resources: [resource], resourceNames };
        }
      }
    }
  }
  for (const path of rule.nonResourceURLs) {
    for (const verb of rule.verbs) yield { ...nothing, verbs: [verb], nonResourceURLs: [path] };
  }
}

function covers(owner: PolicyRule, wanted: PolicyRule): boolean {
  return (
    hasAll(owner.verbs, wanted.verbs) &&
    hasAll(owner.apiGroups, wanted.apiGroups) &&
    wanted.resources.every((resource) => coversResource(owner.resources, resource)) &&
    coversNames(owner.resourceNames, wanted.resourceNames) &&
    wanted.nonResourceURLs.every((path) => owner.nonResourceURLs.some((pattern) => coversPath(pattern, path)))
  );
}

function hasAll(held: readonly string[], wanted: readonly string[]): boolean {
  return held.includes(WILDCARD) || wanted.every((entry) => held.includes(entry));
}

/** A subresource of every resource, star slash name, covers it of one resource; a resource covers none of its own. */
function coversResource(held: readonly string[], wanted: string): boolean {
  if (held.includes(WILDCARD) || held.includes(wanted)) return true;
  const slash = wanted.indexOf("/");
  return slash >= 0 && held.includes(`${WILDCARD}${wanted.slice(slash)}`);
}

/** No names are every name. */
function coversNames(held: readonly string[], wanted: readonly string[]): boolean {
  if (held.length === 0) return true;
  return wanted.length > 0 && wanted.every((name) => held.includes(name));
}

function coversPath(pattern: string, path: string): boolean {
  if (pattern === WILDCARD || pattern === path) return true;
  return pattern.endsWith(WILDCARD) && path.startsWith(pattern.replace(/\*+$/, ""));
}
