import { auditHash, CHAIN_START } from "../audit-chain.ts";
import type { Connection } from "../connection.ts";
import { archivedRequestsSql } from "../tables/archived-requests-table.ts";
import { type AuditRow, auditSql } from "../tables/audit-table.ts";
import { metaTable } from "../tables/meta-table.ts";
import { readEntry, type StoredEntry } from "./audit-entry.ts";
import type { Problems } from "./problems.ts";

/** The rows that entries vouch for, by entry kind. */
export const subjectSql = {
  certificate: "SELECT audit_sequence FROM certificates WHERE fingerprint = unhex(?)",
  decision: "SELECT id FROM decisions WHERE id = ?",
  issuer: "SELECT audit_sequence FROM issuers WHERE id = ?",
} as const;

/** Recomputes every hash of the audit trail and looks for the rows that its entries speak of. */
export function checkChain(connection: Connection, problems: Problems) {
  const hasSubject = subjectFinder(connection);
  let expected = 1;
  let previousHash: Uint8Array = CHAIN_START;
  let auditEntries = 0;
  for (const row of connection.prepare<[number], AuditRow>(auditSql.after).iterate(0)) {
    if (row.sequence !== expected) problems.add(`audit: ${missing(expected, row.sequence - 1)}`);
    else if (!auditHash(previousHash, row.sequence, row.payload).equals(row.hash)) {
      problems.add(`audit: entry ${row.sequence} or the one before it was altered: its hash does not follow`);
    }
    const entry = readEntry(row.payload);
    if (entry === undefined) problems.add(`audit: entry ${row.sequence} is not readable`);
    else if (!hasSubject(entry, row.sequence)) {
      problems.add(`audit: entry ${row.sequence} records ${entry.kind} of ${entry.subject}, which is not stored`);
    }
    expected = row.sequence + 1;
    previousHash = row.hash;
    auditEntries += 1;
  }
  return { auditEntries, auditHead: auditEntries === 0 ? "" : Buffer.from(previousHash).toString("hex") };
}

function missing(first: number, last: number): string {
  return first === last ? `entry ${first} is missing` : `entries ${first} to ${last} are missing`;
}

/** By the entry of the chain alone: what the file says elsewhere could be changed without a trace. */
function archivePrunedUpTo(connection: Connection): number {
  const sequence = metaTable(connection).get("archive_pruned") ?? 0;
  const row = connection.prepare<[number], AuditRow>(auditSql.bySequence).get(sequence);
  const entry = row && readEntry(row.payload);
  return entry?.kind === "archive.pruned" ? Number(entry.subject) : 0;
}

function subjectFinder(connection: Connection) {
  const certificate = connection.prepare<[string], number>(subjectSql.certificate).pluck();
  const decision = connection.prepare<[number], number>(subjectSql.decision).pluck();
  const issuer = connection.prepare<[string], number>(subjectSql.issuer).pluck();
  const archived = connection.prepare<[number], number>(archivedRequestsSql.byId).pluck();
  const prunedUpTo = archivePrunedUpTo(connection);
  return ({ kind, subject, content }: StoredEntry, sequence: number): boolean => {
    switch (kind) {
      case "certificate.issued":
      case "certificate.revoked":
        return (certificate.get(subject) ?? 0) >= sequence;
      case "decision.recorded":
        return decision.get(sequence) !== undefined;
      case "request.deleted":
        return content === undefined || sequence <= prunedUpTo || archived.get(sequence) !== undefined;
      case "issuer.recorded":
      case "issuer.moved":
      case "issuer.prepared":
      case "issuer.activated":
      case "issuer.replaced":
      case "issuer.retired":
      case "issuer.abandoned":
        return (issuer.get(subject) ?? 0) >= sequence;
      default:
        return true;
    }
  };
}
