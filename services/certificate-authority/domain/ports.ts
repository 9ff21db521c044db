import type { ApiObject } from "./api-object.ts";
import type { BootstrapTokenRecord } from "./bootstrap-token.ts";
import type { CertificateIntent, CertificateRecord, CertificateSummary, SignedCertificate } from "./certificate.ts";
import type { CertificateSigningRequest } from "./certificate-signing-request.ts";
import type { CsrDecoding, CsrFacts } from "./csr-facts.ts";
import type { Decision, DecisionRecord, Verdict } from "./decision.ts";
import type { IssuerAvailability, IssuerRecord } from "./issuer.ts";
import type { KeyViolation } from "./key-policy.ts";
import type { ReviewDocument, ReviewedBinding, ReviewSubject } from "./review-document.ts";

/** One entry of the append-only change log. */
export interface Change<T extends ApiObject = CertificateSigningRequest> {
  readonly type: "ADDED" | "MODIFIED" | "DELETED";
  readonly revision: number;
  /** The object after the change; for DELETED its last state with the deletion's resourceVersion. */
  readonly object: T;
  /** The object before the change; undefined for ADDED. Selectors turn transitions into ADDED and DELETED with it. */
  readonly previous: T | undefined;
}

/** What is stored in the same durable commit as the object it explains. */
export interface OutcomeRecords {
  readonly decision?: DecisionRecord;
  readonly certificate?: CertificateRecord;
}

/** What follows from a new object at once. */
export interface FirstOutcome {
  /** The object right after its creation, at a revision of its own; absent when it stays as it was created. */
  readonly next?: CertificateSigningRequest;
  readonly records: OutcomeRecords;
}

export interface WatchSubscription {
  close(): void;
}

/** The objects of one kind as they can be read and watched. What a method resolves with is durable. */
export interface ObjectReader<T extends ApiObject> {
  get(name: string): Promise<T | undefined>;

  /** All objects, or the one of that name, in name order, with the revision they were read at. */
  list(selection?: { readonly name?: string }): Promise<{ readonly items: readonly T[]; readonly revision: number }>;

  /** The newest durable revision. */
  revision(): number;

  /** The oldest revision a watch may start after; anything older answers 410 Expired. */
  compactedRevision(): number;

  /**
   * Delivers every change strictly after `afterRevision`, in order, without gap or repetition, until closed.
   * `onChanges` is called with one or more changes at a time, never re-entrantly, never before this method returned.
   * `onError` is called at most once, last (Expired when compaction overtook the subscriber).
   *
   * @throws {StatusError} Expired when `afterRevision` is older than the compacted revision.
   */
  subscribe(
    afterRevision: number,
    selection: { readonly name?: string },
    onChanges: (changes: readonly Change<T>[]) => void,
    onError: (error: Error) => void,
  ): WatchSubscription;
}

/** What must hold of an object that is to be removed. */
export interface RemovalPreconditions {
  readonly uid?: string;
  readonly resourceVersion?: string;
}

/**
 * Plain objects of one kind: nothing but their writers gives them meaning. Each write is put on the audit trail under
 * the name of who wrote.
 */
export interface ObjectStore<T extends ApiObject> extends ObjectReader<T> {
  /**
   * Stores a new object; its `metadata.resourceVersion` is assigned.
   * @throws {StatusError} AlreadyExists when the name is taken; TooManyRequests when the store's limit is reached;
   *   RequestEntityTooLarge.
   */
  create(object: T, actor: string): Promise<T>;

  /**
   * Replaces the object whose uid and resourceVersion equal `object.metadata`'s.
   * @throws {StatusError} NotFound or Conflict; RequestEntityTooLarge.
   */
  update(object: T, actor: string): Promise<T>;

  /**
   * Deletes by name; returns the last state, its resourceVersion being the deletion's.
   * @throws {StatusError} NotFound; Conflict when a precondition does not hold.
   */
  remove(name: string, preconditions: RemovalPreconditions, actor: string): Promise<T>;
}

/**
 * The CertificateSigningRequest objects, wherever they live: the ledger when standalone, a kube-apiserver in cluster
 * mode. Everything a method resolves with is durable before it resolves.
 */
