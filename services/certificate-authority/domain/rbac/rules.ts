import { isDnsSubdomain } from "../../../shared/dns-names.ts";
import { type FieldError, forbiddenField, invalidField, requiredField, unsupportedField } from "../field-error.ts";
import { isLabelValue, isQualifiedName, pathSegmentProblem } from "../name-rules.ts";
import {
  type ClusterRoleBindingContent,
  type ClusterRoleContent,
  type LabelSelectorFields,
  RBAC_GROUP,
  type RoleReference,
  type RuleFields,
  type SelectorRequirementFields,
  type SubjectFields,
} from "./objects.ts";

const OPERATORS = ["In", "NotIn", "Exists", "DoesNotExist"];

/** Every rule that the content of a ClusterRole breaks. Source: kubernetes pkg/apis/rbac/validation/validation.go. */
export function validateClusterRole({ rules, aggregationRule }: ClusterRoleContent): FieldError[] {
  const errors = (rules ?? []).flatMap((rule, index) => validateRule(`rules[${index}]`, rule));
  if (aggregationRule === undefined) return errors;
  const path = "aggregationRule.clusterRoleSelectors";
  const selectors = aggregationRule.clusterRoleSelectors ?? [];
  if (selectors.length === 0) errors.push(requiredField(path, "an aggregationRule needs at least one selector"));
  return [...errors, ...selectors.flatMap((selector, index) => validateSelector(`${path}[${index}]`, selector))];
}

function validateRule(path: string, rule: RuleFields): FieldError[] {
  const { verbs, apiGroups = [], resources = [], resourceNames = [], nonResourceURLs = [] } = rule;
  const errors = verbs.length === 0 ? [requiredField(`${path}.verbs`, "at least one verb is needed")] : [];
  if (nonResourceURLs.length > 0) {
    if (apiGroups.length + resources.length + resourceNames.length === 0) return errors;
    const detail = "a rule applies either to resources or to paths, not to both";
    return [...errors, invalidField(`${path}.nonResourceURLs`, nonResourceURLs.join(", "), detail)];
  }
  if (apiGroups.length === 0) errors.push(requiredField(`${path}.apiGroups`, "a rule for resources needs API groups"));
  if (resources.length === 0) errors.push(requiredField(`${path}.resources`, "a rule for resources needs resources"));
  return errors;
}

/** Source: kubernetes staging/src/k8s.io/apimachinery/pkg/apis/meta/v1/validation/validation.go. */
function validateSelector(path: string, { matchLabels = {}, matchExpressions = [] }: LabelSelectorFields) {
  const labels = Object.entries(matchLabels).flatMap(([key, value]) => [
    ...(isQualifiedName(key) ? [] : [invalidField(`${path}.matchLabels`, key, "must be a label key")]),
    ...(isLabelValue(value) ? [] : [invalidField(`${path}.matchLabels`, value, "must be a label value")]),
  ]);
  const expressions = matchExpressions.map((requirement, index) =>
    validateRequirement(`${path}.matchExpressions[${index}]`, requirement),
  );
  const errors = [...labels, ...expressions.flat()];
  return errors.length === 0 ? [] : [...errors, invalidField(path, "", "is no label selector")];
}

function validateRequirement(path: string, { key, operator, values = [] }: SelectorRequirementFields): FieldError[] {
  const errors: FieldError[] = [];
  const needsValues = operator === "In" || operator === "NotIn";
  if (needsValues && values.length === 0) {
    errors.push(requiredField(`${path}.values`, "must be given when operator is In or NotIn"));
  }
  if ((operator === "Exists" || operator === "DoesNotExist") && values.length > 0) {
    errors.push(forbiddenField(`${path}.values`, "may not be given when operator is Exists or DoesNotExist"));
  }
  if (!OPERATORS.includes(operator)) {
    errors.push(invalidField(`${path}.operator`, operator, `must be one of ${OPERATORS.join(", ")}`));
  }
  if (!isQualifiedName(key)) errors.push(invalidField(`${path}.key`, key, "must be a label key"));
  for (const [index, value] of values.entries()) {
    if (!isLabelValue(value)) errors.push(invalidField(`${path}.values[${index}]`, value, "must be a label value"));
  }
  return errors;
}

/** Every rule that the content of a ClusterRoleBinding breaks. Source as of `validateClusterRole`. */
export function validateClusterRoleBinding({ roleRef, subjects = [] }: ClusterRoleBindingContent): FieldError[] {
  return [
    ...validateRoleRef(roleRef),
    ...subjects.flatMap((subject, index) => validateSubject(`subjects[${index}]`, subject)),
  ];
}

/** A binding stays what it is: who holds it may change, what it grants may not. */
export function validateRoleRefUntouched(before: RoleReference, after: RoleReference): FieldError[] {
  const { apiGroup, kind, name } = before;
  if (apiGroup === after.apiGroup && kind === after.kind && name === after.name) return [];
  const value = `${after.apiGroup}/${after.kind}/${after.name}`;
  return [invalidField("roleRef", value, "may not be changed: delete the binding and make it anew")];
}

function validateRoleRef({ apiGroup, kind, name }: RoleReference): FieldError[] {
  const errors: FieldError[] = [];
  if (apiGroup !== RBAC_GROUP) errors.push(unsupportedField("roleRef.apiGroup", apiGroup, [RBAC_GROUP]));
  if (kind !== "ClusterRole") errors.push(unsupportedField("roleRef.kind", kind, ["ClusterRole"]));
  const problem = pathSegmentProblem(name, false);
  if (name === "") errors.push(requiredField("roleRef.name"));
  else if (problem !== undefined) errors.push(invalidField("roleRef.name", name, problem));
  return errors;
}

function validateSubject(path: string, subject: SubjectFields): FieldError[] {
  const { kind, apiGroup = "", name, namespace = "" } = subject;
  const errors = name === "" ? [requiredField(`${path}.name`)] : [];
  switch (kind) {
    case "ServiceAccount":
      if (name !== "" && !isDnsSubdomain(name)) {
        errors.push(invalidField(`${path}.name`, name, "must be the name of a service account, a DNS subdomain"));
      }
      if (apiGroup !== "") errors.push(unsupportedField(`${path}.apiGroup`, apiGroup, [""]));
      if (namespace === "") errors.push(requiredField(`${path}.namespace`));
      break;
    case "User":
    case "Group":
      if (apiGroup !== RBAC_GROUP) errors.push(unsupportedField(`${path}.apiGroup`, apiGroup, [RBAC_GROUP]));
      break;
    default:
      errors.push(unsupportedField(`${path}.kind`, kind, ["ServiceAccount", "User", "Group"]));
  }
  return errors;
}
