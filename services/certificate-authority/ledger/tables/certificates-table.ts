import type { Connection } from "../connection.ts";
import { certificateNamesWriter } from "./certificate-names-table.ts";
import {
  CERTIFICATE_COLUMNS,
  CERTIFICATE_INSERT,
  CERTIFICATE_SUMMARY_COLUMNS,
  type CertificateRow,
  type CertificateSummaryRow,
  certificateColumns,
  IMPORTED_CERTIFICATE_INSERT,
} from "./certificate-row.ts";

export type StoredCertificateRow = CertificateRow & { readonly id: number; readonly auditSequence: number };
export type ListedCertificateRow = CertificateSummaryRow & { readonly id: number };

/** The key of the certificate that a row replaces. */
const FORMER_KEY =
  "(SELECT lower(hex(former.spki_sha256)) FROM certificates AS former INDEXED BY certificates_by_fingerprint " +
  "WHERE former.fingerprint = certificates.predecessor) AS formerSpkiSha256";
const COLUMNS = `id, audit_sequence AS auditSequence, ${CERTIFICATE_COLUMNS}, ${FORMER_KEY}`;
const LISTED = `id, ${CERTIFICATE_SUMMARY_COLUMNS}, ${FORMER_KEY}`;
const NEWEST_FIRST = "AND id < @beforeId ORDER BY id DESC LIMIT @limit";
const LATEST_FIRST = "ORDER BY not_before_ms DESC, id DESC LIMIT 1";
/** A statement that compares bare parameters is planned anew, for six times its cost, whenever they change; a cast one is not. */
const [TEXT, INTEGER] = ["CAST(? AS TEXT)", "CAST(? AS INTEGER)"];
const OF_NODE_AND_SIGNER = `FROM certificates INDEXED BY certificates_by_node WHERE node_name = ${TEXT} AND signer_name = ${TEXT}`;

export const certificatesSql = {
  byFingerprint: `SELECT ${COLUMNS} FROM certificates WHERE fingerprint = unhex(?)`,
  bySerial: `SELECT ${COLUMNS} FROM certificates WHERE serial = unhex(?) ORDER BY id DESC`,
  isRevoked:
    "SELECT 1 FROM certificates INDEXED BY certificates_by_fingerprint WHERE fingerprint = unhex(?) AND state = 'revoked'",
  otherNodeOfKey:
    "SELECT node_name FROM certificates INDEXED BY certificates_by_key " +
    "WHERE spki_sha256 = unhex(?) AND node_name IS NOT NULL AND node_name <> ? LIMIT 1",
  keysAfter:
    "SELECT lower(hex(spki_sha256)) FROM certificates INDEXED BY certificates_by_key " +
    "WHERE node_name IS NOT NULL AND spki_sha256 > unhex(?) ORDER BY spki_sha256 LIMIT ?",
  latest: `SELECT ${COLUMNS} ${OF_NODE_AND_SIGNER} ${LATEST_FIRST}`,
  latestListed: `SELECT ${LISTED} ${OF_NODE_AND_SIGNER} ${LATEST_FIRST}`,
  predecessor: `SELECT lower(hex(fingerprint)) ${OF_NODE_AND_SIGNER} AND not_before_ms <= ${INTEGER} ${LATEST_FIRST}`,
  serialTaken: "SELECT 1 FROM certificates WHERE serial = unhex(?) AND issuer_id = unhex(?)",
  fingerprintTaken: "SELECT 1 FROM certificates WHERE fingerprint = unhex(?)",
  newest: `SELECT ${LISTED} FROM certificates WHERE id < @beforeId ORDER BY id DESC LIMIT @limit`,
  newestOfNode:
    `SELECT ${LISTED} FROM certificates INDEXED BY certificates_by_node ` +
    `WHERE node_name = @nodeName ${NEWEST_FIRST}`,
  newestOfNodeAndSigner:
    `SELECT ${LISTED} FROM certificates INDEXED BY certificates_by_node ` +
    `WHERE node_name = @nodeName AND signer_name = @signerName ${NEWEST_FIRST}`,
  newestOfSigner:
    `SELECT ${LISTED} FROM certificates INDEXED BY certificates_by_signer ` +
    `WHERE signer_name = @signerName ${NEWEST_FIRST}`,
  newestOfRequest:
    `SELECT ${LISTED} FROM certificates INDEXED BY certificates_by_request ` +
    `WHERE request_name = @requestName ${NEWEST_FIRST}`,
  newestRevoked: `SELECT ${LISTED} FROM certificates INDEXED BY certificates_revoked WHERE state = 'revoked' ${NEWEST_FIRST}`,
  newestOfNodesKey:
    `SELECT ${LISTED} FROM certificates INDEXED BY certificates_by_key ` +
    `WHERE spki_sha256 = unhex(@spkiSha256) AND node_name IS NOT NULL ${NEWEST_FIRST}`,
  newestOfOthersKey:
    `SELECT ${LISTED} FROM certificates INDEXED BY certificates_by_key_alone ` +
    `WHERE spki_sha256 = unhex(@spkiSha256) AND node_name IS NULL ${NEWEST_FIRST}`,
  newestOfName:
    `SELECT ${LISTED} FROM certificates WHERE id IN (SELECT certificate_id FROM certificate_names ` +
    "WHERE name = @name AND certificate_id < @beforeId ORDER BY certificate_id DESC LIMIT @limit) ORDER BY id DESC",
  expiringOfName:
    `SELECT ${LISTED} FROM certificates WHERE id IN (SELECT certificate_id FROM certificate_names ` +
    "WHERE name = @name AND (not_after_ms, certificate_id) > (@fromMilliseconds, @afterId) " +
    "AND not_after_ms < @toMilliseconds ORDER BY not_after_ms, certificate_id LIMIT @limit) ORDER BY not_after_ms, id",
  expiringOfIssuer:
    `SELECT ${LISTED} FROM certificates INDEXED BY certificates_by_issuer WHERE issuer_id = unhex(@issuerId) ` +
    "AND (not_after_ms, id) > (@fromMilliseconds, @afterId) AND not_after_ms < @toMilliseconds " +
    "ORDER BY not_after_ms, id LIMIT @limit",
  expiring:
    `SELECT ${LISTED} FROM certificates INDEXED BY certificates_by_expiry ` +
    "WHERE (not_after_ms, id) > (@fromMilliseconds, @afterId) AND not_after_ms < @toMilliseconds " +
    "ORDER BY not_after_ms, id LIMIT @limit",
  expiringAtOffset:
    "SELECT not_after_ms AS milliseconds, id FROM certificates INDEXED BY certificates_by_expiry " +
    "WHERE (not_after_ms, id) >= (?, ?) AND not_after_ms < ? ORDER BY not_after_ms, id LIMIT 1 OFFSET ?",
  countExpiring:
    "SELECT count(*) FROM certificates INDEXED BY certificates_by_expiry " +
    "WHERE (not_after_ms, id) >= (?, ?) AND (not_after_ms, id) < (?, ?) AND state = 'issued'",
  newestImported: `SELECT ${LISTED} FROM certificates INDEXED BY certificates_imported WHERE imported_ms IS NOT NULL ${NEWEST_FIRST}`,
  insert: CERTIFICATE_INSERT,
  insertImported: IMPORTED_CERTIFICATE_INSERT,
} as const;

