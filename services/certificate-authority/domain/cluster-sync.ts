import {
  type CertificateSigningRequest,
  type CsrCondition,
  type CsrStatus,
  ISSUER_READY,
  QUORUM_PENDING,
} from "./certificate-signing-request.ts";

/** Conditions that say something while a request waits. Nobody but us writes these. */
const OURS: ReadonlySet<string> = new Set([ISSUER_READY, QUORUM_PENDING]);
const DECISIONS: ReadonlySet<string> = new Set(["Approved", "Denied"]);

/** What brings a request in a cluster and its record together: one step, after which is looked again. */
export type SyncStep =
  | { readonly kind: "agreed" }
  /** The record is to have this status: others have decided, or written what is theirs. */
  | { readonly kind: "take"; readonly status: CsrStatus }
  /** The object is to have this status, written through that endpoint. */
  | { readonly kind: "write"; readonly target: "approval" | "status"; readonly status: CsrStatus };

/**
 * Compares a request as a cluster has it with our record of it, which is ahead of it when we decided or signed. What the
 * cluster can never take back (a denial, a failure, a certificate, an approval) counts whoever wrote it; then our decision
 * is written, and what follows from an approval after that, since the API takes them one after the other.
 *
 * Source: kubernetes pkg/registry/certificates/certificates/strategy.go, pkg/apis/certificates/validation/validation.go.
 */
export function planSync(object: CsrStatus, record: CsrStatus): SyncStep {
  if (isSettled(object)) return take(object, record);
  if (has(object, "Approved") && !has(record, "Approved")) return take(object, record);
  const wanted = wantedConditions(object, record);
  const merged = withStatus(wanted, record.certificate);
  if (!isSameStatus(record, merged)) return { kind: "take", status: merged };
  if (conditionsOf(wanted, DECISIONS).length > conditionsOf(object.conditions, DECISIONS).length) {
    const beforeSigning = wanted.filter(({ type }) => type !== "Failed");
    return { kind: "write", target: "approval", status: withStatus(beforeSigning, undefined) };
  }
  return isSameStatus(object, merged) ? { kind: "agreed" } : { kind: "write", target: "status", status: merged };
}

/**
 * The same for the request of a pod, which has no approval: its signer writes once what became of it. `object` is its
 * status in the words of requests.
 *
 * Source: kubernetes pkg/apis/certificates/validation/validation.go (ValidatePodCertificateRequestStatusUpdate).
 */
export function planPodSync(object: CsrStatus, record: CsrStatus): SyncStep {
  if (isSettled(object)) {
    const isSame = endOf(object) === endOf(record) && (object.certificate ?? "") === (record.certificate ?? "");
    return isSame ? { kind: "agreed" } : { kind: "take", status: object };
  }
  return isSettled(record) ? { kind: "write", target: "status", status: record } : { kind: "agreed" };
}

/** What became of a pod's request, as the type of its condition. */
export function endOf(status: CsrStatus): "Issued" | "Denied" | "Failed" | undefined {
  if (status.certificate) return "Issued";
  if (has(status, "Denied")) return "Denied";
  return has(status, "Failed") ? "Failed" : undefined;
}

/** The record of a request that was not seen before. Finalizers and owners are the API server's to mind. */
export function recordOf({
  apiVersion,
  kind,
  metadata,
  spec,
  status,
}: CertificateSigningRequest): CertificateSigningRequest {
  const { name, generateName, uid, creationTimestamp, labels, annotations } = metadata;
  const kept = {
    ...(generateName !== undefined && { generateName }),
    ...(labels && { labels }),
    ...(annotations && { annotations }),
  };
  return { apiVersion, kind, metadata: { name, uid, resourceVersion: "", creationTimestamp, ...kept }, spec, status };
}

/** Whether our record has a certificate that the object will never have. */
export function isUndeliverable(object: CsrStatus, record: CsrStatus): boolean {
  return record.certificate !== undefined && isSettled(object) && object.certificate !== record.certificate;
}

function take(object: CsrStatus, record: CsrStatus): SyncStep {
  return isSameStatus(object, record) ? { kind: "agreed" } : { kind: "take", status: object };
}

/** Nothing can be decided or signed any more. */
function isSettled(status: CsrStatus): boolean {
  return Boolean(status.certificate) || has(status, "Denied") || has(status, "Failed");
}

/** What others say in the object, and what we say in the record. */
function wantedConditions(object: CsrStatus, record: CsrStatus): readonly CsrCondition[] {
  const theirs = (object.conditions ?? []).filter(({ type }) => !OURS.has(type));
  const known = new Set(theirs.map(({ type }) => type));
  const ours = (record.conditions ?? []).filter(
    ({ type }) => OURS.has(type) || DECISIONS.has(type) || type === "Failed",
  );
  return [...theirs, ...ours.filter(({ type }) => !known.has(type))];
}

function withStatus(conditions: readonly CsrCondition[], certificate: string | undefined): CsrStatus {
  return { ...(conditions.length > 0 && { conditions }), ...(certificate && { certificate }) };
}

function has(status: CsrStatus, type: string): boolean {
  return status.conditions?.some((condition) => condition.type === type) ?? false;
}

function conditionsOf(conditions: readonly CsrCondition[] = [], types: ReadonlySet<string>): readonly CsrCondition[] {
  return conditions.filter(({ type }) => types.has(type));
}

/** Times do not count: the API server sets those that are left out. */
function isSameStatus(left: CsrStatus, right: CsrStatus): boolean {
  return (left.certificate ?? "") === (right.certificate ?? "") && textOf(left) === textOf(right);
}

function textOf({ conditions = [] }: CsrStatus): string {
  const told = conditions.map(({ type, status, reason = "", message = "" }) => [type, status, reason, message]);
  return JSON.stringify(told.sort(([left = ""], [right = ""]) => (left < right ? -1 : 1)));
}
