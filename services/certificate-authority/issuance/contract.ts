import type { Clock } from "../../shared/clock.ts";
import type { Logger } from "../../shared/logging.ts";
import type { UserInfo } from "../../shared/user-info.ts";
import type { Authorizer } from "../domain/authorization.ts";
import type { CertificateSigningRequest, UpdateTarget } from "../domain/certificate-signing-request.ts";
import type { ConfiguredSigners } from "../domain/configured-signer.ts";
import type { Decision, DecisionRecord, Outcome } from "../domain/decision.ts";
import type { CsrDraft } from "../domain/draft.ts";
import type { ChainMember, Explanation } from "../domain/explanation.ts";
import type {
  ApprovalChain,
  CertificateInspector,
  CertificateRequests,
  CertificateSigner,
  Certificates,
  CsrDecoder,
  Decisions,
  KeyPolicy,
  NodeNames,
  OutcomeRecords,
  PendingRequests,
  RemovalPreconditions,
  SigningIssuers,
} from "../domain/ports.ts";
import type { RevocationLookups } from "../domain/revocation.ts";
import type { Spread } from "../domain/spread.ts";
import type { ObjectChange, Removal, WriteOptions } from "../registry/contract.ts";

export type { WriteOptions } from "../registry/contract.ts";

/** Maps the stored object to what the client wants. */
export type Change = ObjectChange<CertificateSigningRequest, CsrDraft>;

/** What a person says of a request. */
export interface PersonalVerdict {
  readonly type: "Approved" | "Denied";
  /** One word for programs. */
  readonly reason: string;
  /** A sentence for people. */
  readonly message: string;
}

/** What would become of a request that nobody made. */
export interface Rehearsal {
  /** As it would be created. */
  readonly csr: CertificateSigningRequest;
  readonly decision: Decision;
  readonly decidedAt: Date;
}

/** The use cases: what a caller may do with requests, and the work that follows. */
export interface Issuance {
  /**
   * @throws {StatusError} in this order: TooManyRequests (the queue is full), Invalid, Forbidden, BadRequest (the draft
   *   has a resourceVersion), AlreadyExists.
   */
  create(requester: UserInfo, draft: CsrDraft, options: WriteOptions): Promise<CertificateSigningRequest>;

  /**
   * @throws {StatusError} in this order: BadRequest (the draft's name is not `name`), Conflict (uid), NotFound, Conflict
   *   (resourceVersion), Invalid, Forbidden.
   */
  update(
    requester: UserInfo,
    name: string,
    target: UpdateTarget,
    change: Change,
    options: WriteOptions,
  ): Promise<CertificateSigningRequest>;

  /**
   * Approves or denies a request as a person, with what `/approval` demands and does. Deciding again as before changes
   * nothing.
   *
   * @throws {StatusError} NotFound; Conflict when it was decided otherwise; Invalid; Forbidden.
   */
  decide(requester: UserInfo, name: string, verdict: PersonalVerdict): Promise<CertificateSigningRequest>;

  /** @throws {StatusError} NotFound, or Conflict when a precondition does not hold. */
  remove(
    requester: UserInfo,
    name: string,
    preconditions: RemovalPreconditions,
    options: WriteOptions,
  ): Promise<Removal<CertificateSigningRequest>>;

  /**
   * Decides a request as it would be decided now, and stores nothing. Hooks are told that it is a rehearsal.
   *
   * @throws {StatusError} Invalid, Forbidden or BadRequest, as creating it would be refused.
   */
  rehearse(requester: UserInfo, draft: CsrDraft): Promise<Rehearsal>;

  /**
   * What it would take for a decision to be another.
   * @param chain - the hooks of now, in their order.
   */
  explain(decision: Decision, chain: readonly ChainMember[]): Explanation;

  /** Starts the work queue with everything that `CertificateRequests.unfinished()` names. */
  start(): void;

  /** Works again on everything that is unfinished, without waiting for its next turn: something it waited for may be there. */
  revisit(): void;

  /** Finishes the work that was accepted, retries nothing any more; what is left is found again at the next start. */
  stop(): Promise<void>;

  /** Somebody else has stored or changed the request: what is to be done about it now is done soon. */
  noticed(csr: CertificateSigningRequest): void;

  /** Somebody else has deleted the request. */
  forget(name: string): void;

  /** How many requests wait for work or are being worked on. */
  readonly depth: number;
}

export type Phase = "decode" | "review" | "sign" | "commit";

/** Where the work reports to, for metrics. Called synchronously: implementations must be quick and must not throw. */
export interface IssuanceObserver {
  phase(phase: Phase, seconds: number): void;
  /** A decision was made durable; `by` is `gatehouse` for the chain or `person`. */
  decided(outcome: Outcome, by: "gatehouse" | "person", signerName: string): void;
  /** A certificate was made durable, this long after its request was created. */
  issued(signerName: string, secondsSinceCreation: number): void;
  /** A request violates its signer's profile or the key policy and was marked Failed. */
  rejected(signerName: string): void;
  /** A phase went wrong; the work on that request will be tried again. */
  failed(phase: Phase, error: unknown): void;
}

export interface IssuanceSettings {
  /** The longest certificate, in seconds; what is issued when a request names no lifetime. */
  readonly maximumLifetimeSeconds: number;
  /** Shortens kubelets' certificates; nothing does when absent. */
  readonly spread?: Spread | undefined;
  /** How many requests are worked on at a time. */
  readonly concurrency: number;
  /** How many requests may wait for hooks outside at a time; 20,000 when absent. */
  readonly maximumQuestions?: number;
  /** How many fresh requests may wait; above it, creating answers TooManyRequests. */
  readonly queueLimit: number;
}

/** Where the outcome of the work on a request goes: the store, or the commit that is yet to create the request. */
export interface OutcomeStore {
  /** As `CertificateRequests` has it. */
  update(csr: CertificateSigningRequest, records: OutcomeRecords): Promise<unknown>;
  /** As `CertificateRequests` has it. */
  recordDecision(decision: DecisionRecord): Promise<unknown>;
}

/** What the work on one request needs. */
export type WorkDependencies = Omit<IssuanceDependencies, "requests"> & { readonly requests: OutcomeStore };

export interface IssuanceDependencies {
  readonly requests: CertificateRequests;
  readonly certificates: Pick<Certificates, "latestOf">;
  readonly decisions: Pick<Decisions, "ofRequest">;
  readonly decoder: CsrDecoder;
  readonly inspector: CertificateInspector;
  readonly issuers: SigningIssuers;
  readonly signer: CertificateSigner;
  readonly chain: ApprovalChain;
  readonly keyPolicy: KeyPolicy;
  /** What was taken back; nothing when absent. */
  readonly revocations?: RevocationLookups;
  /** Keeps nodes' names from changing hands while certificates are made; names change freely when absent. */
  readonly nodeNames?: NodeNames;
  /** Told which requests wait. */
  readonly pending?: PendingRequests;
  /** Signers of other names than Kubernetes', and what they certify. */
  readonly configuredSigners: ConfiguredSigners;
  readonly authorizer: Authorizer;
  readonly clock: Clock;
  readonly logger: Logger;
  /** A random UUID. */
  newUid(): string;
  /** Five random characters of `bcdfghjklmnpqrstvwxz2456789`, what `generateName` is completed with. */
  newNameSuffix(): string;
  readonly settings: IssuanceSettings;
  readonly observe: IssuanceObserver;
}
