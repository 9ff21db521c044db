import { type ObjectMeta, toKubernetesTime } from "../../shared/kubernetes/object-meta.ts";
import type {
  CertificateSigningRequest,
  ConditionStatus,
  CsrCondition,
  CsrStatus,
  UpdateTarget,
} from "./certificate-signing-request.ts";
import type { CsrDraft, DraftCondition, DraftMeta } from "./draft.ts";
import { clientMeta } from "./prepare-create.ts";
import { isSameValue } from "./same-value.ts";

/** Approval conditions are written through `/approval` only; `/status` gets their stored content back, silently. */
const RESTORED_TYPES = ["Approved", "Denied"];

/**
 * The stored object as it will be after a write through `target`, everything that endpoint may not change put back.
 * Judge the result with `validateUpdate` before it is used.
 *
 * | target | takes from the draft |
 * |---|---|
 * | main | generateName, labels, annotations, ownerReferences, finalizers |
 * | approval | those, and conditions |
 * | status | those, conditions (content of Approved and Denied restored), certificate |
 *
 * Source: kubernetes pkg/registry/certificates/certificates/strategy.go.
 */
export function prepareUpdate(
  target: UpdateTarget,
  stored: CertificateSigningRequest,
  draft: CsrDraft,
  now: Date,
): CertificateSigningRequest {
  return {
    ...stored,
    metadata: changedMeta(stored.metadata, draft.metadata),
    status: target === "main" ? stored.status : prepareStatus(target, stored.status, draft.status, now),
  };
}

/** A write that changes nothing keeps its resourceVersion and is no event. */
export function isUnchanged(stored: CertificateSigningRequest, next: CertificateSigningRequest): boolean {
  return isSameValue(stored.metadata, next.metadata) && isSameValue(stored.status, next.status);
}

/** Whether a write through `/status` needs the right to sign: it changed conditions or certificate. */
export function changesStatus(stored: CertificateSigningRequest, next: CertificateSigningRequest): boolean {
  return stored.status !== next.status && !isSameValue(stored.status, next.status);
}

/** The stored metadata with what a client may change. */
export function changedMeta(stored: ObjectMeta, draft: DraftMeta): ObjectMeta {
  const {
    name,
    generateName: _g,
    labels: _l,
    annotations: _a,
    ownerReferences: _o,
    finalizers: _f,
    ...serverOwned
  } = stored;
  const { generateName } = draft;
  return { name, ...(generateName && { generateName }), ...serverOwned, ...clientMeta(draft) };
}

function prepareStatus(
  target: "approval" | "status",
  stored: CsrStatus,
  draft: CsrDraft["status"],
  now: Date,
): CsrStatus {
  const before = stored.conditions ?? [];
  const restored = target === "status" ? restoreApproval(before, draft.conditions) : draft.conditions;
  const conditions = restored.map((condition) => toCondition(condition, before, now));
  const certificate = target === "status" ? draft.certificate : stored.certificate;
  return { ...(conditions.length > 0 && { conditions }), ...(certificate && { certificate }) };
}

/** Puts the stored content back where the count of a type is unchanged; a changed count is left for validation. */
function restoreApproval(
  before: readonly CsrCondition[],
  wanted: readonly DraftCondition[],
): readonly (DraftCondition | CsrCondition)[] {
  return RESTORED_TYPES.reduce<readonly (DraftCondition | CsrCondition)[]>((conditions, type) => {
    const stored = before.filter((condition) => condition.type === type);
    if (conditions.filter((condition) => condition.type === type).length !== stored.length) return conditions;
    let next = 0;
    return conditions.map((condition) => (condition.type === type ? (stored[next++] ?? condition) : condition));
  }, wanted);
}

/**
 * Unset times are filled in: lastUpdateTime with now; lastTransitionTime with that of the stored condition of the same
 * type and status, else with now. Times the client set are kept, whatever they are.
 */
function toCondition(
  condition: DraftCondition | CsrCondition,
  before: readonly CsrCondition[],
  now: Date,
): CsrCondition {
  const { type, status, reason, message } = condition;
  const nowText = toKubernetesTime(now);
  const same = before.find((old) => old.type === type && old.status === status && old.lastTransitionTime);
  return {
    type,
    // Validation runs on the prepared object, so that a status which is none never gets past it.
    status: status as ConditionStatus,
    ...(reason && { reason }),
    ...(message && { message }),
    lastUpdateTime: condition.lastUpdateTime ?? nowText,
    lastTransitionTime: condition.lastTransitionTime ?? same?.lastTransitionTime ?? nowText,
  };
}
