import { parseFieldSelector } from "../../../shared/kubernetes/field-selector.ts";
import { isLabelKey, isLabelValue, parseLabelSelector } from "../../../shared/kubernetes/label-selector.ts";
import { isStatusError, type StatusCause } from "../../../shared/status-error.ts";
import { cause } from "../invalid.ts";

export interface SelectorRequirement {
  readonly key?: string;
  readonly operator?: string;
  readonly values?: readonly string[];
}

/** A selector as a review states it: as text, or as requirements. */
export interface SelectorAttributes {
  readonly rawSelector?: string;
  readonly requirements?: readonly SelectorRequirement[];
}

export type SelectorName = "fieldSelector" | "labelSelector";

const WITH_VALUES: readonly unknown[] = ["In", "NotIn"];
const WITHOUT_VALUES: readonly unknown[] = ["Exists", "DoesNotExist"];

/** Source: kubernetes pkg/apis/authorization/validation/validation.go. */
export function* selectorProblems(
  name: SelectorName,
  selector: SelectorAttributes | undefined,
): Generator<StatusCause> {
  if (selector === undefined) return;
  const path = `spec.resourceAttributes.${name}`;
  const { rawSelector = "", requirements = [] } = selector;
  if (rawSelector !== "" && requirements.length > 0) {
    yield cause("Invalid", `${path}.rawSelector`, "cannot be combined with requirements");
  }
  if (rawSelector === "" && requirements.length === 0) {
    yield cause("Required", `${path}.requirements`, "requirements or rawSelector is needed");
  }
  for (const [index, requirement] of requirements.entries()) {
    yield* requirementProblems(`${path}.requirements[${index}]`, name, requirement);
  }
}

function* requirementProblems(
  path: string,
  name: SelectorName,
  { key = "", operator, values = [] }: SelectorRequirement,
): Generator<StatusCause> {
  if (WITH_VALUES.includes(operator) && values.length === 0) {
    yield cause("Required", `${path}.values`, "must be given when operator is In or NotIn");
  }
  if (WITHOUT_VALUES.includes(operator) && values.length > 0) {
    yield cause("Forbidden", `${path}.values`, "may not be given when operator is Exists or DoesNotExist");
  }
  if (name === "fieldSelector") {
    if (key === "") yield cause("Required", `${path}.key`, "must be given");
    return;
  }
  if (!isLabelKey(key)) yield cause("Invalid", `${path}.key`, "must be a label key");
  for (const [index, value] of values.entries()) {
    if (!isLabelValue(value)) yield cause("Invalid", `${path}.values[${index}]`, "must be a label value");
  }
}

/**
 * What an answer says of selectors that no authorizer could make anything of.
 *
 * Source: kubernetes pkg/registry/authorization/util/helpers.go.
 */
export function selectorErrors(
  selectors: Readonly<Partial<Record<SelectorName, SelectorAttributes | undefined>>>,
): readonly string[] {
  return (["fieldSelector", "labelSelector"] as const).flatMap((name) => {
    const selector = selectors[name];
    if (selector === undefined || isUnderstood(name, selector)) return [];
    return [`spec.resourceAttributes.${name} is not understood and was ignored`];
  });
}

function isUnderstood(name: SelectorName, { rawSelector = "", requirements = [] }: SelectorAttributes): boolean {
  if (rawSelector !== "") return isSelector(name, rawSelector);
  return requirements.every(({ operator, values = [] }) => {
    if (name === "fieldSelector") return WITH_VALUES.includes(operator) && values.length === 1;
    return WITH_VALUES.includes(operator) || WITHOUT_VALUES.includes(operator);
  });
}

function isSelector(name: SelectorName, text: string): boolean {
  try {
    if (name === "labelSelector") parseLabelSelector(text);
    else parseFieldSelector(text);
    return true;
  } catch (error) {
    if (!isStatusError(error, "BadRequest")) throw error;
    return false;
  }
}
