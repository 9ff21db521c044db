import type { Clock } from "../../shared/clock.ts";
import type { Logger } from "../../shared/logging.ts";
import type { Attestations } from "../domain/attestation.ts";
import type { CertificateRecord } from "../domain/certificate.ts";
import type { ImportedCertificates } from "../domain/certificate-import.ts";
import type { ExpiryRecords } from "../domain/expiry-records.ts";
import type { NodeInventory } from "../domain/inventory.ts";
import type { RotationRecords } from "../domain/issuer-rotation.ts";
import type { JobRuns } from "../domain/job.ts";
import type { MerkleLog } from "../domain/merkle-log.ts";
import type {
  AuditTrail,
  BootstrapTokens,
  CertificateRequests,
  Certificates,
  Decisions,
  Issuers,
  LedgerMaintenance,
  ObjectStore,
} from "../domain/ports.ts";
import {
  CLUSTER_ROLE_BINDINGS,
  CLUSTER_ROLES,
  type ClusterRole,
  type ClusterRoleBinding,
} from "../domain/rbac/objects.ts";
import type { RecordedRequests } from "../domain/recorded-request.ts";
import type { Revocations } from "../domain/revocation.ts";
import type { RevocationListNumbers } from "../domain/revocation-list.ts";
import type { ShadowDecisions } from "../domain/shadow.ts";
import { startBatchWriter } from "./batch-writer.ts";
import { createChangeHub } from "./change-hub.ts";
import { createChangeLog } from "./change-log.ts";
import { openForReading, openForWriting } from "./connection.ts";
import { createKeyNodes } from "./key-nodes.ts";
import { ledgerMaintenance, startCompaction } from "./maintenance.ts";
import { storedMerkleLog } from "./merkle/stored-merkle-log.ts";
import { MIGRATIONS } from "./migrations/all.ts";
import { migrate } from "./migrations/migrate.ts";
import { createNodeCertificates } from "./node-certificates.ts";
import { createObjectCache } from "./object-cache.ts";
import { recordedRequests } from "./recorded-requests.ts";
import { storedAttestations } from "./stored-attestations.ts";
import { storedExpiry } from "./stored-expiry.ts";
import { storedNodes } from "./stored-nodes.ts";
import { storedObjects } from "./stored-objects.ts";
import {
  storedAuditTrail,
  storedCertificates,
  storedDecisions,
  storedIssuers,
  storedShadowDecisions,
} from "./stored-records.ts";
import { storedRequests } from "./stored-requests.ts";
import { storedRevocationLists, storedRevocations } from "./stored-revocations.ts";
import { storedRotation } from "./stored-rotation.ts";
import { storedRuns } from "./stored-runs.ts";
import { storedBootstrapTokens } from "./stored-tokens.ts";
import type { JudgeModule } from "./verification/certificate-judge.ts";
import { acquireWriterLock } from "./writer-lock.ts";

export interface LedgerLimits {
  /** CertificateSigningRequests stored at a time; more are refused with TooManyRequests. */
  readonly maximumRequests: number;
  /** Entries of the change log kept, whatever their age. */
  readonly maximumChanges: number;
  /** The file never grows beyond this; 0 for no bound. Writes that need more are refused; removals have a reserve. */
  readonly maximumBytes: number;
  /** Operations in one transaction. */
  readonly maximumBatch: number;
  /** Operations that may wait for the writer; more are refused with TooManyRequests. */
  readonly maximumQueuedOperations: number;
  /** Octets of objects that may wait for the writer. */
  readonly maximumQueuedBytes: number;
  /** Octets of JSON whose parsed objects are kept in memory. */
  readonly maximumCachedBytes: number;
}

const DEFAULT_LIMITS: LedgerLimits = {
  maximumRequests: 50_000,
  maximumChanges: 200_000,
  maximumBytes: 0,
  maximumBatch: 256,
  maximumQueuedOperations: 20_000,
  maximumQueuedBytes: 64 * 1024 * 1024,
  maximumCachedBytes: 64 * 1024 * 1024,
};

/** Changes kept in memory for watches that start a little late. */
const RECENT_CHANGES = { maximumEntries: 4_096, maximumBytes: 16 * 1024 * 1024 };
const DEFAULT_COMPACTION_WINDOW_SECONDS = 600;

export interface LedgerOptions {
  /** Made, mode 0600, when absent; its directory must exist. */
  readonly file: string;
  readonly clock: Clock;
  readonly logger: Logger;
  /** How long a change stays in the log for watches to start after; 600 when absent. */
  readonly compactionWindowSeconds?: number;
  readonly limits?: Partial<LedgerLimits>;
  /** Looks into the encodings of certificates when the ledger is verified. */
  readonly certificateJudge?: JudgeModule;
  /** For measuring only: how long the writer waits before each COMMIT, as a slower disk would. */
  readonly commitDelayMilliseconds?: number;
}

