import { fieldsOf, isAbsent } from "../references/reading.ts";
import { sameQuantity } from "./quantity.ts";

/**
 * How two values at a place are compared: by amount, by instant, with nothing told from something empty, or as a map
 * whose keys count even with empty values. Undefined is for the fields of Kubernetes' types.
 */
export type Comparison = "quantity" | "time" | "presence" | "map" | undefined;

/** Far deeper than any field of Kubernetes' types; what is nested deeper would exhaust the stack, and is equal to nothing. */
const MAX_DEPTH = 100;

/**
 * Whether two pieces of JSON mean the same to Kubernetes: null and empty lists, maps, texts, false and 0 are what is not
 * there, quantities count by value and times by instant.
 *
 * @param comparisonAt - how to compare what is at a path that is joined by dots.
 * Source: kubernetes staging/src/k8s.io/apimachinery/pkg/api/equality/semantic.go.
 */
export function isSemanticallyEqual(
  left: unknown,
  right: unknown,
  comparisonAt: (path: string) => Comparison = () => undefined,
  path = "",
  depth = 0,
): boolean {
  if (depth > MAX_DEPTH) return false;
  const comparison = comparisonAt(path);
  if (comparison === "presence" && isAbsent(left) !== isAbsent(right)) return false;
  if (isEmpty(left) && isEmpty(right)) return true;
  if (Array.isArray(left) && Array.isArray(right)) {
    return (
      left.length === right.length &&
      left.every((item, index) => isSemanticallyEqual(item, right[index], comparisonAt, `${path}[]`, depth + 1))
    );
  }
  if (Array.isArray(left) || Array.isArray(right)) return false;
  const leftFields = fieldsOf(left);
  const rightFields = fieldsOf(right);
  if (leftFields === undefined || rightFields === undefined) {
    // An empty map is what is not there; a map with something in it is not.
    if (leftFields !== undefined || rightFields !== undefined) {
      return isEmptyMap(leftFields, right, comparison) || isEmptyMap(rightFields, left, comparison);
    }
    return isEqualScalar(left, right, comparison);
  }
  if (comparison === "map" && !haveSameKeys(leftFields, rightFields)) return false;
  for (const key of new Set([...Object.keys(leftFields), ...Object.keys(rightFields)])) {
    const inner = path === "" ? key : `${path}.${key}`;
    if (!isSemanticallyEqual(own(leftFields, key), own(rightFields, key), comparisonAt, inner, depth + 1)) return false;
  }
  return true;
}

/** Whether two maps of texts are the same; null is an empty one. */
export function sameTexts(left: unknown, right: unknown): boolean {
  if ((!isAbsent(left) && fieldsOf(left) === undefined) || (!isAbsent(right) && fieldsOf(right) === undefined)) {
    return false;
  }
  const leftFields = fieldsOf(left) ?? {};
  const rightFields = fieldsOf(right) ?? {};
  return (
    haveSameKeys(leftFields, rightFields) &&
    Object.keys(leftFields).every((key) => leftFields[key] === rightFields[key])
  );
}

function haveSameKeys(left: Readonly<Record<string, unknown>>, right: Readonly<Record<string, unknown>>): boolean {
  const keys = Object.keys(left);
  return keys.length === Object.keys(right).length && keys.every((key) => Object.hasOwn(right, key));
}

function isEmpty(value: unknown): boolean {
  if (isAbsent(value) || value === "" || value === false || value === 0) return true;
  return Array.isArray(value) && value.length === 0;
}

/** Whether a map holds nothing, so that it is the same as something absent. */
function isEmptyMap(
  fields: Readonly<Record<string, unknown>> | undefined,
  other: unknown,
  comparison: Comparison,
): boolean {
  if (fields === undefined || !isAbsent(other)) return false;
  return comparison === "map" ? Object.keys(fields).length === 0 : isSemanticallyEqual(fields, {});
}

function isEqualScalar(left: unknown, right: unknown, comparison: Comparison): boolean {
  if (left === right) return true;
  if (comparison === "quantity") return sameQuantity(left, right);
  if (comparison === "time" && typeof left === "string" && typeof right === "string") {
    return Date.parse(left) === Date.parse(right);
  }
  return false;
}

function own(fields: Readonly<Record<string, unknown>>, key: string): unknown {
  return Object.hasOwn(fields, key) ? fields[key] : undefined;
}
