import { writeFile } from "node:fs/promises";
import { explainDecision } from "../../services/certificate-authority/approval/explain.ts";
import type {
  AccessAttributes,
  AccessDecision,
  Authorizer,
} from "../../services/certificate-authority/domain/authorization.ts";
import type { BootstrapTokenRecord } from "../../services/certificate-authority/domain/bootstrap-token.ts";
import type { CertificateRecord } from "../../services/certificate-authority/domain/certificate.ts";
import type { CertificateSigningRequest } from "../../services/certificate-authority/domain/certificate-signing-request.ts";
import type { DecisionRecord } from "../../services/certificate-authority/domain/decision.ts";
import type { CsrDraft } from "../../services/certificate-authority/domain/draft.ts";
import type { EncryptionAtRest, ReencryptionOutcome } from "../../services/certificate-authority/domain/encryption.ts";
import type { NodeInventory } from "../../services/certificate-authority/domain/inventory.ts";
import type {
  ConfiguredIssuer,
  ConfiguredIssuers,
  IssuerRecord,
} from "../../services/certificate-authority/domain/issuer.ts";
import type { MerkleLog } from "../../services/certificate-authority/domain/merkle-log.ts";
import type {
  AuditTrailPage,
  AuditTrailQuery,
  CertificateQuery,
  LedgerVerification,
  RecordedEntry,
  VerificationProgress,
} from "../../services/certificate-authority/domain/ports.ts";
import type {
  RecordedPageQuery,
  RecordedReview,
  RecordedReviews,
} from "../../services/certificate-authority/domain/recorded-request.ts";
import type {
  BootstrapTokenAdministration,
  NewBootstrapToken,
} from "../../services/certificate-authority/http/admin-api/bootstrap-tokens.ts";
import type { PersonalVerdict, Rehearsal } from "../../services/certificate-authority/issuance/contract.ts";
import type { ImportItem, Importing, ImportOutcome } from "../../services/certificate-authority/issuance/import.ts";
import { MerkleTree } from "../../services/certificate-authority/ledger/merkle/tree.ts";
import type { UserInfo } from "../../services/shared/user-info.ts";
import { certificateRecord } from "../builders/records.ts";

/** Certificates in memory; remembers what it was asked, answers everything it holds. */
export class FakeCertificates {
  readonly queries: CertificateQuery[] = [];
  continueToken: string | undefined;
  readonly records: CertificateRecord[];

  constructor(...records: CertificateRecord[]) {
    this.records = records;
  }

  async find(query: CertificateQuery) {
    this.queries.push(query);
    const wanted = (["nodeName", "signerName", "spkiSha256"] as const).filter((field) => query[field] !== undefined);
    const items = this.records.filter((record) => wanted.every((field) => record[field] === query[field]));
    return { items: items.slice(0, query.limit), continueToken: this.continueToken };
  }

  async get(id: string): Promise<CertificateRecord | undefined> {
    return this.records.find((record) => record.serial === id || record.fingerprint === id);
  }
}

/** Answers as told, and remembers what was handed in. */
export class FakeImporting implements Importing {
  readonly calls: { readonly items: readonly ImportItem[]; readonly by: string; readonly dryRun: boolean }[] = [];
  outcomeOf: (item: ImportItem) => ImportOutcome = () => ({ kind: "imported", record: certificateRecord() });

  async import(items: readonly ImportItem[], by: string, dryRun: boolean) {
    this.calls.push({ items, by, dryRun });
    return items.map((item) => this.outcomeOf(item));
  }
}

/** The nodes of certificates in memory. */
export class FakeNodes implements NodeInventory {
  readonly #certificates: FakeCertificates;

  constructor(certificates: FakeCertificates) {
    this.#certificates = certificates;
  }