export interface Ledger {
  readonly requests: CertificateRequests;
  readonly certificates: Certificates & ImportedCertificates;
  readonly nodes: NodeInventory;
  readonly merkle: MerkleLog;
  readonly decisions: Decisions;
  readonly shadow: ShadowDecisions;
  readonly issuers: Issuers;
  readonly rotation: RotationRecords;
  readonly tokens: BootstrapTokens;
  readonly attestations: Attestations;
  readonly clusterRoles: ObjectStore<ClusterRole>;
  readonly clusterRoleBindings: ObjectStore<ClusterRoleBinding>;
  readonly recorded: RecordedRequests;
  readonly revocations: Revocations;
  readonly expiry: ExpiryRecords;
  readonly revocationListNumbers: RevocationListNumbers;
  readonly runs: JobRuns;
  readonly audit: AuditTrail;
  readonly maintenance: LedgerMaintenance;
  /** Finishes the writes that were accepted, refuses later ones, ends subscriptions and releases the file. */
  close(): Promise<void>;
}

/**
 * Opens the ledger in `file` for this process alone and brings its schema up to date.
 *
 * @throws {LedgerOpenError} when another process has it, the file is no ledger, its migrations are not ours, or the
 *   file system does not take the durability settings.
 */
export async function openLedger(options: LedgerOptions): Promise<Ledger> {
  const lock = acquireWriterLock(options.file);
  try {
    prepareFile(options);
    return await assemble(options, () => lock.release());
  } catch (error) {
    lock.release();
    throw error;
  }
}

function prepareFile({ file, clock, logger }: LedgerOptions): void {
  const connection = openForWriting(file);
  try {
    const applied = migrate(connection, MIGRATIONS, file, clock.now());
    if (applied.length > 0) logger.info({ file, migrations: applied }, "the ledger's schema was brought up to date");
  } finally {
    connection.close();
  }
}

async function assemble(options: LedgerOptions, release: () => void): Promise<Ledger> {
  const { file, clock, logger, commitDelayMilliseconds = 0 } = options;
  const limits = { ...DEFAULT_LIMITS, ...options.limits };
  const { maximumRequests, maximumBytes, maximumChanges } = limits;
  const reader = openForReading(file);
  const log = createChangeLog(reader);
  const hub = createChangeHub(log, RECENT_CHANGES, logger);
  const settings = { file, maximumRequests, maximumBytes, commitDelayMilliseconds };
  const starting = startBatchWriter(settings, { limits, onBatch: () => hub.flush(), logger });
  const writer = await starting.catch((error: unknown) => {
    reader.close();
    throw error;
  });
  const maintenance = ledgerMaintenance({
    file,
    reader,
    writer,
    hub,
    clock,
    maximumChanges,
    judge: options.certificateJudge,
  });
  const windowSeconds = options.compactionWindowSeconds ?? DEFAULT_COMPACTION_WINDOW_SECONDS;
  const compaction = startCompaction(maintenance, { windowSeconds, clock, logger });
  const cache = createObjectCache(limits.maximumCachedBytes);
  const keyNodes = createKeyNodes(reader);
  const nodeCertificates = createNodeCertificates(reader);
  const recorded = ({ spkiSha256, nodeName }: Pick<CertificateRecord, "spkiSha256" | "nodeName">): void => {
    keyNodes.recorded(spkiSha256);
    if (nodeName !== undefined) nodeCertificates.recorded(nodeName);
  };
  const records = { reader, writer, clock };
  const tokens = storedBootstrapTokens(records);
  return {
    requests: storedRequests({ ...records, log, hub, cache, recorded }),
    certificates: storedCertificates(records, { keyNodes, nodeCertificates, recorded }),
    nodes: storedNodes(reader),
    merkle: storedMerkleLog(reader),
    decisions: storedDecisions(records),
    shadow: storedShadowDecisions(records),
    issuers: storedIssuers(records),
    rotation: storedRotation(records),
    tokens,
    attestations: storedAttestations({ ...records, tokens, recorded }),
    clusterRoles: storedObjects(CLUSTER_ROLES, { ...records, hub }),
    clusterRoleBindings: storedObjects(CLUSTER_ROLE_BINDINGS, { ...records, hub }),
    recorded: recordedRequests(reader),
    revocations: storedRevocations(records),
    expiry: storedExpiry({ ...records, file }),
    revocationListNumbers: storedRevocationLists(records),
    runs: storedRuns(records),
    audit: storedAuditTrail(records),
    maintenance,
    async close() {
      compaction.stop();
      await writer.drain();
      hub.close();
      // Before the writer: the last connection to close folds the log back into the file, and must be able to write.
      reader.close();
      await writer.end();
      release();
    },
  };
}
