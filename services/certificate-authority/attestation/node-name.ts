import { denied } from "./refusal.ts";

/** `{field}`, or `{field - .suffix}` for what stands before a fixed ending. */
const PLACEHOLDER = /\{([a-z0-9_]+)(?: - ([^{}\s]+))?\}/g;
const ASCII = /^[\x20-\x7e]+$/;
const LITERAL = /^[a-z0-9.-]*$/;
const SUBDOMAIN = /^(?=.{1,253}$)[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?(\.[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?)*$/;

/** @returns what is wrong with a template, in words; undefined when nothing is. */
export function templateProblem(template: string): string | undefined {
  if (!template.includes("{"))
    return "must hold a field in braces, for example {instance_name}: all machines would get one name";
  const rest = template.replaceAll(PLACEHOLDER, "");
  return LITERAL.test(rest)
    ? undefined
    : "must be made of {field}, {field - .suffix} and lower-case letters, digits, - and .";
}

/**
 * The name that a template makes of verified fields, in lower case.
 *
 * @throws {AttestationRefusal} when a field is missing or empty, does not end as it should, or the outcome is no node's name.
 */
export function nameOf(template: string, fields: Readonly<Record<string, string>>): string {
  const name = template.replaceAll(PLACEHOLDER, (_whole, field: string, suffix: string | undefined) =>
    shownValue(fields, field, suffix),
  );
  return requireNodeName(name.toLowerCase());
}

/** @throws {AttestationRefusal} for what cannot be a node's name: no DNS subdomain in lower case. */
export function requireNodeName(name: string): string {
  if (!SUBDOMAIN.test(name)) throw denied(`${JSON.stringify(name)} is no node's name: no DNS subdomain in lower case`);
  return name;
}

function shownValue(fields: Readonly<Record<string, string>>, field: string, suffix: string | undefined): string {
  const value = Object.hasOwn(fields, field) ? (fields[field] ?? "") : "";
  if (value === "") throw denied(`the evidence shows no ${field}, of which the profile makes the node's name`);
  // In lower case the Kelvin sign is a k: two machines would come to one name.
  if (!ASCII.test(value)) throw denied(`${field} ${JSON.stringify(value)} is not made of printable ASCII characters`);
  if (suffix === undefined) return value;
  const isLonger = value.length > suffix.length && value.toLowerCase().endsWith(suffix.toLowerCase());
  if (!isLonger) throw denied(`${field} ${JSON.stringify(value)} does not end in ${suffix}`);
  return value.slice(0, -suffix.length);
}
