import type {
  ClusterRole,
  ClusterRoleBinding,
  ClusterRoleBindingContent,
  ClusterRoleContent,
  LabelSelectorFields,
  RuleFields,
} from "../../domain/rbac/objects.ts";
import { RBAC_GROUP } from "../../domain/rbac/objects.ts";
import type { BindingObject, LabelRequirement, LabelSelector, PolicyRule, RbacSubject, RoleObject } from "./objects.ts";

// Stored objects have been judged, so that their kinds and operators are known ones.

export function ruleOf(fields: RuleFields): PolicyRule {
  const { verbs, apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] } = fields;
  return { verbs, apiGroups, resources, resourceNames, nonResourceURLs };
}

function selectorOf({ matchLabels = {}, matchExpressions = [] }: LabelSelectorFields): LabelSelector {
  const requirements = matchExpressions.map(({ key, operator, values = [] }) => {
    return { key, operator: operator as LabelRequirement["operator"], values };
  });
  return { matchLabels, matchExpressions: requirements };
}

/** The role as the policy takes it. */
export function roleObjectOf({ metadata, rules, aggregationRule }: ClusterRole): RoleObject {
  return {
    kind: "ClusterRole",
    name: metadata.name,
    namespace: "",
    labels: metadata.labels ?? {},
    rules: (rules ?? []).map(ruleOf),
    aggregatedFrom: aggregationRule?.clusterRoleSelectors?.map(selectorOf),
  };
}

/** The binding as the policy takes it. */
export function bindingObjectOf({ metadata, roleRef, subjects = [] }: ClusterRoleBinding): BindingObject {
  return {
    kind: "ClusterRoleBinding",
    name: metadata.name,
    namespace: "",
    roleRef: { kind: "ClusterRole", name: roleRef.name },
    subjects: subjects.map(({ kind, name, namespace = "" }) => ({
      kind: kind as RbacSubject["kind"],
      name,
      namespace: kind === "ServiceAccount" ? namespace : "",
    })),
  };
}

/** What the API shows of a role of ours or of a file. */
export function roleContentOf({ rules, aggregatedFrom }: RoleObject): ClusterRoleContent {
  return {
    rules: rules.length === 0 ? null : rules.map(fieldsOf),
    ...(aggregatedFrom && { aggregationRule: { clusterRoleSelectors: aggregatedFrom.map(selectorFieldsOf) } }),
  };
}

/** What the API shows of a binding of ours or of a file. */
export function bindingContentOf({ roleRef, subjects }: BindingObject): ClusterRoleBindingContent {
  const shown = subjects.map(({ kind, name, namespace }) =>
    kind === "ServiceAccount" ? { kind, name, namespace } : { kind, apiGroup: RBAC_GROUP, name },
  );
  return {
    ...(shown.length > 0 && { subjects: shown }),
    roleRef: { apiGroup: RBAC_GROUP, kind: roleRef.kind, name: roleRef.name },
  };
}

export function fieldsOf({ verbs, apiGroups, resources, resourceNames, nonResourceURLs }: PolicyRule): RuleFields {
  return {
    verbs,
    ...(apiGroups.length > 0 && { apiGroups }),
    ...(resources.length > 0 && { resources }),
    ...(resourceNames.length > 0 && { resourceNames }),
    ...(nonResourceURLs.length > 0 && { nonResourceURLs }),
  };
}

function selectorFieldsOf({ matchLabels, matchExpressions }: LabelSelector): LabelSelectorFields {
  const requirements = matchExpressions.map(({ key, operator, values }) => {
    return { key, operator, ...(values.length > 0 && { values }) };
  });
  return {
    ...(Object.keys(matchLabels).length > 0 && { matchLabels }),
    ...(requirements.length > 0 && { matchExpressions: requirements }),
  };
}
