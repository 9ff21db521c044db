/**
 * One rule of a role. Either resources are named or paths, never both; `*` is a wildcard only as a whole entry, as
 * `*` + `/subresource`, or at the end of a path.
 *
 * Source: kubernetes staging/src/k8s.io/api/rbac/v1/types.go (PolicyRule).
 */
export interface PolicyRule {
  readonly verbs: readonly string[];
  readonly apiGroups: readonly string[];
  /** `resource`, `resource/subresource`, `*` or `*` + `/subresource`. */
  readonly resources: readonly string[];
  /** Literal names; empty means every name. */
  readonly resourceNames: readonly string[];
  readonly nonResourceURLs: readonly string[];
}

/** Every right there is. */
export const FULL_AUTHORITY: readonly PolicyRule[] = [
  { verbs: ["*"], apiGroups: ["*"], resources: ["*"], resourceNames: [], nonResourceURLs: [] },
  { verbs: ["*"], apiGroups: [], resources: [], resourceNames: [], nonResourceURLs: ["*"] },
];

export interface LabelRequirement {
  readonly key: string;
  readonly operator: "In" | "NotIn" | "Exists" | "DoesNotExist";
  readonly values: readonly string[];
}

export interface LabelSelector {
  readonly matchLabels: Readonly<Record<string, string>>;
  readonly matchExpressions: readonly LabelRequirement[];
}

export interface RoleObject {
  readonly kind: "ClusterRole" | "Role";
  readonly name: string;
  /** Empty for a ClusterRole. */
  readonly namespace: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly rules: readonly PolicyRule[];
  /** When present the role's rules are those of every other ClusterRole that a selector matches, not its own. */
  readonly aggregatedFrom: readonly LabelSelector[] | undefined;
}

export interface RbacSubject {
  readonly kind: "User" | "Group" | "ServiceAccount";
  readonly name: string;
  /** Of a ServiceAccount; empty otherwise. */
  readonly namespace: string;
}

export interface BindingObject {
  readonly kind: "ClusterRoleBinding" | "RoleBinding";
  readonly name: string;
  /** Empty for a ClusterRoleBinding. */
  readonly namespace: string;
  readonly roleRef: { readonly kind: "ClusterRole" | "Role"; readonly name: string };
  readonly subjects: readonly RbacSubject[];
}

export type RbacObject = RoleObject | BindingObject;

/** `kind/namespace/name`: what makes two objects the same one. */
export function objectKey({ kind, namespace, name }: Pick<RbacObject, "kind" | "namespace" | "name">): string {
  return `${kind}/${namespace}/${name}`;
}
