import type { CertificateRecord, CertificateState, CertificateSummary } from "../../domain/certificate.ts";
import type { SubjectAltNames } from "../../domain/csr-facts.ts";
import { type ColumnValue, contentHash } from "../audit-chain.ts";

/** A certificate in the shape of its columns. */
export interface CertificateRow extends CertificateSummaryRow {
  readonly der: Uint8Array;
}

export interface CertificateSummaryRow {
  readonly serial: string;
  readonly fingerprint: string;
  readonly issuerId: string;
  readonly signerName: string;
  readonly nodeName: string | null;
  readonly commonName: string;
  /** JSON list of strings. */
  readonly organizations: string;
  /** JSON of SubjectAltNames. */
  readonly sans: string;
  readonly spkiSha256: string;
  readonly notBeforeMilliseconds: number;
  readonly notAfterMilliseconds: number;
  readonly issuedMilliseconds: number;
  readonly state: CertificateState;
  readonly requestUid: string | null;
  readonly requestName: string | null;
  readonly requester: string | null;
  readonly predecessor: string | null;
  /** Null for those that we issued. */
  readonly importedMilliseconds: number | null;
  /** The predecessor's key; only where it was asked for. */
  readonly formerSpkiSha256?: string | null;
}

/** Without the encoding: each costs a buffer outside the heap, and a list is often of hundreds. */
export const CERTIFICATE_SUMMARY_COLUMNS =
  "lower(hex(serial)) AS serial, lower(hex(fingerprint)) AS fingerprint, lower(hex(issuer_id)) AS issuerId, " +
  "signer_name AS signerName, node_name AS nodeName, common_name AS commonName, organizations, sans, " +
  "lower(hex(spki_sha256)) AS spkiSha256, " +
  "not_before_ms AS notBeforeMilliseconds, not_after_ms AS notAfterMilliseconds, issued_ms AS issuedMilliseconds, " +
  "state, request_uid AS requestUid, request_name AS requestName, requester, " +
  "nullif(lower(hex(predecessor)), '') AS predecessor, imported_ms AS importedMilliseconds";

export const CERTIFICATE_COLUMNS = `${CERTIFICATE_SUMMARY_COLUMNS}, der`;

/** The INSERT; its parameters are `certificateColumns` and then the audit sequence. Text that is not hex is refused. */
export const CERTIFICATE_INSERT =
  "INSERT INTO certificates (serial, fingerprint, issuer_id, signer_name, node_name, common_name, " +
  "organizations, sans, spki_sha256, not_before_ms, not_after_ms, issued_ms, state, " +
  "request_uid, request_name, requester, predecessor, der, audit_sequence) " +
  "VALUES (unhex(?), unhex(?), unhex(?), ?, ?, ?, ?, ?, unhex(?), ?, ?, ?, ?, ?, ?, ?, unhex(?), ?, ?)";

/** The same of one that we did not issue; before the audit sequence its parameters have when it was imported. */
export const IMPORTED_CERTIFICATE_INSERT = CERTIFICATE_INSERT.replace(
  "audit_sequence)",
  "imported_ms, audit_sequence)",
).replace(/\)$/, ", ?)");

export function certificateColumns(row: CertificateRow): ColumnValue[] {
  return [
    ...[row.serial, row.fingerprint, row.issuerId, row.signerName, row.nodeName, row.commonName],
    ...[row.organizations, row.sans, row.spkiSha256],
    ...[row.notBeforeMilliseconds, row.notAfterMilliseconds, row.issuedMilliseconds, row.state],
    ...[row.requestUid, row.requestName, row.requester, row.predecessor, row.der],
  ];
}

export function certificateContent(row: CertificateRow): string {
  const { importedMilliseconds } = row;
  const columns = certificateColumns(row);
  return contentHash(importedMilliseconds === null ? columns : [...columns, importedMilliseconds]);
}

export function toCertificateRow(record: CertificateRecord): CertificateRow {
  const { serial, fingerprint, issuerId, signerName, commonName, spkiSha256, state, der } = record;
  return {
    ...{ serial, fingerprint, issuerId, signerName, commonName, spkiSha256, state, der },
    nodeName: record.nodeName ?? null,
    organizations: JSON.stringify(record.organizations),
    sans: JSON.stringify(record.sans),
    notBeforeMilliseconds: record.notBefore.getTime(),
    notAfterMilliseconds: record.notAfter.getTime(),
    issuedMilliseconds: record.issuedAt.getTime(),
    requestUid: record.requestUid ?? null,
    requestName: record.requestName ?? null,
    requester: record.requester ?? null,
    predecessor: record.predecessor ?? null,
    importedMilliseconds: record.importedAt?.getTime() ?? null,
  };
}

export function toCertificateRecord(row: CertificateRow): CertificateRecord {
  return { ...toCertificateSummary(row), der: row.der };
}

export function toCertificateSummary(row: CertificateSummaryRow): CertificateSummary {
  const { serial, fingerprint, issuerId, signerName, commonName, spkiSha256, state } = row;
  return {
    ...{ serial, fingerprint, issuerId, signerName, commonName, spkiSha256, state },
    nodeName: row.nodeName ?? undefined,
    organizations: JSON.parse(row.organizations) as string[],
    sans: JSON.parse(row.sans) as SubjectAltNames,
    notBefore: new Date(row.notBeforeMilliseconds),
    notAfter: new Date(row.notAfterMilliseconds),
    issuedAt: new Date(row.issuedMilliseconds),
    requestUid: row.requestUid ?? undefined,
    requestName: row.requestName ?? undefined,
    requester: row.requester ?? undefined,
    predecessor: row.predecessor ?? undefined,
    ...(row.importedMilliseconds !== null && { importedAt: new Date(row.importedMilliseconds) }),
    ...(row.formerSpkiSha256 && { keyReused: row.formerSpkiSha256 === spkiSha256 }),
  };
}
