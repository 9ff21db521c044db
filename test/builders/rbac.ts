import {
  type BindingObject,
  objectKey,
  type PolicyRule,
  type RbacObject,
  type RbacSubject,
  type RoleObject,
} from "../../services/certificate-authority/access/rbac/objects.ts";
import { STOCK_OBJECTS } from "../../services/certificate-authority/access/rbac/stock-objects.ts";

export function policyRule(overrides: Partial<PolicyRule> = {}): PolicyRule {
  return { verbs: [], apiGroups: [], resources: [], resourceNames: [], nonResourceURLs: [], ...overrides };
}

export function clusterRole(name: string, ...rules: readonly Partial<PolicyRule>[]): RoleObject {
  return {
    kind: "ClusterRole",
    name,
    namespace: "",
    labels: {},
    rules: rules.map(policyRule),
    aggregatedFrom: undefined,
  };
}

export function subject(kind: RbacSubject["kind"], name: string, namespace = ""): RbacSubject {
  return { kind, name, namespace };
}

export function clusterRoleBinding(name: string, role: string, ...subjects: readonly RbacSubject[]): BindingObject {
  return { kind: "ClusterRoleBinding", name, namespace: "", roleRef: { kind: "ClusterRole", name: role }, subjects };
}

/** The stock objects with others laid over them: one of the same kind and name takes the stock one's place. */
export function withStockObjects(own: readonly RbacObject[]): readonly RbacObject[] {
  return [...new Map([...STOCK_OBJECTS, ...own].map((object) => [objectKey(object), object])).values()];
}
