import type { ClusterRole, ClusterRoleBinding } from "../../services/certificate-authority/domain/rbac/objects.ts";

const API_VERSION = "rbac.authorization.k8s.io/v1";
const META = { uid: "u", resourceVersion: "1", creationTimestamp: "2026-01-02T03:04:05Z" };

type RoleOverrides = Partial<Pick<ClusterRole, "rules" | "aggregationRule">> & {
  metadata?: Partial<ClusterRole["metadata"]>;
};

/** A stored ClusterRole that may get requests unless overridden. */
export function apiRole(name: string, { metadata, ...overrides }: RoleOverrides = {}): ClusterRole {
  return {
    apiVersion: API_VERSION,
    kind: "ClusterRole",
    metadata: { name, ...META, ...metadata },
    rules: [{ verbs: ["get"], apiGroups: ["certificates.k8s.io"], resources: ["certificatesigningrequests"] }],
    ...overrides,
  };
}

type BindingOverrides = Partial<Pick<ClusterRoleBinding, "subjects">> & { metadata?: Partial<ClusterRole["metadata"]> };

/** A stored ClusterRoleBinding to the user alice unless overridden. */
export function apiBinding(
  name: string,
  role: string,
  { metadata, ...overrides }: BindingOverrides = {},
): ClusterRoleBinding {
  return {
    apiVersion: API_VERSION,
    kind: "ClusterRoleBinding",
    metadata: { name, ...META, ...metadata },
    subjects: [{ kind: "User", apiGroup: "rbac.authorization.k8s.io", name: "alice" }],
    roleRef: { apiGroup: "rbac.authorization.k8s.io", kind: "ClusterRole", name: role },
    ...overrides,
  };
}
