import { toKubernetesTime } from "../../shared/kubernetes/object-meta.ts";
import {
  type CertificateSigningRequest,
  type CsrCondition,
  conditionOf,
  ISSUER_READY,
} from "../domain/certificate-signing-request.ts";
import type { CsrFacts } from "../domain/csr-facts.ts";
import type { DecisionRecord } from "../domain/decision.ts";
import { judgeSigning } from "../domain/intent.ts";
import type { ActiveIssuer, IssuerAvailability } from "../domain/issuer.ts";
import { nameViolation } from "../domain/name-constraints.ts";
import type { OutcomeRecords } from "../domain/ports.ts";
import { revocationViolation } from "../domain/revocation.ts";
import { type Certified, certify } from "./certify.ts";
import type { WorkDependencies } from "./contract.ts";
import {
  decisionOf,
  keyRefusal,
  nameRefusal,
  OURSELVES,
  profileRefusal,
  type Refusal,
  recordOf,
  revocationRefusal,
} from "./decision-records.ts";
import { observed } from "./phases.ts";
import type { WorkResult } from "./work-queue.ts";

/** What a signature follows from: the approved object, not yet stored when the chain approved it just now. */
export interface Approval {
  readonly csr: CertificateSigningRequest;
  readonly facts: CsrFacts;
  /** The chain's decision, to be stored with the outcome; undefined when the approval is stored already. */
  readonly decision: DecisionRecord | undefined;
}

/**
 * Brings an approved request to its end in one commit: a certificate, or Failed when its profile, its key or
 * the name constraints of its issuer do not allow one.
 *
 * @returns `waiting` when its issuer cannot sign yet; the request says so in a condition.
 * @throws when the issuer could not sign. An approval of the chain is stored by then, so that people see it.
 */
export async function conclude(deps: WorkDependencies, { csr, facts, decision }: Approval): Promise<WorkResult> {
  const judgement = judgeSigning(csr.spec, facts, deps.configuredSigners);
  switch (judgement.kind) {
    case "foreign":
      if (decision) await commit(deps, csr, { decision });
      return "done";
    case "violates":
      await fail(deps, csr, profileRefusal(judgement.message), decision);
      return "done";
    case "conforms":
      return issueForKey(deps, { csr, facts: judgement.facts, decision });
    default:
      return judgement satisfies never;
  }
}

/** The key is judged again: lists and the record may have changed, and a person may have approved what nobody reviewed. */
async function issueForKey(deps: WorkDependencies, approval: Approval): Promise<WorkResult> {
  const { csr, facts, decision } = approval;
  const releaseKey = deps.keyPolicy.reserve(facts);
  let releaseName: (() => void) | undefined;
  try {
    releaseName = deps.nodeNames?.reserve(csr, facts, decision !== undefined, deps.clock.now());
    const refusal = refusalOf(deps, csr, facts);
    if (refusal === undefined) return await issueWhenReady(deps, approval);
    await fail(deps, csr, refusal, decision);
    return "done";
  } finally {
    releaseName?.();
    releaseKey();
  }
}

/** What has come to speak against the key, the node or the requester's certificate. */
function refusalOf(
  { keyPolicy, revocations }: WorkDependencies,
  { spec }: CertificateSigningRequest,
  facts: CsrFacts,
): Refusal | undefined {
  const revoked = revocations && revocationViolation(spec, facts, revocations);
  if (revoked !== undefined) return revocationRefusal(revoked);
  const violation = keyPolicy.violation(facts);
  return violation && keyRefusal(violation);
}

async function issueWhenReady(deps: WorkDependencies, approval: Approval): Promise<WorkResult> {
  const availability = deps.issuers.issuerFor(approval.csr.spec.signerName);
  if (availability.kind === "awaited") {
    await awaitIssuer(deps, approval, availability);
    return "waiting";
  }
  const { issuer } = availability;
  const violation = nameViolation(approval.facts, issuer.constraints);
  if (violation === undefined) await issue(deps, approval, issuer);
  else await fail(deps, approval.csr, nameRefusal(violation), approval.decision);
  return "done";
}

/** Says once what the request waits for. */
async function awaitIssuer(
  deps: WorkDependencies,
  { csr, decision }: Approval,
  { reason, message }: Extract<IssuerAvailability, { kind: "awaited" }>,
): Promise<void> {
  const said = conditionOf(csr, ISSUER_READY);
  if (decision === undefined && said?.reason === reason && said.message === message) return;
  const waiting = withCondition(without(csr, ISSUER_READY), ISSUER_READY, reason, message, deps.clock.now(), "False");
  await commit(deps, waiting, { ...(decision && { decision }) });
  deps.logger.warn(
    { request: csr.metadata.name, signer: csr.spec.signerName, reason, message },
    "a request waits for its issuer",
  );
}

async function issue(deps: WorkDependencies, { csr, facts, decision }: Approval, issuer: ActiveIssuer): Promise<void> {
  const now = deps.clock.now();
  let certified: Certified;
  try {
    certified = await certify(deps, csr, facts, issuer, now);
  } catch (error) {
    if (decision) await commit(deps, csr, { decision });
    throw error;
  }
  // From here to the ledger's queue nothing waits: a revocation that comes later finds the certificate on record.
  const revoked = deps.revocations && revocationViolation(csr.spec, facts, deps.revocations);
  if (revoked !== undefined) return fail(deps, csr, revocationRefusal(revoked), decision);
  const { certificateBase64: certificate, record } = certified;
  const { status } = without(csr, ISSUER_READY);
  const next = { ...csr, status: { ...status, certificate } };
  await commit(deps, next, { ...(decision && { decision }), certificate: record });
  const createdAt = Date.parse(csr.metadata.creationTimestamp);
  deps.observe.issued(csr.spec.signerName, Math.max(0, deps.clock.now().getTime() - createdAt) / 1000);
  const { name } = csr.metadata;
  deps.logger.debug({ request: name, serial: record.serial, fingerprint: record.fingerprint }, "issued a certificate");
}

async function fail(
  deps: WorkDependencies,
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
  deps: WorkDependencies,
  csr: CertificateSigningRequest,
  records: OutcomeRecords,
): Promise<void> {
  await observed(deps.observe, "commit", () => deps.requests.update(csr, records));
  if (records.decision) deps.observe.decided(records.decision.outcome, "gatehouse", csr.spec.signerName);
}

/** The object without its condition of that type; the same object when there is none. */
function without(csr: CertificateSigningRequest, type: string): CertificateSigningRequest {
  if (conditionOf(csr, type) === undefined) return csr;
  const conditions = csr.status.conditions?.filter((condition) => condition.type !== type) ?? [];
  return { ...csr, status: { ...csr.status, conditions } };
}

/** The object with one more condition of ours. */
export function withCondition(
  csr: CertificateSigningRequest,
  type: "Approved" | "Denied" | "Failed" | typeof ISSUER_READY,
  reason: string,
  message: string,
  now: Date,
  status: "True" | "False" = "True",
): CertificateSigningRequest {
  const time = toKubernetesTime(now);
  const condition: CsrCondition = {
    type,
    status,
    reason,
    message,
    lastUpdateTime: time,
    lastTransitionTime: time,
  };
  return { ...csr, status: { ...csr.status, conditions: [...(csr.status.conditions ?? []), condition] } };
}
