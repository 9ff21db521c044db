import type { AccessAttributes } from "../../domain/authorization.ts";
import type { PolicyRule } from "./objects.ts";

/** A rule prepared for asking: sets instead of lists, patterns taken apart. */
export interface CompiledRule {
  readonly verbs: ReadonlySet<string> | typeof ANYTHING;
  readonly apiGroups: ReadonlySet<string> | typeof ANYTHING;
  readonly resources: ReadonlySet<string> | typeof ANYTHING;
  /** From entries of the form star, slash, subresource. */
  readonly anyResourceOf: ReadonlySet<string>;
  readonly names: ReadonlySet<string> | typeof ANYTHING;
  readonly paths: ReadonlySet<string> | typeof ANYTHING;
  readonly pathPrefixes: readonly string[];
}

const ANYTHING = Symbol("anything");
const WILDCARD = "*";
const ANY_RESOURCE = "*/";

export function compileRule(rule: PolicyRule): CompiledRule {
  const { verbs, apiGroups, resources, resourceNames, nonResourceURLs } = rule;
  return {
    verbs: setOf(verbs),
    apiGroups: setOf(apiGroups),
    resources: setOf(resources),
    anyResourceOf: new Set(
      resources.filter((entry) => entry.startsWith(ANY_RESOURCE)).map((entry) => entry.slice(ANY_RESOURCE.length)),
    ),
    // A name is compared as it stands: `*` here is the name `*`.
    names: resourceNames.length === 0 ? ANYTHING : new Set(resourceNames),
    paths: setOf(nonResourceURLs),
    pathPrefixes: nonResourceURLs.filter((path) => path.endsWith(WILDCARD)).map((path) => path.replace(/\*+$/, "")),
  };
}

/**
 * Whether the rule allows what is asked.
 *
 * @param combinedResource - `resource` or `resource/subresource` of a resource request; unused for a path.
 * Source: kubernetes pkg/apis/rbac/v1/evaluation_helpers.go.
 */
export function ruleAllows(rule: CompiledRule, attributes: AccessAttributes, combinedResource: string): boolean {
  if (!holds(rule.verbs, attributes.verb)) return false;
  if (attributes.kind === "path") return pathMatches(rule, attributes.path);
  return (
    holds(rule.apiGroups, attributes.group) &&
    resourceMatches(rule, combinedResource, attributes.subresource ?? "") &&
    holds(rule.names, attributes.name ?? "")
  );
}

/** `resource/subresource`, or only `resource`: how rules name it. */
export function combinedResourceOf(attributes: AccessAttributes): string {
  if (attributes.kind === "path") return "";
  return attributes.subresource ? `${attributes.resource}/${attributes.subresource}` : attributes.resource;
}

function setOf(entries: readonly string[]): ReadonlySet<string> | typeof ANYTHING {
  return entries.includes(WILDCARD) ? ANYTHING : new Set(entries);
}

function holds(set: ReadonlySet<string> | typeof ANYTHING, value: string): boolean {
  return set === ANYTHING || set.has(value);
}

function resourceMatches(rule: CompiledRule, combinedResource: string, subresource: string): boolean {
  return holds(rule.resources, combinedResource) || (subresource !== "" && rule.anyResourceOf.has(subresource));
}

function pathMatches(rule: CompiledRule, path: string): boolean {
  return holds(rule.paths, path) || rule.pathPrefixes.some((prefix) => path.startsWith(prefix));
}
