import { directoryNameForm, dnsForm, emailForm, ipForm, type NameForm, uriForm } from "./name-forms.ts";
import type { ConstrainedNames, DirectoryName, ImposedConstraints } from "./name-subtrees.ts";

/**
 * The first name that a CA above the certificate does not allow, with the constraint, in words; undefined when there is
 * none. Never more generous than OpenSSL: what two readers could understand in two ways is refused.
 *
 * Source: RFC 5280 section 4.2.1.10; OpenSSL crypto/x509/v3_ncons.c.
 */
export function nameViolation(names: ConstrainedNames, imposed: readonly ImposedConstraints[]): string | undefined {
  for (const { issuer, constraints } of imposed) {
    const { permitted, excluded } = constraints;
    const found =
      violation(dnsForm, dnsForm.namesOf(names), permitted.dnsNames, excluded.dnsNames) ??
      violation(emailForm, emailForm.namesOf(names), permitted.emailAddresses, excluded.emailAddresses) ??
      violation(ipForm, ipForm.namesOf(names), permitted.ipRanges, excluded.ipRanges) ??
      violation(uriForm, uriForm.namesOf(names), permitted.uriHosts, excluded.uriHosts) ??
      violation(directoryNameForm, directoryNameForm.namesOf(names), permitted.directoryNames, excluded.directoryNames);
    if (found !== undefined) return `${found} of the issuer ${JSON.stringify(issuer)}`;
  }
  return undefined;
}

/** As `nameViolation`, of the subject of a CA. */
export function subjectViolation(subject: DirectoryName, imposed: readonly ImposedConstraints[]): string | undefined {
  for (const { issuer, constraints } of imposed) {
    const { permitted, excluded } = constraints;
    const found = violation(directoryNameForm, [subject], permitted.directoryNames, excluded.directoryNames);
    if (found !== undefined) return `${found} of the issuer ${JSON.stringify(issuer)}`;
  }
  return undefined;
}

function violation<Name, Constraint>(
  form: NameForm<Name, Constraint>,
  names: readonly Name[],
  permitted: readonly Constraint[],
  excluded: readonly Constraint[],
): string | undefined {
  if (permitted.length === 0 && excluded.length === 0) return undefined;
  for (const name of names) {
    const shown = `the ${form.what} ${JSON.stringify(form.show(name))}`;
    if (form.isUnfit(name)) return `${shown} cannot be judged by the ${form.what} constraints`;
    const against = excluded.find((constraint) => form.isExcluded(name, constraint));
    if (against !== undefined) return `${shown} is excluded by the constraint ${show(form, [against])}`;
    if (permitted.length > 0 && !permitted.some((constraint) => form.isPermitted(name, constraint)))
      return `${shown} is outside the permitted ${show(form, permitted)}`;
  }
  return undefined;
}

function show<Name, Constraint>(form: NameForm<Name, Constraint>, constraints: readonly Constraint[]): string {
  return constraints.map((constraint) => JSON.stringify(form.showConstraint(constraint))).join(", ");
}
