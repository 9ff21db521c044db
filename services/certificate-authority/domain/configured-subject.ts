import { ATTESTED_USER_PREFIX } from "./attestation.ts";
import { ADMINISTRATORS_GROUP } from "./authorization.ts";
import type { Subject } from "./csr-facts.ts";
import { compileGlob } from "./glob.ts";
import { showName, showPatterns } from "./shown-name.ts";
import { SUBJECT_ATTRIBUTES, type SubjectRules } from "./signer-rules.ts";

/** Users and groups with a meaning of their own: they must be meant, a `*` does not reach them. */
const RESERVED_PREFIXES = ["system:", "gatehouse:", ATTESTED_USER_PREFIX];

/** Groups with every right, in a cluster and here: no configuration gives them away. */
const ALL_POWERFUL_GROUPS = ["system:masters", ADMINISTRATORS_GROUP];

/** Why a group can be in no certificate of a configured signer; undefined when nothing speaks against it. */
export function groupProblem(group: string): string | undefined {
  return ALL_POWERFUL_GROUPS.includes(group)
    ? `group ${group} has every right and is in no such certificate`
    : undefined;
}

/** Of one attribute: they are judged on the thread that serves. */
const MAXIMUM_VALUES = 100;

/** Every attribute of a requested subject that the rules do not allow, and every one that is missing, in words. */
export function subjectViolations(rules: SubjectRules, subject: Subject): readonly string[] {
  return SUBJECT_ATTRIBUTES.flatMap((attribute) => {
    const values = [subject[attribute]].flat().filter((value) => value !== "");
    const field = `subject.${attribute}`;
    if (values.length === 0) return rules.required.includes(attribute) ? [`${field} is required`] : [];
    if (values.length > MAXIMUM_VALUES) return [`${field} has more than ${MAXIMUM_VALUES} values`];
    const patterns = rules[attribute];
    return values.flatMap((value) => {
      const problem = attribute === "organization" ? groupProblem(value) : undefined;
      if (problem !== undefined) return [`${field} ${showName(value)}: ${problem}`];
      return isAllowed(value, patterns)
        ? []
        : [`${field} ${showName(value)} is not allowed; ${showPatterns(patterns)}`];
    });
  });
}

function isAllowed(value: string, patterns: readonly string[]): boolean {
  const reserved = RESERVED_PREFIXES.find((prefix) => value.startsWith(prefix)) ?? "";
  return patterns.some((pattern) => pattern.startsWith(reserved) && compileGlob(pattern)(value));
}
