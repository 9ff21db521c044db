import type { Clock } from "../../shared/clock.ts";
import type { CertificateRecord } from "../domain/certificate.ts";
import type { ImportedCertificates } from "../domain/certificate-import.ts";
import type { AuditTrail, Certificates, Decisions, Issuers, NameHolder } from "../domain/ports.ts";
import type { ShadowDecisions } from "../domain/shadow.ts";
import { auditPayload } from "./audit-chain.ts";
import type { BatchWriter } from "./batch-writer.ts";
import type { Connection } from "./connection.ts";
import { expiryCounter } from "./count-certificates.ts";
import { auditFinder } from "./find-audit-entries.ts";
import { certificateFinder } from "./find-certificates.ts";
import type { KeyNodes } from "./key-nodes.ts";
import type { NodeCertificates } from "./node-certificates.ts";
import { certificateNamesReader, type NameHolderRow } from "./tables/certificate-names-table.ts";
import { toCertificateRecord, toCertificateRow, toCertificateSummary } from "./tables/certificate-row.ts";
import { certificatesReader } from "./tables/certificates-table.ts";
import { decisionsReader, toDecisionRecord } from "./tables/decisions-table.ts";
import { issuersReader, toIssuerRecord, toIssuerRow } from "./tables/issuers-table.ts";
import { shadowDecisionsReader, toShadowDecisionRow, toShadowRecord } from "./tables/shadow-decisions-table.ts";

export interface StoredRecordsDependencies {
  readonly reader: Connection;
  readonly writer: BatchWriter;
  readonly clock: Clock;
}

/** What is kept in memory of certificates. */
export interface CertificateMemory {
  readonly keyNodes: KeyNodes;
  readonly nodeCertificates: NodeCertificates;
  /** To be told of every certificate that was committed. */
  readonly recorded: (certificate: CertificateRecord) => void;
}

/** Stands for a record in the queue's bound; none is much larger. */
export const RECORD_BYTES = 2_048;

/** The certificates of the ledger. */
export function storedCertificates(
  { reader, writer, clock }: StoredRecordsDependencies,
  { keyNodes, nodeCertificates, recorded }: CertificateMemory,
): Certificates & ImportedCertificates {
  const table = certificatesReader(reader);
  const names = certificateNamesReader(reader);
  const find = certificateFinder(reader, () => clock.now());
  return {
    find,
    async get(id) {
      const row = table.byFingerprint(id) ?? table.bySerial(id)[0];
      return row && toCertificateRecord(row);
    },
    withSerial: async (serial) => table.bySerial(serial).map(toCertificateSummary),
    isRevoked: (fingerprint) => table.isRevoked(fingerprint),
    otherNodeOfKey: (spkiSha256, nodeName) => keyNodes.otherNodeOf(spkiSha256, nodeName),
    ofNode: (nodeName, signerName) => nodeCertificates.of(nodeName, signerName),
    async latestOf(nodeName, signerName) {
      const row = table.latest(nodeName, signerName);
      return row && toCertificateRecord(row);
    },
    summaryOfLatest(nodeName, signerName) {
      const row = table.latestListed(nodeName, signerName);
      return row && toCertificateSummary(row);
    },
    otherHoldersOf: (name, nodeName, now) => names.otherHolders(name, nodeName, now.getTime()).map(toNameHolder),
    async record(certificate) {
      const operation = { kind: "recordCertificate", certificate: toCertificateRow(certificate) } as const;
      await writer.submit(operation, RECORD_BYTES, () => recorded(certificate));
    },
    async recordImported(records, by) {
      const operation = { kind: "importCertificates", certificates: records.map(toCertificateRow), actor: by } as const;
      return writer.submit(operation, records.length * RECORD_BYTES, (answer) => {
        for (const record of records) recorded(record);
        return answer;
      });
    },
    countByExpiry: expiryCounter(reader),
  };
}

function toNameHolder({ serial, signerName, nodeName, commonName, notAfterMilliseconds }: NameHolderRow): NameHolder {
  return { serial, signerName, commonName, nodeName: nodeName ?? undefined, notAfter: new Date(notAfterMilliseconds) };
}

/** The decisions of the ledger. */
export function storedDecisions({ reader }: Pick<StoredRecordsDependencies, "reader">): Decisions {
  const table = decisionsReader(reader);
  return { ofRequest: async (name) => table.ofRequest(name).map(toDecisionRecord) };
}

/** What a shadow chain would have decided otherwise. */
export function storedShadowDecisions({
  reader,
  writer,
}: Pick<StoredRecordsDependencies, "reader" | "writer">): ShadowDecisions {
  const table = shadowDecisionsReader(reader);
  return {
    latest: async (limit) => table.latest(limit).map(toShadowRecord),
    async record(decision) {
      const operation = { kind: "recordShadow", decision: toShadowDecisionRow(decision) } as const;
      await writer.submit(operation, RECORD_BYTES, () => undefined);
    },
  };
}

/** The issuers of the ledger; recording one again moves it to the slot given. */
export function storedIssuers({ reader, writer, clock }: StoredRecordsDependencies): Issuers {
  const table = issuersReader(reader);
  return {
    list: async () => table.all().map(toIssuerRecord),
    async record(issuer) {
      const atMilliseconds = clock.now().getTime();
      const operation = { kind: "recordIssuer", issuer: toIssuerRow(issuer), atMilliseconds } as const;
      await writer.submit(operation, RECORD_BYTES, () => undefined);
    },
  };
}

/** The ledger's hash chain: entries of other rooms come in, and all are found. */
export function storedAuditTrail({ reader, writer }: Pick<StoredRecordsDependencies, "reader" | "writer">): AuditTrail {
  return {
    find: auditFinder(reader),
    async append(entry) {
      const payload = auditPayload(entry);
      await writer.submit({ kind: "appendAudit", payload }, payload.length, () => undefined);
    },
  };
}