export interface CertificateRequests extends ObjectReader<CertificateSigningRequest> {
  /**
   * Stores a new object, and what follows from it in the same commit; watchers see both states, one after the other.
   * @returns the object as it was created, its `metadata.resourceVersion` assigned.
   * @throws {StatusError} AlreadyExists when the name is taken; TooManyRequests when the store's object limit is reached;
   *   Conflict when the certificate is on record already. Then nothing at all was stored.
   */
  create(csr: CertificateSigningRequest, outcome?: FirstOutcome): Promise<CertificateSigningRequest>;

  /**
   * Replaces the object whose uid and resourceVersion equal `csr.metadata`'s, together with its records.
   * @throws {StatusError} NotFound or Conflict; then nothing at all was stored.
   */
  update(csr: CertificateSigningRequest, records?: OutcomeRecords): Promise<CertificateSigningRequest>;

  /**
   * Deletes by name; returns the last state, its resourceVersion being the deletion's.
   * @param removedBy - user name for the audit trail; our own doing when absent.
   * @throws {StatusError} NotFound; Conflict when a precondition does not hold.
   */
  remove(name: string, preconditions: RemovalPreconditions, removedBy?: string): Promise<CertificateSigningRequest>;

  /** Names of requests that are undecided or await a signature, oldest first: what to work on after a start. */
  unfinished(): Promise<readonly string[]>;

  /** Stores a decision that changes no object: the chain left the request pending, or a dry explanation was recorded. */
  recordDecision(decision: DecisionRecord): Promise<void>;
}

export interface Page<T> {
  readonly items: readonly T[];
  /** Opaque; undefined on the last page. */
  readonly continueToken: string | undefined;
}

export interface CertificateQuery {
  readonly nodeName?: string;
  readonly signerName?: string;
  readonly requestName?: string;
  /** Serial or fingerprint, lower-case hex. */
  readonly id?: string;
  /** Of the issuer: lower-case hex SHA-256 of its certificate's DER. */
  readonly issuerId?: string;
  /** A DNS name in lower case, as it stands in certificates (`*.example.org` is none but that), or an address. */
  readonly name?: string;
  /** The key: SHA-256 of its SPKI, lower-case hex. */
  readonly spkiSha256?: string;
  readonly state?: "valid" | "expired" | "revoked";
  /** Only those that were imported, or were issued by us. */
  readonly isImported?: boolean;
  /** Only those whose notAfter is before this instant. */
  readonly expiresBefore?: Date;
  /** Only those whose notAfter is this instant or later. */
  readonly expiresAfter?: Date;
  /** At most 1,000. */
  readonly limit: number;
  readonly continueToken?: string;
}

/** Who has a certificate for a name. */
export interface NameHolder extends Pick<CertificateSummary, "serial" | "signerName" | "commonName" | "notAfter"> {
  readonly nodeName: string | undefined;
}

/** A certificate of a node, as guards see it. */
export interface NodeCertificate
  extends Pick<CertificateSummary, "serial" | "spkiSha256" | "requester" | "notAfter" | "issuedAt" | "state"> {}

/** Every certificate that was signed. */
export interface Certificates {
  /** Newest first by default; soonest to expire first when a window of expiry, or an issuer, is asked for. */
  find(query: CertificateQuery): Promise<Page<CertificateSummary>>;
  /** By fingerprint or serial, lower-case hex. */
  get(id: string): Promise<CertificateRecord | undefined>;
  /** All of that serial (lower-case hex), one an issuer, the newest first. */
  withSerial(serial: string): Promise<readonly CertificateSummary[]>;
  /**
   * Whether the certificate of this fingerprint (lower-case hex) is on record as revoked; one that is not on record is
   * not. Synchronous on purpose: it stands on the path of every request that shows a client certificate.
   */
  isRevoked(fingerprint: string): boolean;
  /**
   * A node, other than `nodeName`, for which the key of this SHA-256 (of its SPKI, lower-case hex) was ever certified;
   * any node at all when `nodeName` is undefined. Synchronous for the same reason.
   */
  otherNodeOfKey(spkiSha256: string, nodeName: string | undefined): string | undefined;
  /**
   * The certificates of a node for a signer, the newest first, at most a thousand. Synchronous: every join asks, most of
   * them about a name that is new.
   */
  ofNode(nodeName: string, signerName: string): readonly NodeCertificate[];
  /** The newest certificate of a node for a signer: what a renewal replaces. */
  latestOf(nodeName: string, signerName: string): Promise<CertificateRecord | undefined>;
  /** The same without its encoding. Synchronous: it stands on the path of renewals that are approved at once. */
  summaryOfLatest(nodeName: string, signerName: string): CertificateSummary | undefined;
  /**
   * Certificates, valid at `now` and not revoked, that have a DNS name (in lower case) or address and are not of that
   * node: other nodes', our own, anybody's. At most a hundred of them.
   */
  otherHoldersOf(name: string, nodeName: string, now: Date): readonly NameHolder[];
  /** Records a certificate that answers no request (serving, administrator). */
  record(certificate: CertificateRecord): Promise<void>;
  /** How many unexpired certificates expire before each instant, in the order given, and how many in all are valid. */
  countByExpiry(
    now: Date,
    bounds: readonly Date[],
  ): Promise<{ readonly counts: readonly number[]; readonly valid: number }>;
}