/** Looks certificates up; `find-certificates.ts` pages through them. */
export function certificatesReader(connection: Connection) {
  const byFingerprint = connection.prepare<[string], StoredCertificateRow>(certificatesSql.byFingerprint);
  const bySerial = connection.prepare<[string], StoredCertificateRow>(certificatesSql.bySerial);
  const isRevoked = connection.prepare<[string], number>(certificatesSql.isRevoked).pluck();
  const otherNodeOfKey = connection.prepare<[string, string], string>(certificatesSql.otherNodeOfKey).pluck();
  const keysAfter = connection.prepare<[string, number], string>(certificatesSql.keysAfter).pluck();
  const latest = connection.prepare<[string, string], StoredCertificateRow>(certificatesSql.latest);
  const latestListed = connection.prepare<[string, string], ListedCertificateRow>(certificatesSql.latestListed);
  return {
    byFingerprint: (fingerprint: string): StoredCertificateRow | undefined => byFingerprint.get(fingerprint),
    /** Newest first: issuers may have given the same serial. */
    bySerial: (serial: string): readonly StoredCertificateRow[] => bySerial.all(serial),
    isRevoked: (fingerprint: string): boolean => isRevoked.get(fingerprint) !== undefined,
    /** No node has an empty name, so that it stands for none. */
    otherNodeOfKey: (spkiSha256: string, nodeName: string): string | undefined =>
      otherNodeOfKey.get(spkiSha256, nodeName),
    /** Keys certified for nodes, as lower-case hex SHA-256, in their order. */
    keysAfter: (spkiSha256: string, limit: number): readonly string[] => keysAfter.all(spkiSha256, limit),
    latest: (nodeName: string, signerName: string): StoredCertificateRow | undefined =>
      latest.get(nodeName, signerName),
    latestListed: (nodeName: string, signerName: string): ListedCertificateRow | undefined =>
      latestListed.get(nodeName, signerName),
  };
}

/** Records certificates; preconditions are the caller's. */
export function certificatesWriter(connection: Connection) {
  const serialTaken = connection.prepare<[string, string]>(certificatesSql.serialTaken);
  const fingerprintTaken = connection.prepare<[string]>(certificatesSql.fingerprintTaken);
  const predecessor = connection.prepare<[string, string, number], string>(certificatesSql.predecessor).pluck();
  const insert = connection.prepare(certificatesSql.insert);
  const insertImported = connection.prepare(certificatesSql.insertImported);
  const names = certificateNamesWriter(connection);
  return {
    hasSerial: (serial: string, issuerId: string): boolean => serialTaken.get(serial, issuerId) !== undefined,
    hasFingerprint: (fingerprint: string): boolean => fingerprintTaken.get(fingerprint) !== undefined,
    /** Fingerprint of the newest certificate of the same node and signer that does not begin later. */
    predecessorOf({ nodeName, signerName, notBeforeMilliseconds }: CertificateRow): string | null {
      if (nodeName === null) return null;
      return predecessor.get(nodeName, signerName, notBeforeMilliseconds) ?? null;
    },
    insert(row: CertificateRow, auditSequence: number): void {
      const { importedMilliseconds } = row;
      const { lastInsertRowid } =
        importedMilliseconds === null
          ? insert.run(...certificateColumns(row), auditSequence)
          : insertImported.run(...certificateColumns(row), importedMilliseconds, auditSequence);
      names.record(row.sans, row.notAfterMilliseconds, lastInsertRowid);
    },
  };
}
