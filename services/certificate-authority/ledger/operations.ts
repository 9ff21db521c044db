import type { StatusDetails, StatusReason } from "../../shared/status-error.ts";
import type { ResourceName } from "../domain/api-object.ts";
import type {
  AttestationGrant,
  AttestationObjection,
  CredentialUse,
  Enrollment,
  VerifiedAttestation,
} from "../domain/attestation.ts";
import type { RecordedImport } from "../domain/certificate-import.ts";
import type { RotationStep } from "../domain/issuer-rotation.ts";
import type { JobLease, RunOutcome, RunTrigger } from "../domain/job.ts";
import type { RevocationReason, RevocationTarget } from "../domain/revocation.ts";
import type { BindingRow, MachineRow, SweptMilliseconds } from "./tables/attestation-table.ts";
import type { BootstrapTokenRow } from "./tables/bootstrap-tokens-table.ts";
import type { CertificateRow } from "./tables/certificate-row.ts";
import type { DecisionRow } from "./tables/decisions-table.ts";
import type { NoticeRow } from "./tables/expiry-notices-table.ts";
import type { IssuerRow } from "./tables/issuers-table.ts";
import type { RequestState } from "./tables/requests-table.ts";
import type { RevocationRow } from "./tables/revocations-table.ts";
import type { ShadowDecisionRow } from "./tables/shadow-decisions-table.ts";

export interface CreateRequest {
  readonly kind: "createRequest";
  readonly name: string;
  readonly uid: string;
  readonly state: RequestState;
  readonly createdMilliseconds: number;
  readonly atMilliseconds: number;
  /** JSON with an empty resourceVersion: made once on the front thread, stored as it is. */
  readonly object: string;
  /** The object right after its creation, at the next revision; absent when it stays as it is. */
  readonly next?: { readonly state: RequestState; readonly object: string };
  readonly decision?: DecisionRow;
  readonly certificate?: CertificateRow;
}

export interface UpdateRequest {
  readonly kind: "updateRequest";
  readonly name: string;
  readonly uid: string;
  readonly resourceVersion: string;
  readonly state: RequestState;
  readonly atMilliseconds: number;
  readonly object: string;
  readonly decision?: DecisionRow;
  readonly certificate?: CertificateRow;
}

export interface RemoveRequest {
  readonly kind: "removeRequest";
  readonly name: string;
  readonly uid: string | undefined;
  readonly resourceVersion: string | undefined;
  readonly actor: string;
  readonly atMilliseconds: number;
}

/** What every write to a plain object says. */
export interface ObjectOperation {
  readonly names: ResourceName;
  readonly name: string;
  /** `plural.group/name`. */
  readonly key: string;
  readonly actor: string;
  readonly atMilliseconds: number;
}

export interface CreateObject extends ObjectOperation {
  readonly kind: "createObject";
  readonly uid: string;
  /** JSON with an empty resourceVersion. */
  readonly object: string;
}

export interface UpdateObject extends ObjectOperation {
  readonly kind: "updateObject";
  readonly uid: string;
  readonly resourceVersion: string;
  readonly object: string;
}

export interface RemoveObject extends ObjectOperation {
  readonly kind: "removeObject";
  readonly uid: string | undefined;
  readonly resourceVersion: string | undefined;
}

export interface RecordDecision {
  readonly kind: "recordDecision";
  readonly decision: DecisionRow;
}

export interface RecordCertificate {
  readonly kind: "recordCertificate";
  readonly certificate: CertificateRow;
}

/** Puts certificates on record that were issued before us, or without us. */
export interface ImportCertificates {
  readonly kind: "importCertificates";
  readonly certificates: readonly CertificateRow[];
  readonly actor: string;
}

export interface RecordIssuer {
  readonly kind: "recordIssuer";
  readonly issuer: IssuerRow;
  readonly atMilliseconds: number;
}

export interface CreateToken {
  readonly kind: "createToken";
  readonly token: BootstrapTokenRow;
}

export interface UpdateToken {
  readonly kind: "updateToken";
  /** The token as it is to be; what never changes is as it is stored. */
  readonly token: BootstrapTokenRow;
  readonly expectedRevision: number;
  readonly actor: string;
  readonly atMilliseconds: number;
}

export interface RemoveToken {
  readonly kind: "removeToken";
  readonly id: string;
  readonly actor: string;
  readonly atMilliseconds: number;
}

export interface RemoveExpiredTokens {
  readonly kind: "removeExpiredTokens";
  readonly beforeMilliseconds: number;
  readonly actor: string;
}

export interface AppendAudit {
  readonly kind: "appendAudit";
  /** Canonical JSON of the entry. */
  readonly payload: string;
}

