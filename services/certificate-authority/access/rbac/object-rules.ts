import type { ObjectMeta } from "../../../shared/kubernetes/object-meta.ts";
import type { ApiObject } from "../../domain/api-object.ts";
import {
  CLUSTER_ROLE_BINDINGS,
  CLUSTER_ROLES,
  type ClusterRole,
  type ClusterRoleBinding,
  type ClusterRoleBindingContent,
  type ClusterRoleContent,
  RBAC_API_VERSION,
  RBAC_GROUP,
} from "../../domain/rbac/objects.ts";
import { validateClusterRole, validateClusterRoleBinding, validateRoleRefUntouched } from "../../domain/rbac/rules.ts";
import { type ResourceErrors, resourceErrors } from "../../domain/resource-errors.ts";
import type { ObjectRules } from "../../registry/contract.ts";
import type { EscalationCheck } from "./escalation.ts";
import { isManaged, validateUnmanaged } from "./managed.ts";

export type ClusterRoleRules = ObjectRules<ClusterRole, ClusterRoleContent>;
export type ClusterRoleBindingRules = ObjectRules<ClusterRoleBinding, ClusterRoleBindingContent>;

export function buildClusterRole(metadata: ObjectMeta, { rules, aggregationRule }: ClusterRoleContent): ClusterRole {
  return {
    apiVersion: RBAC_API_VERSION,
    kind: CLUSTER_ROLES.kind,
    metadata,
    rules: rules === null || rules.length === 0 ? null : rules,
    ...(aggregationRule && { aggregationRule }),
  };
}

/** Fills in the API groups that may be left out. Source: kubernetes pkg/apis/rbac/v1/defaults.go. */
export function buildClusterRoleBinding(
  metadata: ObjectMeta,
  { roleRef, subjects = [] }: ClusterRoleBindingContent,
): ClusterRoleBinding {
  const filled = subjects.map(({ kind, apiGroup, name, namespace }) => {
    const group = apiGroup || (kind === "User" || kind === "Group" ? RBAC_GROUP : "");
    return { kind, ...(group && { apiGroup: group }), name, ...(namespace && { namespace }) };
  });
  return {
    apiVersion: RBAC_API_VERSION,
    kind: CLUSTER_ROLE_BINDINGS.kind,
    metadata,
    ...(filled.length > 0 && { subjects: filled }),
    roleRef: { ...roleRef, apiGroup: roleRef.apiGroup || RBAC_GROUP },
  };
}

/** What makes a ClusterRole one, for the registry. */
export function clusterRoleRules(escalation: EscalationCheck): ClusterRoleRules {
  const errors = resourceErrors(CLUSTER_ROLES);
  return {
    names: CLUSTER_ROLES,
    createsOnUpdate: true,
    build: buildClusterRole,
    validate: (role) => [...validateClusterRole(role), ...validateUnmanaged(role)],
    validateChange: () => [],
    async admit(requester, before, after) {
      requireUnmanaged(before, errors);
      await escalation.role(requester, before, after);
    },
    admitRemoval: (stored) => requireUnmanaged(stored, errors),
  };
}

/** What makes a ClusterRoleBinding one, for the registry. */
export function clusterRoleBindingRules(escalation: EscalationCheck): ClusterRoleBindingRules {
  const errors = resourceErrors(CLUSTER_ROLE_BINDINGS);
  return {
    names: CLUSTER_ROLE_BINDINGS,
    createsOnUpdate: true,
    build: buildClusterRoleBinding,
    validate: (binding) => [...validateClusterRoleBinding(binding), ...validateUnmanaged(binding)],
    validateChange: (before, after) => validateRoleRefUntouched(before.roleRef, after.roleRef),
    async admit(requester, before, after) {
      requireUnmanaged(before, errors);
      await escalation.binding(requester, before, after);
    },
    admitRemoval: (stored) => requireUnmanaged(stored, errors),
  };
}

function requireUnmanaged(stored: ApiObject | undefined, errors: ResourceErrors): void {
  if (stored === undefined || !isManaged(stored.metadata)) return;
  const way = "it is what a file of rbac.files says: change the file and restart";
  throw errors.forbidden(stored.metadata.name, way);
}