/** The recorded decisions. */
export interface Decisions {
  /** Every decision on the request of that name, oldest first; past requests of the same name included. */
  ofRequest(name: string): Promise<readonly DecisionRecord[]>;
}

export interface Issuers {
  list(): Promise<readonly IssuerRecord[]>;
  /** Idempotent by id. What becomes active takes the place of the active one of its name, which is old from then on. */
  record(issuer: IssuerRecord): Promise<void>;
}

export interface StoredBootstrapToken {
  readonly token: BootstrapTokenRecord;
  readonly secretHash: Uint8Array;
  /** Undefined when the secret was not kept. */
  readonly sealedSecret?: Uint8Array;
}

/** Bootstrap tokens. `secretHash` is a keyed hash made by `access`; the ledger never sees a secret. */
export interface BootstrapTokens {
  /** @param sealedSecret - the secret itself, encrypted; only of tokens that sign. */
  create(token: BootstrapTokenRecord, secretHash: Uint8Array, sealedSecret?: Uint8Array): Promise<void>;
  /**
   * Changes a token's description, groups, expiry, usages, labels, annotations and revision; nothing else of `token` is
   * looked at. The sealed secret of one that no longer signs is dropped.
   * @param expectedRevision - as `revisionOf` tells it of the token that was read.
   * @throws {StatusError} NotFound; Conflict when it was changed meanwhile.
   */
  update(token: BootstrapTokenRecord, expectedRevision: number, actor: string): Promise<void>;
  list(): Promise<readonly BootstrapTokenRecord[]>;
  /** Synchronous on purpose: it stands on the path of every request that carries a token. */
  find(id: string): StoredBootstrapToken | undefined;
  /**
   * @param removedBy - user name for the audit trail; our own doing when absent.
   * @returns false when there was none.
   */
  remove(id: string, removedBy?: string): Promise<boolean>;
  /**
   * Removes what expired before `now`; returns the ids.
   * @param removedBy - as for `remove`.
   */
  removeExpired(now: Date, removedBy?: string): Promise<readonly string[]>;
}

/** A hash-chained entry. `kind` is a dotted noun and verb, e.g. `token.created`; `subject` names what it is about. */
export interface AuditEntry {
  readonly at: Date;
  readonly actor: string;
  readonly kind: string;
  readonly subject: string;
  readonly details: Readonly<Record<string, unknown>>;
}

/** An entry as it stands in the chain. */
export interface RecordedEntry extends AuditEntry {
  /** 1 for the first; without gaps. */
  readonly sequence: number;
  /** Lower-case hex. */
  readonly hash: string;
}

/** What is looked for in the chain; what is absent does not matter. */
export interface AuditTrailQuery {
  readonly actor?: string;
  /** The part of `kind` before the dot. */
  readonly noun?: string;
  /** The part of `kind` after the dot. */
  readonly verb?: string;
  /** The subject, or the name of the request that the entry is about. */
  readonly name?: string;
  readonly since?: Date;
  /** Only entries after this sequence, the oldest first; without it the newest comes first. */
  readonly after?: number;
  /** Only entries before this sequence; not together with `after`. */
  readonly before?: number;
  readonly limit: number;
}

