import type { SubjectAltNames } from "./csr-facts.ts";
import { compileGlob } from "./glob.ts";
import { ipForm } from "./name-forms.ts";
import { showName, showPatterns } from "./shown-name.ts";
import { type AlternativeNameRules, NAME_RULES } from "./signer-rules.ts";

/** Of one kind: they are judged on the thread that serves. */
const MAXIMUM_NAMES = 500;

type NameRule = (typeof NAME_RULES)[number];

/** Where the names of a rule are. */
const FIELDS: Readonly<Record<NameRule, keyof SubjectAltNames>> = {
  dnsNames: "dnsNames",
  emailAddresses: "emailAddresses",
  ipRanges: "ipAddresses",
  uris: "uris",
};

/** Every requested alternative name that the rules do not allow, and every kind that is missing, in words. */
export function alternativeNameViolations(rules: AlternativeNameRules, sans: SubjectAltNames): readonly string[] {
  return NAME_RULES.flatMap((rule) => {
    const field = FIELDS[rule];
    const names = sans[field];
    if (names.length === 0) return rules.required.includes(rule) ? [`subjectAltNames.${field} is required`] : [];
    if (names.length > MAXIMUM_NAMES) return [`subjectAltNames.${field} has more than ${MAXIMUM_NAMES} names`];
    const patterns = rules[rule];
    const tests = patterns.map((pattern) => testOf(rule, pattern, rules));
    return names
      .filter((name) => !tests.some((isAllowed) => isAllowed(name)))
      .map((name) => `subjectAltNames.${field} ${showName(name)} is not allowed; ${showPatterns(patterns)}`);
  });
}

function testOf(
  rule: NameRule,
  pattern: string,
  { wildcardDnsNames }: AlternativeNameRules,
): (name: string) => boolean {
  switch (rule) {
    case "dnsNames": {
      const never = wildcardDnsNames ? {} : { never: "*" };
      const matches = compileGlob(pattern.toLowerCase(), { separator: ".", ...never });
      return (name) => matches(name.toLowerCase());
    }
    case "emailAddresses":
      return compileGlob(pattern, { separator: "@" });
    case "ipRanges":
      return (name) => ipForm.isPermitted(name, pattern);
    case "uris":
      return compileGlob(pattern, { separator: "/" });
    default:
      return rule satisfies never;
  }
}