/** Drops a bounded number of the oldest changes: those older than the instant, or beyond the count. */
export interface CompactChanges {
  readonly kind: "compactChanges";
  readonly beforeMilliseconds: number;
  readonly maximumChanges: number;
  /** What the front thread has taken in: it may still have to read what comes after. */
  readonly upToRevision: number;
}

/** Drops a bounded number of archived requests: those deleted before the instant, or the oldest beyond the count. */
export interface PruneArchive {
  readonly kind: "pruneArchive";
  readonly beforeMilliseconds: number;
  readonly maximumRequests: number;
  readonly atMilliseconds: number;
}

/** Puts down what a shadow chain would have decided otherwise. */
export interface RecordShadow {
  readonly kind: "recordShadow";
  readonly decision: ShadowDecisionRow;
}

/** Takes certificates back, and shuts a node out, all in one transaction. */
export interface Revoke {
  readonly kind: "revoke";
  readonly target: RevocationTarget;
  readonly reason: RevocationReason;
  readonly message: string;
  readonly actor: string;
  readonly atMilliseconds: number;
}

export interface ReadmitNode {
  readonly kind: "readmitNode";
  readonly nodeName: string;
  readonly message: string;
  readonly actor: string;
  readonly atMilliseconds: number;
}

/** Notes which jobs are scheduled. */
export interface RegisterJobs {
  readonly kind: "registerJobs";
  readonly jobs: readonly string[];
  readonly atMilliseconds: number;
}

/** Begins a run and takes the job's lease, which nobody may have but the dead run that is named. */
export interface ClaimRun {
  readonly kind: "claimRun";
  readonly job: string;
  readonly trigger: RunTrigger;
  readonly requestedBy: string | null;
  readonly dryRun: 0 | 1;
  readonly holder: string;
  readonly dead: JobLease | undefined;
  readonly atMilliseconds: number;
}

export interface BeatRun {
  readonly kind: "beatRun";
  readonly job: string;
  readonly runId: number;
  readonly holder: string;
}

export interface FinishRun {
  readonly kind: "finishRun";
  readonly job: string;
  readonly runId: number;
  readonly atMilliseconds: number;
  readonly durationMilliseconds: number | null;
  readonly outcome: RunOutcome;
  readonly summary: string;
  /** JSON. */
  readonly details: string;
}

/** One step of an issuer's rotation. */
export interface RotateIssuer {
  readonly kind: "rotateIssuer";
  readonly step: RotationStep;
  /** Whom it is about; empty for `prepare`. */
  readonly ids: readonly string[];
  /** What is prepared. */
  readonly issuer: IssuerRow | undefined;
  /** What still needs them does not keep old issuers from being retired. */
  readonly despite: boolean;
  readonly actor: string;
  readonly atMilliseconds: number;
  /** For the audit entries. */
  readonly details: Readonly<Record<string, unknown>>;
}

/** Puts down that a consumer holds a trust bundle. */
export interface ReportTrust {
  readonly kind: "reportTrust";
  readonly consumer: string;
  readonly etag: string;
  /** JSON list of the bundle's CAs. */
  readonly anchors: string;
  readonly atMilliseconds: number;
}

/** Notes what is said about expiries, and puts it into the outboxes of targets. */
export interface RecordExpiryNotices {
  readonly kind: "recordExpiryNotices";
  readonly notices: readonly NoticeRow[];
}

/** Takes delivered notices out of the outbox. */
export interface SettleExpiryNotices {
  readonly kind: "settleExpiryNotices";
  readonly ids: readonly number[];
}

/** Forgets what was said about certificates that ended long ago, a bounded number at a time, and outboxes of nobody. */
export interface PruneExpiryNotices {
  readonly kind: "pruneExpiryNotices";
  readonly beforeMilliseconds: number;
  readonly targets: readonly string[];
}

/** Puts a CRL's number down before anybody sees it. */
export interface RecordRevocationList {
  readonly kind: "recordRevocationList";
  readonly number: number;
  /** Canonical JSON of the audit entry. */
  readonly payload: string;
}

/** Notes that a challenge was answered, once. */
export interface UseChallenge {
  readonly kind: "useChallenge";
  readonly id: string;
  readonly expiresMilliseconds: number;
}

/** Puts a machine, its binding and its credential on record, or says what speaks against it. */
export interface CompleteAttestation {
  readonly kind: "completeAttestation";
  readonly attestation: VerifiedAttestation;
  readonly grant: Omit<AttestationGrant, "certificate">;
  readonly certificate: CertificateRow | undefined;
  readonly atMilliseconds: number;
}

