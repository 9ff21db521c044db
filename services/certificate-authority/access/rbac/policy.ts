import type { UserInfo } from "../../../shared/user-info.ts";
import { type AccessAttributes, type AccessDecision, privilegedGroupOf } from "../../domain/authorization.ts";
import { serviceAccountUsername } from "../service-account.ts";
import { selectorMatches } from "./label-selector.ts";
import { type CompiledRule, combinedResourceOf, compileRule, ruleAllows } from "./matcher.ts";
import {
  type BindingObject,
  FULL_AUTHORITY,
  objectKey,
  type PolicyRule,
  type RbacObject,
  type RbacSubject,
  type RoleObject,
} from "./objects.ts";
import { RbacObjectsError } from "./read-objects.ts";

/** RBAC objects prepared for asking; immutable. */
export interface RbacPolicy {
  /** Denied unless a binding's role allows it; the reason names binding, role and subject. */
  decide(user: UserInfo, attributes: AccessAttributes): AccessDecision;
  /** Every rule that applies to the user, cluster-wide and, when `namespace` is not empty, in that namespace. */
  rulesFor(user: UserInfo, namespace: string): readonly PolicyRule[];
  /** What a ClusterRole grants, aggregated rules included; undefined when there is none of that name. */
  rulesOfClusterRole(name: string): readonly PolicyRule[] | undefined;
}

/** What a subject gains by one binding. */
interface Grant {
  readonly reason: string;
  readonly role: ResolvedRole;
}

interface ResolvedRole {
  readonly rules: readonly PolicyRule[];
  readonly compiled: readonly CompiledRule[];
}

/** The grants of one scope (the cluster, or a namespace) by user name and by group. */
interface Scope {
  readonly users: Map<string, Grant[]>;
  readonly groups: Map<string, Grant[]>;
}

const DENIED: AccessDecision = { allowed: false, reason: "" };
const CLUSTER = "";

/**
 * Indexes bindings by subject, so that a question costs what the asking user's own bindings cost, however many others
 * there are. A binding to a role that does not exist grants nothing.
 */
export function compilePolicy(objects: readonly RbacObject[]): RbacPolicy {
  const roles = resolveRoles(objects.filter(isRole));
  const scopes = new Map<string, Scope>();
  for (const binding of objects.filter(isBinding)) {
    const role = roles.get(roleKey(binding));
    if (role === undefined) continue;
    for (const subject of binding.subjects) addGrant(scopeOf(scopes, binding.namespace), binding, subject, role);
  }
  return policyOver(scopes, roles);
}

/** @throws {RbacObjectsError} when a binding names a role that does not exist. */
export function requireRoles(bindings: readonly RbacObject[], objects: readonly RbacObject[]): void {
  const roles = new Set(objects.filter(isRole).map(objectKey));
  const dangling = bindings.filter(isBinding).filter((binding) => !roles.has(roleKey(binding)));
  if (dangling.length === 0) return;
  throw new RbacObjectsError(
    dangling.map(({ kind, name, roleRef }) => {
      return `${kind} "${name}" refers to ${roleRef.kind} "${roleRef.name}", which does not exist`;
    }),
  );
}

function policyOver(scopes: ReadonlyMap<string, Scope>, roles: ReadonlyMap<string, ResolvedRole>): RbacPolicy {
  return {
    decide(user, attributes) {
      const namespace = attributes.kind === "resource" ? attributes.namespace : "";
      const question = { attributes, combinedResource: combinedResourceOf(attributes) };
      const grant =
        grantIn(scopes.get(CLUSTER), user, question) ??
        (namespace ? grantIn(scopes.get(namespace), user, question) : undefined);
      return grant === undefined ? DENIED : { allowed: true, reason: grant.reason };
    },
    rulesFor(user, namespace) {
      const grants = scopesOf(scopes, namespace).flatMap((scope) => [...grantsOf(scope, user)]);
      const own = privilegedGroupOf(user) === undefined ? [] : FULL_AUTHORITY;
      return [...new Set([...own, ...grants.flatMap(({ role }) => role.rules)])];
    },
    rulesOfClusterRole: (name) => roles.get(objectKey({ kind: "ClusterRole", name, namespace: "" }))?.rules,
  };
}

