import { StatusError } from "../../shared/status-error.ts";
import type { RecordedImport } from "../domain/certificate-import.ts";
import type { Connection } from "./connection.ts";
import type { ImportCertificates, RemoveRequest } from "./operations.ts";
import {
  type ArchivedRequestRow,
  archivedRequestContent,
  archivedRequestsWriter,
  toArchivedRequestRow,
} from "./tables/archived-requests-table.ts";
import { auditAppender } from "./tables/audit-table.ts";
import { type CertificateRow, certificateContent } from "./tables/certificate-row.ts";
import { certificatesWriter } from "./tables/certificates-table.ts";
import { type DecisionRow, decisionContent, decisionsWriter } from "./tables/decisions-table.ts";
import { issuersReader } from "./tables/issuers-table.ts";

/** Who acts when no person does. */
export const OURSELVES = "gatehouse";

export type AuditWrites = ReturnType<typeof auditWrites>;

/** Decisions and certificates, each with the audit entry that vouches for it, and removals, inside the caller's transaction. */
export function auditWrites(connection: Connection) {
  const audit = auditAppender(connection);
  const decisions = decisionsWriter(connection);
  const certificates = certificatesWriter(connection);
  const archive = archivedRequestsWriter(connection);
  const issuers = issuersReader(connection);
  const endedIssuers = new Set<string>();
  readEndedIssuers();

  function readEndedIssuers(): void {
    endedIssuers.clear();
    for (const { id, endedMilliseconds } of issuers.all()) if (endedMilliseconds !== null) endedIssuers.add(id);
  }

  return {
    /** @param payload - canonical JSON of the entry. */
    append: (payload: string): number => audit.append(payload),
    /** To be called after every rollback. */
    reload: () => {
      audit.reload();
      readEndedIssuers();
    },
    /** Ids of issuers that nothing may be recorded of any more: to be kept up with by who changes them. */
    endedIssuers,

    recordDecision(decision: DecisionRow): undefined {
      const sequence = audit.append(decisionPayload(decision));
      decisions.insert(decision, sequence);
    },

    /** @param object - the removed request as JSON, which goes into the archive. */
    recordRemoval(operation: RemoveRequest, uid: string, revision: number, object: string | undefined): undefined {
      const row = object === undefined ? undefined : toArchivedRequestRow(object, operation.atMilliseconds);
      const archived = row !== undefined && !archive.has(row.uid) ? row : undefined;
      const sequence = audit.append(removalPayload(operation, uid, revision, archived));
      if (archived) archive.insert(archived, sequence);
    },

    /**
     * @throws {StatusError} Conflict when the issuer has used the serial, or was retired since it signed; or the certificate
     *   is recorded already.
     */
    requireNewCertificate({ serial, issuerId, fingerprint }: CertificateRow): void {
      if (endedIssuers.has(issuerId)) {
        throw new StatusError("Conflict", `the issuer ${issuerId} is trusted no more; sign again`);
      }
      if (certificates.hasSerial(serial, issuerId)) {
        throw new StatusError("Conflict", `serial ${serial} was used by this issuer before; sign again`);
      }
      if (certificates.hasFingerprint(fingerprint)) {
        throw new StatusError("Conflict", `certificate ${fingerprint} is on record already`);
      }
    },

    /** Call `requireNewCertificate` first. */
    recordCertificate(given: CertificateRow): undefined {
      const row = { ...given, predecessor: given.predecessor ?? certificates.predecessorOf(given) };
      const sequence = audit.append(certificatePayload(row));
      certificates.insert(row, sequence);
    },

    /** In the order given; an issuer that is trusted no more may have signed them. */
    recordImported({ certificates: given, actor }: ImportCertificates): readonly RecordedImport[] {
      return given.map((certificate) => {
        if (certificates.hasFingerprint(certificate.fingerprint)) return "known";
        if (certificates.hasSerial(certificate.serial, certificate.issuerId)) return "serialTaken";
        const row = { ...certificate, predecessor: certificates.predecessorOf(certificate) };
        certificates.insert(row, audit.append(importPayload(row, actor)));
        return "imported";
      });
    },
  };
}

// These are written for every join. With the keys in order JSON.stringify makes canonical JSON at a fraction of the
// cost of sorting them.

function decisionPayload(row: DecisionRow): string {
  const { outcome, reason, requestUid } = row;
  return JSON.stringify({
    actor: row.decidedBy,
    at: new Date(row.decidedMilliseconds),
    details: { content: decisionContent(row), outcome, reason, requestUid },
    kind: "decision.recorded",
    subject: row.requestName,
  });
}

function certificatePayload(row: CertificateRow): string {
  const { commonName, issuerId, requestName, requester, serial, signerName } = row;
  return JSON.stringify({
    actor: OURSELVES,
    at: new Date(row.issuedMilliseconds),
    details: { commonName, content: certificateContent(row), issuerId, requestName, requester, serial, signerName },
    kind: "certificate.issued",
    subject: row.fingerprint,
  });
}

function importPayload(row: CertificateRow, actor: string): string {
  const { commonName, issuerId, serial, signerName } = row;
  return JSON.stringify({
    actor,
    at: new Date(row.importedMilliseconds ?? row.issuedMilliseconds),
    details: { commonName, content: certificateContent(row), issuerId, serial, signerName },
    kind: "certificate.imported",
    subject: row.fingerprint,
  });
}

function removalPayload(
  { actor, atMilliseconds, name }: RemoveRequest,
  uid: string,
  revision: number,
  archived: ArchivedRequestRow | undefined,
): string {
  return JSON.stringify({
    actor,
    at: new Date(atMilliseconds),
    details: { ...(archived && { content: archivedRequestContent(archived) }), requestUid: uid, revision },
    kind: "request.deleted",
    subject: name,
  });
}
