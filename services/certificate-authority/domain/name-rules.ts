import { isDnsSubdomain } from "../../shared/dns-names.ts";

const QUALIFIED_PART = /^([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]$/;
const LABEL_VALUE = /^(([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9])?$/;

const MAX_LABEL = 63;

/**
 * Why `name` cannot be one segment of a URL path, or undefined when it can: upper case and `_` are fine.
 *
 * @param isPrefix - the name will be completed, so that `.` and `..` do no harm.
 * Source: kubernetes apimachinery pkg/api/validation/path/name.go.
 */
export function pathSegmentProblem(name: string, isPrefix: boolean): string | undefined {
  if (!isPrefix && (name === "." || name === "..")) return `may not be '${name}'`;
  if (name.includes("/")) return "may not contain '/'";
  if (name.includes("%")) return "may not contain '%'";
  return undefined;
}

/**
 * A key of labels, annotations and finalizers: `[subdomain/]name`, the name at most 63 characters of `A-Za-z0-9-_.`.
 * Source: kubernetes apimachinery pkg/util/validation/validation.go (IsQualifiedName).
 */
export function isQualifiedName(text: string): boolean {
  const parts = text.split("/");
  const name = parts.at(-1) ?? "";
  if (parts.length > 2 || name.length > MAX_LABEL || !QUALIFIED_PART.test(name)) return false;
  return parts.length === 1 || isDnsSubdomain(parts[0] ?? "");
}

/** Empty, or at most 63 characters as in a qualified name. */
export function isLabelValue(text: string): boolean {
  return text.length <= MAX_LABEL && LABEL_VALUE.test(text);
}
