import type { ApiObject, ResourceName } from "../api-object.ts";

export const RBAC_GROUP = "rbac.authorization.k8s.io";
export const RBAC_API_VERSION = "rbac.authorization.k8s.io/v1";

export const CLUSTER_ROLES: ResourceName = { group: RBAC_GROUP, kind: "ClusterRole", resource: "clusterroles" };
export const CLUSTER_ROLE_BINDINGS: ResourceName = {
  ...{ group: RBAC_GROUP, kind: "ClusterRoleBinding", resource: "clusterrolebindings" },
};

/** One rule as JSON carries it: lists that are empty are left out. */
export interface RuleFields {
  readonly verbs: readonly string[];
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly nonResourceURLs?: readonly string[];
}

export interface SelectorRequirementFields {
  readonly key: string;
  /** `In`, `NotIn`, `Exists` or `DoesNotExist` once it is judged. */
  readonly operator: string;
  readonly values?: readonly string[];
}

export interface LabelSelectorFields {
  readonly matchLabels?: Readonly<Record<string, string>>;
  readonly matchExpressions?: readonly SelectorRequirementFields[];
}

export interface ClusterRoleContent {
  /** `null` for none, as Kubernetes writes it. */
  readonly rules: readonly RuleFields[] | null;
  readonly aggregationRule?: { readonly clusterRoleSelectors?: readonly LabelSelectorFields[] };
}

export interface SubjectFields {
  readonly kind: string;
  readonly apiGroup?: string;
  readonly name: string;
  readonly namespace?: string;
}

export interface RoleReference {
  readonly apiGroup: string;
  readonly kind: string;
  readonly name: string;
}

export interface ClusterRoleBindingContent {
  readonly subjects?: readonly SubjectFields[];
  readonly roleRef: RoleReference;
}

/** Source: kubernetes staging/src/k8s.io/api/rbac/v1/types.go. */
export interface ClusterRole extends ApiObject, ClusterRoleContent {}
export interface ClusterRoleBinding extends ApiObject, ClusterRoleBindingContent {}
