import type { UpdateTarget } from "./certificate-signing-request.ts";
import {
  duplicateField,
  type FieldError,
  forbiddenField,
  invalidField,
  requiredField,
  unsupportedField,
} from "./field-error.ts";
import type { CertificateInspector } from "./ports.ts";
import { isSameValue } from "./same-value.ts";

const CONDITIONS = "status.conditions";
const CERTIFICATE = "status.certificate";
const APPROVAL_TYPES = ["Approved", "Denied"];
const LASTING_TYPES = [...APPROVAL_TYPES, "Failed"];

/** A condition as far as rules read it; `status` may be anything. */
interface JudgedCondition {
  readonly type: string;
  readonly status: string;
}

export interface JudgedStatus {
  readonly conditions?: readonly JudgedCondition[];
  readonly certificate?: string;
}

/**
 * The rules for `status` after a write. A rule that the stored object breaks already is not held against the new one.
 *
 * Source: kubernetes pkg/apis/certificates/validation/validation.go.
 */
export function validateStatus(
  target: UpdateTarget,
  stored: JudgedStatus,
  next: JudgedStatus,
  inspector: CertificateInspector,
): FieldError[] {
  const before = stored.conditions ?? [];
  const after = next.conditions ?? [];
  return [
    ...validateConditions(before, after),
    ...validateCertificate(stored.certificate ?? "", next.certificate ?? "", inspector),
    ...validateKeptConditions(before, after),
    ...(target === "approval" ? [] : validateApprovalUntouched(before, after)),
    ...validateCertificateChange(target, stored.certificate ?? "", next.certificate ?? ""),
  ];
}

function validateConditions(before: readonly JudgedCondition[], after: readonly JudgedCondition[]): FieldError[] {
  const toleratesEmptyType = before.some(({ type }) => type === "");
  const toleratesDuplicates = firstDuplicates(before).length > 0;
  const errors = after.flatMap((condition, index) => [
    ...(condition.type === "" && !toleratesEmptyType ? [requiredField(`${CONDITIONS}[${index}].type`)] : []),
    ...validateConditionStatus(`${CONDITIONS}[${index}].status`, condition),
  ]);
  if (hasBothDecisions(after) && !hasBothDecisions(before)) {
    errors.push(invalidField(CONDITIONS, "Approved, Denied", "are mutually exclusive"));
  }
  if (toleratesDuplicates) return errors;
  const duplicates = firstDuplicates(after).map((index) =>
    duplicateField(`${CONDITIONS}[${index}].type`, after[index]?.type ?? ""),
  );
  return [...errors, ...duplicates];
}

function validateConditionStatus(field: string, { type, status }: JudgedCondition): FieldError[] {
  if (status === "") return [requiredField(field)];
  const allowed = LASTING_TYPES.includes(type) ? ["True"] : ["False", "True", "Unknown"];
  return allowed.includes(status) ? [] : [unsupportedField(field, status, allowed)];
}

/** Indices of the conditions whose type stands further up already. */
function firstDuplicates(conditions: readonly JudgedCondition[]): number[] {
  const types = conditions.map(({ type }) => type);
  return types.flatMap((type, index) => (types.indexOf(type) < index ? [index] : []));
}

function hasBothDecisions(conditions: readonly JudgedCondition[]): boolean {
  return APPROVAL_TYPES.every((wanted) => conditions.some(({ type }) => type === wanted));
}

function ofType(conditions: readonly JudgedCondition[], wanted: string): JudgedCondition[] {
  return conditions.filter(({ type }) => type === wanted);
}

function validateKeptConditions(before: readonly JudgedCondition[], after: readonly JudgedCondition[]): FieldError[] {
  return LASTING_TYPES.filter((type) => ofType(after, type).length < ofType(before, type).length).map((type) =>
    forbiddenField(CONDITIONS, `a condition of type ${JSON.stringify(type)} may not be removed`),
  );
}

function validateApprovalUntouched(
  before: readonly JudgedCondition[],
  after: readonly JudgedCondition[],
): FieldError[] {
  return APPROVAL_TYPES.flatMap((type) => {
    const stored = ofType(before, type);
    const wanted = ofType(after, type);
    if (wanted.length < stored.length || isSameValue(stored, wanted)) return [];
    return [forbiddenField(CONDITIONS, `a condition of type ${JSON.stringify(type)} is set through /approval only`)];
  });
}

function validateCertificate(before: string, after: string, inspector: CertificateInspector): FieldError[] {
  if (after === before || after === "") return [];
  const inspection = inspector.inspectPem(after);
  if (inspection.kind === "ok") return [];
  if (before !== "" && inspector.inspectPem(before).kind === "invalid") return [];
  return [
    { reason: "FieldValueInvalid", field: CERTIFICATE, message: `Invalid value: "<masked>": ${inspection.message}` },
  ];
}

function validateCertificateChange(target: UpdateTarget, before: string, after: string): FieldError[] {
  if (before === after) return [];
  if (target !== "status") return [forbiddenField(CERTIFICATE, "is set through /status only")];
  return before === "" ? [] : [forbiddenField(CERTIFICATE, "may not be changed once it is set")];
}
