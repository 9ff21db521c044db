import { toKubernetesTime } from "../../shared/kubernetes/object-meta.ts";
import type { CertificateSigningRequest, CsrCondition } from "../domain/certificate-signing-request.ts";
import type { CsrFacts } from "../domain/csr-facts.ts";
import type { DecisionRecord } from "../domain/decision.ts";
import { judgeSigning } from "../domain/intent.ts";
import type { OutcomeRecords } from "../domain/ports.ts";
import { type Certified, certify } from "./certify.ts";
import type { IssuanceDependencies } from "./contract.ts";
import { decisionOf, keyRefusal, OURSELVES, profileRefusal, type Refusal, recordOf } from "./decision-records.ts";
import { observed } from "./phases.ts";

/** What a signature follows from: the approved object, not yet stored when the chain approved it just now. */
export interface Approval {
  readonly csr: CertificateSigningRequest;
  readonly facts: CsrFacts;
  /** The chain's decision, to be stored with the outcome; undefined when the approval is stored already. */
  readonly decision: DecisionRecord | undefined;
}

/**
 * Brings an approved request to its end in one commit: a certificate, or Failed when its profile or its key does not allow one.
 *
 * @throws when the issuer could not sign. An approval of the chain is stored by then, so that people see it.
 */
export async function conclude(deps: IssuanceDependencies, { csr, facts, decision }: Approval): Promise<void> {
  const judgement = judgeSigning(csr.spec, facts);
  switch (judgement.kind) {
    case "foreign":
      if (decision) await commit(deps, csr, { decision });
      return;
    case "violates":
      await fail(deps, csr, profileRefusal(judgement.message), decision);
      return;
    case "conforms":
      await issueForKey(deps, { csr, facts, decision });
      return;
    default:
      judgement satisfies never;
  }
}

/** The key is judged again: lists and the record may have changed, and a person may have approved what nobody reviewed. */
async function issueForKey(deps: IssuanceDependencies, approval: Approval): Promise<void> {
  const { csr, facts, decision } = approval;
  const release = deps.keyPolicy.reserve(facts);
  try {
    const violation = deps.keyPolicy.violation(facts);
    if (violation === undefined) await issue(deps, approval);
    else await fail(deps, csr, keyRefusal(violation), decision);
  } finally {
    release();
  }
}

async function issue(deps: IssuanceDependencies, { csr, facts, decision }: Approval): Promise<void> {
  const now = deps.clock.now();
  let certified: Certified;
  try {
    certified = await certify(deps, csr, facts, now);
  } catch (error) {
    if (decision) await commit(deps, csr, { decision });
    throw error;
  }
  const { certificateBase64: certificate, record } = certified;
  const next = { ...csr, status: { ...csr.status, certificate } };
  await commit(deps, next, { ...(decision && { decision }), certificate: record });
  const createdAt = Date.parse(csr.metadata.creationTimestamp);
  deps.observe.issued(csr.spec.signerName, Math.max(0, deps.clock.now().getTime() - createdAt) / 1000);
  const { name } = csr.metadata;
  deps.logger.debug({ request: name, serial: record.serial, fingerprint: record.fingerprint }, "issued a certificate");
}

async function fail(
  deps: IssuanceDependencies,
  csr: CertificateSigningRequest,
  refusal: Refusal,
  approval: DecisionRecord | undefined,
): Promise<void> {
  const now = deps.clock.now();
  const { reason, message } = refusal;
  const decision = recordOf(decisionOf(refusal, approval?.trace ?? []), csr, OURSELVES, now);
  await commit(deps, withCondition(csr, "Failed", reason, message, now), { decision });
  deps.observe.rejected(csr.spec.signerName);
  const { metadata, spec } = csr;
  deps.logger.warn({ request: metadata.name, signer: spec.signerName, reason, message }, "marked a request as Failed");
}

/** Stores the object and what explains it, in one durable commit. */
export async function commit(
  deps: IssuanceDependencies,
  csr: CertificateSigningRequest,
  records: OutcomeRecords,
): Promise<void> {
  await observed(deps.observe, "commit", () => deps.requests.update(csr, records));
  if (records.decision) deps.observe.decided(records.decision.outcome, "gatehouse", csr.spec.signerName);
}

/** The object with one more condition of ours. */
export function withCondition(
  csr: CertificateSigningRequest,
  type: "Approved" | "Denied" | "Failed",
  reason: string,
  message: string,
  now: Date,
): CertificateSigningRequest {
  const time = toKubernetesTime(now);
  const condition: CsrCondition = {
    type,
    status: "True",
    reason,
    message,
    lastUpdateTime: time,
    lastTransitionTime: time,
  };
  return { ...csr, status: { ...csr.status, conditions: [...(csr.status.conditions ?? []), condition] } };
}