export interface AuditTrailPage {
  readonly items: readonly RecordedEntry[];
  /** The sequence that was looked at last: where to go on. */
  readonly examined: number;
  /** The newest sequence; 0 when there is none. */
  readonly head: number;
  readonly hasMore: boolean;
}

/** The hash-chained record. Decisions, certificates, tokens and issuers write their entries in their own commits. */
export interface AuditTrail {
  append(entry: AuditEntry): Promise<void>;
  /** Looks at a bounded number of entries: a page may have few items, or none, although more follow. */
  find(query: AuditTrailQuery): Promise<AuditTrailPage>;
}

/** What `gatehouse ledger verify` finds. `problems` is empty for a sound ledger. */
export interface LedgerVerification {
  readonly revision: number;
  readonly auditEntries: number;
  /** Lower-case hex hash of the newest audit entry: note it elsewhere to notice a truncated chain later. */
  readonly auditHead: string;
  readonly certificates: number;
  readonly decisions: number;
  /** What is wrong: records that contradict each other, or certificates that should not have been issued as they are. */
  readonly problems: readonly string[];
  /** What is odd and nobody's fault here, such as the form of certificates that others issued. */
  readonly warnings: readonly string[];
}

/** How far a verification is. The certificates take most of it. */
export interface VerificationProgress {
  /** Certificates that were looked into. */
  readonly done: number;
  readonly total: number;
}

export interface LedgerMaintenance {
  /** Writes a consistent copy, with everything durable so far, to `path`, which must not exist. */
  backup(path: string): Promise<{ readonly bytes: number; readonly revision: number }>;
  /** @param onProgress - is told now and then how far it is. */
  verify(onProgress?: (progress: VerificationProgress) => void): Promise<LedgerVerification>;
  /** Drops log entries older than `before`; watches that need them answer 410. */
  compact(before: Date): Promise<void>;
  /** Drops archived requests that were deleted before `before`, and the oldest beyond `maximumRequests`. */
  pruneArchive(before: Date, maximumRequests: number): Promise<void>;
  /** How many archived requests that would drop. */
  countPrunable(before: Date, maximumRequests: number): Promise<number>;
  /** Resolves when a commit can be made; rejects when the store does not take writes. */
  check(): Promise<void>;
}

/**
 * Decodes `spec.request` (base64 of PEM) and checks its self-signature.
 *
 * Source: kubernetes pkg/apis/certificates/helpers.go (ParseCSR).
 */
export interface CsrDecoder {
  decode(requestBase64: string): Promise<CsrDecoding>;
}

/** What the rules need to know of a certificate that is already set on a request. */
export interface InspectedCertificate {
  readonly notBefore: Date;
  readonly notAfter: Date;
}

/** Every decodable block of `status.certificate` is a header-less `CERTIFICATE` that parses; or why not. */
export type CertificateInspection =
  | { readonly kind: "ok"; readonly certificates: readonly InspectedCertificate[] }
  | { readonly kind: "invalid"; readonly message: string };

/**
 * Reads `status.certificate` (base64 of PEM). Synchronous: it stands inside validation and sees at most a few kilobytes.
 *
 * Source: kubernetes pkg/apis/certificates/validation/validation.go (validateCertificate).
 */
export interface CertificateInspector {
  inspectPem(certificateBase64: string): CertificateInspection;
}

/**
 * Which public keys are certified. The one evaluator: hooks ask it when they review a request, and issuance asks it again
 * before it signs, whoever approved. Synchronous, since every request passes it twice.
 */
export interface KeyPolicy {
  /** What speaks against certifying the key for this subject; undefined when nothing does. */
  violation(facts: CsrFacts): KeyViolation | undefined;
  /**
   * Keeps the key from being certified for two nodes at the same time, neither of which is on record yet.
   *
   * @returns what ends the reservation: to be called once, when the certificate is on record or will not be made.
   * @throws {StatusError} Conflict while it is reserved for another node: to be tried again.
   */
  reserve(facts: CsrFacts): () => void;
}

/** Whose client certificate is being made. */
export interface NodeNames {
  /**
   * Keeps a node's name from being certified for two keys at the same time without a person, when it is not the node who asks.
   *
   * @param isAutomatic - nobody but hooks approved: the name must still be free.
   * @returns what ends the reservation: to be called once, when the certificate is on record or will not be made.
   * @throws {StatusError} Conflict when the name was taken since the review: to be reviewed again.
   */
  reserve(csr: CertificateSigningRequest, facts: CsrFacts, isAutomatic: boolean, now: Date): () => void;
}