export interface UseCredential {
  readonly kind: "useCredential";
  readonly id: string;
  readonly requestUid: string;
  readonly atMilliseconds: number;
}

export interface RevokeCredential {
  readonly kind: "revokeCredential";
  readonly id: string;
  readonly message: string;
  readonly atMilliseconds: number;
}

export interface EnrollMachines {
  readonly kind: "enrollMachines";
  readonly machines: readonly Enrollment[];
  readonly actor: string;
  readonly atMilliseconds: number;
}

export interface ChangeMachine {
  readonly kind: "changeMachine";
  readonly attestor: string;
  readonly machineId: string;
  readonly change: "release" | "ban";
  readonly message: string;
  readonly actor: string;
  readonly atMilliseconds: number;
}

/** Drops challenges and credentials that ended long ago. */
export interface SweepAttestations {
  readonly kind: "sweepAttestations";
  readonly beforeMilliseconds: SweptMilliseconds;
}

export interface CheckWrite {
  readonly kind: "checkWrite";
  readonly atMilliseconds: number;
}

/** What the writer thread can be asked to do; plain data, so that it can be posted. */
export type Operation =
  | CreateRequest
  | UpdateRequest
  | RemoveRequest
  | CreateObject
  | UpdateObject
  | RemoveObject
  | RecordDecision
  | RecordCertificate
  | ImportCertificates
  | RecordIssuer
  | CreateToken
  | UpdateToken
  | RemoveToken
  | RemoveExpiredTokens
  | AppendAudit
  | CompactChanges
  | PruneArchive
  | RecordShadow
  | Revoke
  | ReadmitNode
  | RecordRevocationList
  | RegisterJobs
  | ClaimRun
  | BeatRun
  | FinishRun
  | RotateIssuer
  | ReportTrust
  | RecordExpiryNotices
  | SettleExpiryNotices
  | PruneExpiryNotices
  | UseChallenge
  | CompleteAttestation
  | UseCredential
  | RevokeCredential
  | EnrollMachines
  | ChangeMachine
  | SweepAttestations
  | CheckWrite;

export interface Revised {
  readonly revision: number;
  /** The revision of the object that was replaced or removed. */
  readonly previousRevision: number;
}

/** What each operation answers once it is durable: no more than the front thread does not know already. */
export interface Answers {
  /** The revision of the object as it was created; `next` has the one after that. */
  readonly createRequest: { readonly revision: number };
  readonly updateRequest: Revised;
  readonly removeRequest: Revised;
  readonly createObject: { readonly revision: number };
  readonly updateObject: Revised;
  readonly removeObject: Revised;
  readonly recordDecision: undefined;
  readonly recordCertificate: undefined;
  readonly importCertificates: readonly RecordedImport[];
  readonly recordIssuer: undefined;
  readonly createToken: undefined;
  readonly updateToken: undefined;
  readonly removeToken: boolean;
  readonly removeExpiredTokens: readonly string[];
  readonly appendAudit: undefined;
  readonly compactChanges: { readonly compactedRevision: number; readonly isDone: boolean };
  readonly pruneArchive: { readonly isDone: boolean };
  readonly recordShadow: undefined;
  readonly revoke: readonly RevocationRow[];
  readonly readmitNode: RevocationRow | undefined;
  readonly recordRevocationList: undefined;
  readonly registerJobs: undefined;
  readonly claimRun: { readonly kind: "claimed"; readonly runId: number } | ({ readonly kind: "held" } & JobLease);
  readonly beatRun: boolean;
  readonly finishRun: boolean;
  readonly rotateIssuer: undefined;
  readonly reportTrust: undefined;
  readonly recordExpiryNotices: undefined;
  readonly settleExpiryNotices: undefined;
  readonly pruneExpiryNotices: undefined;
  readonly useChallenge: boolean;
  readonly completeAttestation: { readonly binding: BindingRow } | { readonly objection: AttestationObjection };
  readonly useCredential: CredentialUse;
  readonly revokeCredential: boolean;
  readonly enrollMachines: undefined;
  readonly changeMachine: MachineRow | undefined;
  readonly sweepAttestations: number;
  readonly checkWrite: undefined;
}

export type AnswerTo<O extends Operation> = Answers[O["kind"]];

/** A StatusError as it crosses threads; `cause` is for the log only. */
export interface Refusal {
  readonly reason: StatusReason;
  readonly message: string;
  readonly details: StatusDetails | undefined;
  readonly cause: string | undefined;
}

export type OperationOutcome =
  | { readonly kind: "done"; readonly answer: Answers[Operation["kind"]] }
  | { readonly kind: "refused"; readonly refusal: Refusal };