  namesAfter(nodeName: string, limit: number) {
    const names = new Set(this.#certificates.records.flatMap((record) => record.nodeName ?? []));
    return [...names]
      .filter((name) => name > nodeName)
      .toSorted()
      .slice(0, limit);
  }

  newestOf(nodeName: string) {
    const ofNode = this.#certificates.records.filter((record) => record.nodeName === nodeName);
    const byAge = ofNode.toSorted((a, b) => b.notBefore.getTime() - a.notBefore.getTime());
    const signers = [...new Set(ofNode.map(({ signerName }) => signerName))].toSorted();
    return signers.flatMap((signer) => byAge.find(({ signerName }) => signerName === signer) ?? []);
  }
}

/** Bootstrap tokens in memory; ids are `aaaaa0`, `aaaaa1`, … */
export class FakeTokenAdministration implements BootstrapTokenAdministration {
  readonly created: { readonly options: NewBootstrapToken; readonly createdBy: string }[] = [];
  readonly removed: { readonly id: string; readonly removedBy: string }[] = [];
  readonly records: BootstrapTokenRecord[] = [];
  readonly #now: Date;

  constructor(now: Date) {
    this.#now = now;
  }

  async create(options: NewBootstrapToken, createdBy: string) {
    const { description, groups, nodeName, ttlSeconds } = options;
    const expiresAt = ttlSeconds === undefined ? undefined : new Date(this.#now.getTime() + ttlSeconds * 1000);
    const id = `aaaaa${this.records.length}`;
    const record = { id, description, extraGroups: groups, nodeName, createdAt: this.#now, expiresAt, createdBy };
    this.created.push({ options, createdBy });
    this.records.push(record);
    return { record, token: `${id}.0123456789abcdef` };
  }

  async list() {
    return this.records;
  }

  async remove(id: string, removedBy: string) {
    this.removed.push({ id, removedBy });
    const index = this.records.findIndex((record) => record.id === id);
    if (index >= 0) this.records.splice(index, 1);
    return index >= 0;
  }
}

export class FakeIssuers {
  readonly records: IssuerRecord[];

  constructor(...records: IssuerRecord[]) {
    this.records = records;
  }

  async list() {
    return this.records;
  }
}

/** Configured issuers that answer as told; remembers what was installed. */
export class FakeConfiguredIssuers implements ConfiguredIssuers {
  readonly items: ConfiguredIssuer[] = [];
  readonly calls: { readonly name: string; readonly chainPem?: string; readonly user: string }[] = [];
  failure: Error | undefined;

  list() {
    return this.items;
  }

  async requestCertificate(name: string, user: string) {
    if (this.failure !== undefined) throw this.failure;
    this.calls.push({ name, user });
    return `request of ${name}\n`;
  }

  async install(name: string, chainPem: string, user: string) {
    if (this.failure !== undefined) throw this.failure;
    this.calls.push({ name, chainPem, user });
  }
}

export class FakeDecisions {
  readonly records: DecisionRecord[] = [];

  async ofRequest(name: string) {
    return this.records.filter((record) => record.requestName === name);
  }
}

/** A hash chain in memory; remembers what it was asked, answers everything it holds. */
export class FakeAuditTrail {
  readonly entries: RecordedEntry[] = [];
  readonly queries: AuditTrailQuery[] = [];
  /** Sequence to go on from, while there is more. */
  more: number | undefined;

  async find(query: AuditTrailQuery): Promise<AuditTrailPage> {
    this.queries.push(query);
    const { after, limit } = query;
    const head = this.entries.at(-1)?.sequence ?? 0;
    const upwards = this.entries.filter(({ sequence }) => sequence > (after ?? 0));
    const items = (after === undefined ? upwards.toReversed() : upwards).slice(0, limit);
    const examined = this.more ?? items.at(-1)?.sequence ?? after ?? 0;
    return { items, examined, head, hasMore: this.more !== undefined };
  }
}

export class FakeRequests {
  readonly objects = new Map<string, CertificateSigningRequest>();

  async get(name: string) {
    return this.objects.get(name);
  }
}

/** Decides as told; remembers who decided what. */
export class FakeIssuance {
  readonly verdicts: { readonly user: string; readonly name: string; readonly verdict: PersonalVerdict }[] = [];
  /** What the request is like afterwards, or what is thrown. */
  answer: CertificateSigningRequest | Error = new Error("no answer was given");

  readonly rehearsals: { readonly requester: UserInfo; readonly draft: CsrDraft }[] = [];
  rehearsal: Rehearsal | Error = new Error("no rehearsal was given");
  readonly explain = explainDecision;

  async rehearse(requester: UserInfo, draft: CsrDraft) {
    this.rehearsals.push({ requester, draft });
    if (this.rehearsal instanceof Error) throw this.rehearsal;
    return this.rehearsal;
  }

  async decide(user: UserInfo, name: string, verdict: PersonalVerdict) {
    this.verdicts.push({ user: user.username, name, verdict });
    if (this.answer instanceof Error) throw this.answer;
    return this.answer;
  }
}

/** Recorded requests in memory; a page ends where `pageSize` says. */
export class FakeRecordedReviews implements RecordedReviews {
  readonly items: RecordedReview[] = [];
  readonly queries: RecordedPageQuery[] = [];
  pageSize = Number.POSITIVE_INFINITY;

  async page(query: RecordedPageQuery) {
    this.queries.push(query);
    const start = Number(query.continueToken ?? "0");
    const end = start + Math.min(query.limit, this.pageSize);
    return { items: this.items.slice(start, end), continueToken: end < this.items.length ? String(end) : undefined };
  }
}

/** Allows everything, until told what not. */
export class SettableAuthorizer implements Authorizer {
  refuses: (user: UserInfo, attributes: AccessAttributes) => boolean = () => false;

  authorize(user: UserInfo, attributes: AccessAttributes): AccessDecision {
    return { allowed: !this.refuses(user, attributes), reason: "" };
  }
}

/** Encryption at rest that answers as told; `failure` is thrown instead when there is one. */
export class FakeEncryption implements EncryptionAtRest {
  outcome: ReencryptionOutcome = { provider: "aesgcm", keyName: "two", sealedFiles: 2, rewritten: 1 };
  failure: Error | undefined;

  async reencrypt() {
    if (this.failure !== undefined) throw this.failure;
    return this.outcome;
  }
}

/** A Merkle log over entries in memory. */
export class FakeMerkleLog implements MerkleLog {
  readonly entries: string[] = [];
  /** By id. */
  readonly certificates = new Map<string, number>();

  #tree() {
    const leaves = this.entries.map((entry) => Buffer.from(entry));
    return new MerkleTree((index, count) => leaves.slice(index, index + count));
  }

  async head() {
    const size = this.entries.length;
    return { size, root: this.#tree().root(size) };
  }

  sequenceOfCertificate(id: string) {
    return this.certificates.get(id);
  }

  async proveInclusion(sequence: number) {
    const payload = this.entries[sequence - 1];
    if (payload === undefined) return undefined;
    const head = await this.head();
    return { ...head, sequence, payload, path: this.#tree().inclusion(sequence - 1, head.size) };
  }

  async proveConsistency(from: number) {
    const head = await this.head();
    if (from > head.size) return undefined;
    return { ...head, from, path: from === 0 ? [] : this.#tree().consistency(from, head.size) };
  }
}

/** A ledger whose copy is these bytes; `gate` holds backups and verifications back until it resolves. */
export class FakeMaintenance {
  copy: Buffer = Buffer.from("SQLite format 3\0 and then some");
  gate: Promise<void> = Promise.resolve();
  backupPaths: string[] = [];
  verifications = 0;
  verification: LedgerVerification = {
    revision: 7,
    auditEntries: 3,
    auditHead: "ab".repeat(32),
    certificates: 2,
    decisions: 1,
    problems: [],
    warnings: [],
  };
  /** Told to who asks for it, as soon as a verification runs. */
  progress: VerificationProgress = { done: 1, total: 2 };

  async backup(path: string) {
    this.backupPaths.push(path);
    await this.gate;
    await writeFile(path, this.copy);
    return { bytes: this.copy.length, revision: 7 };
  }

  async verify(onProgress?: (progress: VerificationProgress) => void) {
    this.verifications += 1;
    onProgress?.(this.progress);
    await this.gate;
    return this.verification;
  }
}