/** The requests that wait, for guards that compare them. Told by whoever works on requests. */
export interface PendingRequests {
  /** To be called for every stored request that waits; nothing happens when it is known. */
  keep(csr: CertificateSigningRequest, facts: CsrFacts): void;
  /** It was decided, or is gone. */
  remove(uid: string): void;
  /** The same of a request whose object is gone. */
  removeNamed(name: string): void;
  /** Tells the names of requests that a newer one takes the place of: they are to be reviewed again. */
  onSuperseded(listener: (name: string) => void): void;
}

/** Which issuer signs for whom. */
export interface SigningIssuers {
  /** The issuer that signs now for a signer; synchronous, since every request passes it. */
  issuerFor(signerName: string): IssuerAvailability;
}

/** Builds, signs, lints and re-reads certificates with the keys of the issuers. */
export interface CertificateSigner {
  /**
   * @param issuerId - the id of an issuer that `SigningIssuers` named.
   * @throws {StatusError} InternalError when the issuer has expired, or when the signed result differs from the intent;
   *   then no certificate left the signing room. ServiceUnavailable when the issuer was replaced meanwhile. All are
   *   retried, never recorded as Failed.
   */
  sign(intent: CertificateIntent, issuerId: string): Promise<SignedCertificate>;
}

/** Whether what is done can be put on the audit record now. Asked before each signature. */
export interface RecordGuard {
  /** @throws {StatusError} ServiceUnavailable when it cannot: to be tried again, never a failure of the request. */
  check(): Promise<void>;
}

/** A request that is to be judged. */
export interface ReviewRequest extends ReviewSubject {
  /** True when the request was reviewed before and still waits. */
  readonly isRepeated?: boolean;
  /** Whether somebody still waits for the decision; nobody does once the request was settled otherwise. */
  readonly interest?: Interest | undefined;
}

/** Says when nobody waits for a decision any more; then no hook need be asked. */
export interface Interest {
  readonly isLost: boolean;
  /** Called once, when it gets lost. Who is being asked sets it; there is one at a time. */
  onLost: (() => void) | undefined;
}

/** What hooks decide on. */
export interface ReviewInput extends ReviewRequest {
  /** Everything there is to know about the request, as programs and policies see it; put together when first asked for. */
  document(): Promise<ReviewDocument>;
}

export interface ApprovalHook {
  readonly name: string;
  /**
   * @param signal - says that nobody waits for the answer any more; hooks that ask somebody outside heed it.
   * @throws when it could not evaluate; the review is retried.
   */
  review(input: ReviewInput, signal?: AbortSignal): Verdict | Promise<Verdict>;
  /** The files it was made from: when one of them changes it is made anew. */
  files?(): readonly string[];
  /** How busy it is; only hooks that wait for somebody outside tell. */
  load?(): HookLoad;
  /**
   * Frees what it holds (processes, connections) when it is not asked any more; what it is being asked may be finished.
   *
   * @param isUrgent - nobody waits for answers either: what goes on is broken off.
   */
  close?(isUrgent: boolean): Promise<void>;
}

export interface HookLoad {
  /** Requests it is being asked about. */
  readonly asking: number;
  /** Requests that stand in line. */
  readonly waiting: number;
}

export interface ApprovalChain {
  /**
   * Answers at once when every hook does. When hooks could not evaluate, their entries in the trace are `failed` and
   * the decision is a denial by another hook, or pending: then the review is retried with back-off.
   */
  review(request: ReviewRequest): Decision | Promise<Decision>;
  /** How many different people have to approve a request, where people approve it; at least 1. */
  approvalsNeeded(csr: CertificateSigningRequest): number;
}

/** What is on record about whom a request concerns. */
export interface ReviewHistory {
  /** Certificates of a node for a signer, the newest first, at most ten. */
  previousCertificates(nodeName: string, signerName: string): Promise<readonly CertificateSummary[]>;
  /** The machine that a node's name is bound to, and whether it is who asks. */
  bindingOf(nodeName: string, username: string): ReviewedBinding | null;
}
