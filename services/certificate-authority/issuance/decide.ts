import type { UserInfo } from "../../shared/user-info.ts";
import { type CertificateSigningRequest, conditionOf } from "../domain/certificate-signing-request.ts";
import type { CsrDraft } from "../domain/draft.ts";
import { requestConflict, requestNotFound } from "../domain/request-errors.ts";
import { amend } from "./amend.ts";
import type { IssuanceDependencies, PersonalVerdict } from "./contract.ts";

/**
 * What `/approval` does, for callers that have a verdict instead of an object. Deciding again as before changes nothing.
 *
 * @throws {StatusError} NotFound; Conflict when it was decided otherwise; Invalid; Forbidden.
 */
export function decide(deps: IssuanceDependencies, requester: UserInfo, name: string, verdict: PersonalVerdict) {
  const change = (stored: CertificateSigningRequest | undefined): CsrDraft => {
    if (stored === undefined) throw requestNotFound(name);
    return decided(stored, verdict);
  };
  return amend(deps, { requester, name, target: "approval", change, options: { dryRun: false } });
}

function decided(stored: CertificateSigningRequest, { type, reason, message }: PersonalVerdict): CsrDraft {
  const opposite = type === "Approved" ? "Denied" : "Approved";
  if (conditionOf(stored, opposite) !== undefined) {
    throw requestConflict(stored.metadata.name, `it is ${opposite.toLowerCase()} already, and a decision stands`);
  }
  const conditions = (stored.status.conditions ?? []).map((condition) => ({ reason: "", message: "", ...condition }));
  const isNew = conditionOf(stored, type) === undefined;
  const { metadata, spec, status } = stored;
  const { name, generateName = "", uid, labels = {}, annotations = {} } = metadata;
  const { ownerReferences = [], finalizers = [] } = metadata;
  return {
    // Without a resourceVersion: whatever else is written meanwhile does not matter to the verdict.
    metadata: {
      ...{ name, generateName, uid, labels, annotations, ownerReferences, finalizers },
      namespace: "",
      resourceVersion: "",
    },
    spec,
    status: {
      conditions: isNew ? [...conditions, { type, status: "True", reason, message }] : conditions,
      certificate: status.certificate ?? "",
    },
  };
}
