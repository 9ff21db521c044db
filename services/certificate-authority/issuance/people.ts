import { toKubernetesTime } from "../../shared/kubernetes/object-meta.ts";
import type { UserInfo } from "../../shared/user-info.ts";
import { MANUAL_HOOK } from "../approval/hooks/manual.ts";
import {
  type CertificateSigningRequest,
  type CsrCondition,
  conditionOf,
  QUORUM_PENDING,
} from "../domain/certificate-signing-request.ts";
import type { DecisionRecord, Outcome, TraceEntry } from "../domain/decision.ts";
import { requestForbidden } from "../domain/request-errors.ts";
import type { IssuanceDependencies } from "./contract.ts";
import { recordOf } from "./decision-records.ts";

/** The reason of what is recorded when an approval is not the last that is needed. */
const APPROVAL_COUNTED = "ApprovalCounted";

/** Stands for whoever decided where nobody tells us who it was. */
const OTHERS = "others";

/** What a write to `/approval` comes to. */
export interface PersonalDecision {
  /** The object to store. */
  readonly next: CertificateSigningRequest;
  /** Undefined when the write decides nothing. */
  readonly decision: DecisionRecord | undefined;
}

/**
 * What somebody decides by writing Approved or Denied. A denial settles a request. An approval does when enough different
 * people gave theirs; until then it is recorded, and the object says in the condition QuorumPending instead of Approved
 * who they were. Giving it twice changes nothing.
 *
 * @throws {StatusError} Forbidden when several people have to approve and this one is who asked for the certificate, or
 *   is played by another: who may impersonate users would be any number of people.
 */
export async function decideAsPerson(
  deps: Pick<IssuanceDependencies, "chain" | "decisions">,
  person: UserInfo,
  stored: CertificateSigningRequest,
  next: CertificateSigningRequest,
  decidedAt: Date,
): Promise<PersonalDecision> {
  const isNew = (type: string) => conditionOf(stored, type) === undefined && conditionOf(next, type) !== undefined;
  if (isNew("Denied")) return settled("denied", person, next, decidedAt);
  if (!isNew("Approved")) return { next, decision: undefined };
  const quorum = deps.chain.approvalsNeeded(stored);
  if (quorum === 1) return settled("approved", person, next, decidedAt);
  const { name } = stored.metadata;
  const objection = objectionTo(person, stored);
  if (objection !== undefined) throw requestForbidden(name, `${quorum} people have to approve it, and ${objection}`);
  const before = approversOf(stored, await deps.decisions.ofRequest(name));
  const approvers = [...new Set([...before, person.username])];
  if (approvers.length >= quorum) {
    return settled("approved", person, without(next, QUORUM_PENDING), decidedAt, { quorum, approvers });
  }
  if (before.includes(person.username)) return { next: without(next, "Approved"), decision: undefined };
  return counted(person, next, decidedAt, { quorum, approvers });
}

/**
 * The decision that others wrote into a request where it lives: `seen` has a condition that `before` lacks. Who they are
 * the API does not tell; what it does is the evidence.
 *
 * @param resourceVersion - of the object that was seen.
 * @returns undefined when nothing was decided in between.
 */
export function decisionOfOthers(
  before: CertificateSigningRequest | undefined,
  seen: CertificateSigningRequest,
  resourceVersion: string,
  seenAt: Date,
): DecisionRecord | undefined {
  const isNew = ({ type }: CsrCondition): boolean => before === undefined || conditionOf(before, type) === undefined;
  const condition = seen.status.conditions?.find(
    (each) => (each.type === "Denied" || each.type === "Approved") && isNew(each),
  );
  if (condition === undefined) return undefined;
  const { type, reason = type, message = "", lastUpdateTime } = condition;
  const outcome = type === "Approved" ? "approved" : "denied";
  const evidence = { seenAtResourceVersion: resourceVersion, ...(lastUpdateTime && { lastUpdateTime }) };
  const entry = entryOf(outcome, { reason, message }, evidence);
  return recordOfPerson(OTHERS, seen, seenAt, outcome, entry);
}

