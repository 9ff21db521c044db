import { StatusError } from "../../../shared/status-error.ts";
import type { UserInfo } from "../../../shared/user-info.ts";
import { type Authorizer, privilegedGroupOf } from "../../domain/authorization.ts";
import {
  CLUSTER_ROLE_BINDINGS,
  CLUSTER_ROLES,
  type ClusterRole,
  type ClusterRoleBinding,
  RBAC_GROUP,
} from "../../domain/rbac/objects.ts";
import { resourceErrors } from "../../domain/resource-errors.ts";
import { isSameValue } from "../../domain/same-value.ts";
import { ruleOf } from "./api-objects.ts";
import { TooManyRightsError, uncoveredRights } from "./covers.ts";
import { FULL_AUTHORITY, type PolicyRule } from "./objects.ts";
import type { RbacPolicy } from "./policy.ts";

export interface EscalationDependencies {
  readonly policy: Pick<RbacPolicy, "rulesFor" | "rulesOfClusterRole">;
  readonly authorizer: Authorizer;
}

/** So many missing rights are named; the rest would only make the message long. */
const NAMED_RIGHTS = 20;

/**
 * Nobody grants what they do not hold, unless somebody let them: with the verb `escalate` on roles or `bind` on the role
 * of a binding. An aggregationRule may gather anything, so it takes every right.
 *
 * Source: kubernetes pkg/registry/rbac/{clusterrole,clusterrolebinding}/policybased/storage.go, escalation_check.go.
 */
export function createEscalationCheck({ policy, authorizer }: EscalationDependencies) {
  const roleErrors = resourceErrors(CLUSTER_ROLES);
  const bindingErrors = resourceErrors(CLUSTER_ROLE_BINDINGS);

  async function may(user: UserInfo, verb: "escalate" | "bind", name: string): Promise<boolean> {
    const { resource } = CLUSTER_ROLES;
    const right = { kind: "resource", verb, group: RBAC_GROUP, version: "*", resource, name } as const;
    return (await authorizer.authorize(user, right)).allowed;
  }

  function requireHeld(user: UserInfo, rules: readonly PolicyRule[], refused: (detail: string) => StatusError): void {
    try {
      const missing = uncoveredRights(policy.rulesFor(user, ""), rules);
      if (missing.length > 0) throw refused(tellMissing(user, missing));
    } catch (error) {
      if (error instanceof TooManyRightsError) throw refused(error.message);
      throw error;
    }
  }

  return {
    /** @throws {StatusError} Forbidden when the role would hold rights that its author does not. */
    async role(user: UserInfo, before: ClusterRole | undefined, after: ClusterRole): Promise<void> {
      const { name } = after.metadata;
      // As in kube-apiserver, a creation has no name to judge by.
      const named = before === undefined ? "" : name;
      if (privilegedGroupOf(user) !== undefined || (await may(user, "escalate", named))) return;
      if (before !== undefined && isForGarbageCollectionOnly(before, after)) return;
      const refused = (detail: string): StatusError => roleErrors.forbidden(name, detail);
      requireHeld(user, (after.rules ?? []).map(ruleOf), refused);
      if (!aggregates(after) && (before === undefined || !aggregates(before))) return;
      requireHeld(user, FULL_AUTHORITY, () => refused("only who holds every right may use an aggregationRule"));
    },

    /** @throws {StatusError} Forbidden when the role grants rights that the author lacks; NotFound without the role. */
    async binding(user: UserInfo, before: ClusterRoleBinding | undefined, after: ClusterRoleBinding): Promise<void> {
      const role = after.roleRef.name;
      if (privilegedGroupOf(user) !== undefined) return;
      if (before !== undefined && isForGarbageCollectionOnly(before, after)) return;
      if (await may(user, "bind", role)) return;
      const rules = policy.rulesOfClusterRole(role);
      if (rules === undefined) throw roleMissing(role);
      requireHeld(user, rules, (detail) => bindingErrors.forbidden(after.metadata.name, detail));
    },
  };
}

/** As kube-apiserver, which names the resource that was asked for and the object that was not found. */
function roleMissing(name: string): StatusError {
  const { message } = resourceErrors(CLUSTER_ROLES).notFound(name);
  const details = { name, group: RBAC_GROUP, kind: CLUSTER_ROLE_BINDINGS.resource };
  return new StatusError("NotFound", message, { details });
}

export type EscalationCheck = ReturnType<typeof createEscalationCheck>;

function aggregates({ aggregationRule }: ClusterRole): boolean {
  return (aggregationRule?.clusterRoleSelectors ?? []).length > 0;
}

/** A garbage collector, which holds few rights, must be able to let any object go. */
function isForGarbageCollectionOnly<T extends ClusterRole | ClusterRoleBinding>(before: T, after: T): boolean {
  const { ownerReferences: _o, finalizers: _f, ...metadata } = after.metadata;
  const { ownerReferences, finalizers } = before.metadata;
  return isSameValue({ ...after, metadata: { ...metadata, ownerReferences, finalizers } }, before);
}

function tellMissing({ username, groups }: UserInfo, missing: readonly PolicyRule[]): string {
  const named = missing.slice(0, NAMED_RIGHTS).map(tell);
  const rest = missing.length > named.length ? [`and ${missing.length - named.length} more`] : [];
  const who = `user ${JSON.stringify(username)} (groups=${JSON.stringify(groups)})`;
  return `${who} is attempting to grant RBAC permissions not currently held:\n${[...named, ...rest].join("\n")}`;
}

function tell(rule: PolicyRule): string {
  const told = Object.entries(rule).filter(([, list]) => (list as readonly string[]).length > 0);
  return `{${told.map(([key, list]) => `${key}: ${JSON.stringify(list)}`).join(", ")}}`;
}