interface Question {
  readonly attributes: AccessAttributes;
  readonly combinedResource: string;
}

/** Asked for every request, so without a generator or list in between. */
function grantIn(scope: Scope | undefined, user: UserInfo, question: Question): Grant | undefined {
  if (scope === undefined) return undefined;
  const own = allowing(scope.users.get(user.username), question);
  if (own !== undefined) return own;
  for (const group of user.groups) {
    const theirs = allowing(scope.groups.get(group), question);
    if (theirs !== undefined) return theirs;
  }
  return undefined;
}

function allowing(grants: readonly Grant[] | undefined, { attributes, combinedResource }: Question): Grant | undefined {
  return grants?.find(({ role }) => role.compiled.some((rule) => ruleAllows(rule, attributes, combinedResource)));
}

function scopesOf(scopes: ReadonlyMap<string, Scope>, namespace: string | undefined): readonly Scope[] {
  const names = namespace ? [CLUSTER, namespace] : [CLUSTER];
  return names.flatMap((name) => scopes.get(name) ?? []);
}

function* grantsOf({ users, groups }: Scope, user: UserInfo): Generator<Grant> {
  yield* users.get(user.username) ?? [];
  for (const group of user.groups) yield* groups.get(group) ?? [];
}

function scopeOf(scopes: Map<string, Scope>, namespace: string): Scope {
  const scope = scopes.get(namespace) ?? { users: new Map(), groups: new Map() };
  scopes.set(namespace, scope);
  return scope;
}

function addGrant({ users, groups }: Scope, binding: BindingObject, subject: RbacSubject, role: ResolvedRole): void {
  const { kind, name, namespace } = subject;
  const shown = kind === "ServiceAccount" ? `${namespace}/${name}` : name;
  const reason = `RBAC: allowed by ${binding.kind} "${binding.name}" of ${binding.roleRef.kind} "${binding.roleRef.name}" to ${kind} "${shown}"`;
  const index = kind === "Group" ? groups : users;
  const key = kind === "ServiceAccount" ? serviceAccountUsername(subject) : name;
  const grants = index.get(key) ?? [];
  grants.push({ reason, role });
  index.set(key, grants);
}

function resolveRoles(roles: readonly RoleObject[]): ReadonlyMap<string, ResolvedRole> {
  const clusterRoles = roles.filter(({ kind }) => kind === "ClusterRole");
  return new Map(
    roles.map((role) => {
      const rules = role.aggregatedFrom === undefined ? role.rules : aggregate(role, clusterRoles);
      return [objectKey(role), { rules, compiled: rules.map(compileRule) }];
    }),
  );
}

/**
 * The rules of every role that the selectors reach, roles that aggregate in their turn included. An aggregating role's
 * own rules do not count: Kubernetes' controller overwrites them.
 *
 * Source: kubernetes pkg/controller/clusterroleaggregation/clusterroleaggregation_controller.go.
 */
function aggregate(start: RoleObject, clusterRoles: readonly RoleObject[]): readonly PolicyRule[] {
  const reached = new Set([start]);
  const rules: PolicyRule[] = [];
  // The set grows while it is walked, which visits each role once and ends on a cycle.
  for (const { aggregatedFrom, rules: own } of reached) {
    if (aggregatedFrom === undefined) rules.push(...own);
    for (const role of clusterRoles) {
      if (aggregatedFrom?.some((selector) => selectorMatches(selector, role.labels))) reached.add(role);
    }
  }
  return rules;
}

function roleKey({ roleRef, namespace }: BindingObject): string {
  return objectKey({ kind: roleRef.kind, name: roleRef.name, namespace: roleRef.kind === "Role" ? namespace : "" });
}

function isRole(object: RbacObject): object is RoleObject {
  return object.kind === "ClusterRole" || object.kind === "Role";
}

function isBinding(object: RbacObject): object is BindingObject {
  return object.kind === "ClusterRoleBinding" || object.kind === "RoleBinding";
}