/** Why somebody is none of several people. */
function objectionTo({ username, impersonatedBy }: UserInfo, { spec }: CertificateSigningRequest): string | undefined {
  if (username === spec.username) return "who asked for the certificate is none of them";
  if (impersonatedBy === undefined) return undefined;
  return `each as themselves: ${JSON.stringify(impersonatedBy)} acts as ${JSON.stringify(username)}`;
}

interface Quorum extends Record<string, unknown> {
  readonly quorum: number;
  readonly approvers: readonly string[];
}

function settled(
  outcome: "approved" | "denied",
  person: UserInfo,
  next: CertificateSigningRequest,
  decidedAt: Date,
  quorum?: Quorum,
): PersonalDecision {
  const type = outcome === "approved" ? "Approved" : "Denied";
  const { reason = type, message = "" } = conditionOf(next, type) ?? {};
  const entry = entryOf(outcome, { reason, message }, evidenceOf(person, quorum));
  return { next, decision: recordOfPerson(person.username, next, decidedAt, outcome, entry) };
}

function counted(person: UserInfo, next: CertificateSigningRequest, decidedAt: Date, quorum: Quorum): PersonalDecision {
  const missing = quorum.quorum - quorum.approvers.length;
  const message = `${quorum.approvers.length} of ${quorum.quorum} people have approved it (${quorum.approvers.join(", ")}); ${missing} more to go`;
  const entry = entryOf("noOpinion", { reason: APPROVAL_COUNTED, message }, evidenceOf(person, quorum));
  const time = toKubernetesTime(decidedAt);
  const condition: CsrCondition = {
    ...{ type: QUORUM_PENDING, status: "True", reason: APPROVAL_COUNTED, message },
    ...{ lastUpdateTime: time, lastTransitionTime: time },
  };
  const rest = without(without(next, "Approved"), QUORUM_PENDING);
  const waiting = { ...rest, status: { ...rest.status, conditions: [...(rest.status.conditions ?? []), condition] } };
  return { next: waiting, decision: recordOfPerson(person.username, waiting, decidedAt, "pending", entry) };
}

function evidenceOf(
  { username, groups, impersonatedBy }: UserInfo,
  quorum: Quorum | undefined,
): TraceEntry["evidence"] {
  return { username, groups, ...(impersonatedBy !== undefined && { impersonatedBy }), ...quorum };
}

function entryOf(
  kind: TraceEntry["kind"],
  { reason, message }: Pick<TraceEntry, "reason" | "message">,
  evidence: TraceEntry["evidence"],
): TraceEntry {
  return { hook: MANUAL_HOOK, required: false, kind, reason, message, evidence, durationMicroseconds: 0 };
}

function recordOfPerson(
  decidedBy: string,
  csr: CertificateSigningRequest,
  decidedAt: Date,
  outcome: Outcome,
  entry: TraceEntry,
): DecisionRecord {
  const hook = outcome === "pending" ? undefined : MANUAL_HOOK;
  const { reason, message } = entry;
  return recordOf({ outcome, hook, reason, message, trace: [entry] }, csr, decidedBy, decidedAt);
}

/** Who has approved a request so far, by what is on record: what the object says anybody may have written. */
function approversOf({ metadata }: CertificateSigningRequest, records: readonly DecisionRecord[]): readonly string[] {
  return records
    .filter(({ requestUid, reason }) => requestUid === metadata.uid && reason === APPROVAL_COUNTED)
    .filter(({ trace }) => trace[0]?.hook === MANUAL_HOOK)
    .map(({ decidedBy }) => decidedBy);
}

function without(csr: CertificateSigningRequest, type: string): CertificateSigningRequest {
  const { conditions = [], ...status } = csr.status;
  const kept = conditions.filter((condition) => condition.type !== type);
  return { ...csr, status: { ...status, ...(kept.length > 0 && { conditions: kept }) } };
}
