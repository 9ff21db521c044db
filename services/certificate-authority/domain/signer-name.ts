import { isDnsLabel, isDnsSubdomain, MAX_SUBDOMAIN } from "../../shared/dns-names.ts";
import { type FieldError, invalidField, requiredField, tooLongField } from "./field-error.ts";

export const LEGACY_UNKNOWN_SIGNER = "kubernetes.io/legacy-unknown";

/** domain 253 + `/` + path 253 + `.` + 63. */
const MAX_SIGNER_NAME = 571;

/**
 * `<domain>/<path>`: at least two DNS labels, then dot-separated DNS subdomains. Every broken rule is reported.
 *
 * Source: kubernetes pkg/apis/core/validation/validation.go (ValidateSignerName).
 */
export function validateSignerName(field: string, signerName: string): FieldError[] {
  if (signerName === "") return [requiredField(field)];
  const [domain = "", path = "", ...rest] = signerName.split("/");
  if (!signerName.includes("/") || rest.length > 0) {
    return [invalidField(field, signerName, "must have the form 'example.com/signer-name'")];
  }
  const errors: FieldError[] = [];
  if (domain.length > MAX_SUBDOMAIN) errors.push(tooLongField(field, MAX_SUBDOMAIN));
  const labels = domain.split(".");
  for (const label of labels.filter((text) => !isDnsLabel(text))) {
    errors.push(invalidField(field, domain, `${JSON.stringify(label)} is no DNS label`));
  }
  if (labels.length < 2) errors.push(invalidField(field, domain, "must have at least two labels"));
  for (const piece of path.split(".").filter((text) => !isDnsSubdomain(text))) {
    errors.push(invalidField(field, path, `${JSON.stringify(piece)} is no DNS subdomain`));
  }
  if (signerName.length > MAX_SIGNER_NAME) errors.push(tooLongField(field, MAX_SIGNER_NAME));
  return errors;
}

/** The resource names under which somebody may hold a right on a signer; `*` is literal, no pattern. */
export function permissionNamesOf(signerName: string): readonly [exact: string, domain: string] {
  return [signerName, `${signerName.slice(0, signerName.indexOf("/"))}/*`];
}
