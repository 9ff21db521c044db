import type { RevocationEntry, RevocationReason } from "../../domain/revocation.ts";
import { type ColumnValue, contentHash } from "../audit-chain.ts";
import type { Connection } from "../connection.ts";
import { CERTIFICATE_COLUMNS, type CertificateRow } from "./certificate-row.ts";

/** An entry of the feed in the shape of its columns; hashed in the order of `columnsOf`. */
export interface RevocationRow {
  readonly sequence: number;
  readonly type: RevocationEntry["type"];
  readonly fingerprint: string | null;
  readonly serial: string | null;
  readonly issuerId: string | null;
  readonly nodeName: string | null;
  readonly spkiSha256: string | null;
  readonly notAfterMilliseconds: number | null;
  readonly reason: RevocationReason;
  readonly message: string;
  readonly atMilliseconds: number;
  readonly actor: string;
}

export type StoredRevocationRow = RevocationRow & { readonly auditSequence: number };
export type RevocableRow = CertificateRow & { readonly id: number };

const COLUMNS =
  "sequence, type, nullif(lower(hex(fingerprint)), '') AS fingerprint, nullif(lower(hex(serial)), '') AS serial, " +
  "nullif(lower(hex(issuer_id)), '') AS issuerId, node_name AS nodeName, " +
  "nullif(lower(hex(spki_sha256)), '') AS spkiSha256, not_after_ms AS notAfterMilliseconds, reason, message, " +
  "at_ms AS atMilliseconds, actor, audit_sequence AS auditSequence";
const REVOCABLE = `SELECT id, ${CERTIFICATE_COLUMNS} FROM certificates`;

export const revocationsSql = {
  head: "SELECT sequence FROM revocations WHERE sequence > 0 ORDER BY sequence DESC LIMIT 1",
  after: `SELECT ${COLUMNS} FROM revocations WHERE sequence > ? ORDER BY sequence LIMIT ?`,
  ofIssuer:
    `SELECT ${COLUMNS} FROM revocations INDEXED BY revocations_by_issuer ` +
    "WHERE issuer_id = unhex(?) AND sequence > ? ORDER BY sequence LIMIT ?",
  byFingerprint: `SELECT ${COLUMNS} FROM revocations INDEXED BY revocations_by_fingerprint WHERE fingerprint = unhex(?)`,
  ofNodes:
    "SELECT type, node_name AS nodeName FROM revocations INDEXED BY revocations_of_nodes " +
    "WHERE type <> 'revoked' AND sequence > 0 ORDER BY sequence",
  keys: "SELECT lower(hex(spki_sha256)) FROM revocations INDEXED BY revocations_by_key WHERE spki_sha256 > x''",
  fingerprints:
    "SELECT lower(hex(fingerprint)) FROM revocations INDEXED BY revocations_by_fingerprint WHERE fingerprint > x''",
  hasKey: "SELECT 1 FROM revocations INDEXED BY revocations_by_key WHERE spki_sha256 = unhex(?)",
  revocable: `${REVOCABLE} INDEXED BY certificates_by_fingerprint WHERE fingerprint = unhex(?) AND state = 'issued'`,
  revocableOfNode:
    `${REVOCABLE} INDEXED BY certificates_by_node ` +
    "WHERE node_name = CAST(? AS TEXT) AND state = 'issued' AND not_after_ms >= CAST(? AS INTEGER)",
  revocableOfNodesKey:
    `${REVOCABLE} INDEXED BY certificates_by_key ` +
    "WHERE spki_sha256 = unhex(?) AND node_name IS NOT NULL AND state = 'issued' AND not_after_ms >= CAST(? AS INTEGER)",
  revocableOfOthersKey:
    `${REVOCABLE} INDEXED BY certificates_by_key_alone ` +
    "WHERE spki_sha256 = unhex(?) AND node_name IS NULL AND state = 'issued' AND not_after_ms >= CAST(? AS INTEGER)",
  markRevoked: "UPDATE certificates SET state = 'revoked', audit_sequence = ? WHERE id = ?",
  insert:
    "INSERT INTO revocations (sequence, type, fingerprint, serial, issuer_id, node_name, spki_sha256, not_after_ms, " +
    "reason, message, at_ms, actor, audit_sequence) " +
    "VALUES (?, ?, unhex(?), unhex(?), unhex(?), ?, unhex(?), ?, ?, ?, ?, ?, ?)",
} as const;

function columnsOf(row: RevocationRow): ColumnValue[] {
  return [
    ...[row.sequence, row.type, row.fingerprint, row.serial, row.issuerId, row.nodeName, row.spkiSha256],
    ...[row.notAfterMilliseconds, row.reason, row.message, row.atMilliseconds, row.actor],
  ];
}

/** What the audit entry says about the row it vouches for. */
export function revocationContent(row: RevocationRow): string {
  return contentHash(columnsOf(row));
}

/** Reads the feed, and what can still be revoked. */
export function revocationsReader(connection: Connection) {
  const head = connection.prepare<[], number>(revocationsSql.head).pluck();
  const after = connection.prepare<[number, number], StoredRevocationRow>(revocationsSql.after);
  const ofIssuer = connection.prepare<[string, number, number], StoredRevocationRow>(revocationsSql.ofIssuer);
  const byFingerprint = connection.prepare<[string], StoredRevocationRow>(revocationsSql.byFingerprint);
  const ofNodes = connection.prepare<[], Pick<RevocationRow, "type"> & { nodeName: string }>(revocationsSql.ofNodes);
  const keys = connection.prepare<[], string>(revocationsSql.keys).pluck();
  const fingerprints = connection.prepare<[], string>(revocationsSql.fingerprints).pluck();
  const hasKey = connection.prepare<[string]>(revocationsSql.hasKey);
  const revocable = connection.prepare<[string], RevocableRow>(revocationsSql.revocable);
  const revocableOfNode = connection.prepare<[string, number], RevocableRow>(revocationsSql.revocableOfNode);
  const ofNodesKey = connection.prepare<[string, number], RevocableRow>(revocationsSql.revocableOfNodesKey);
  const ofOthersKey = connection.prepare<[string, number], RevocableRow>(revocationsSql.revocableOfOthersKey);
  return {
    head: (): number => head.get() ?? 0,
    after: (sequence: number, limit: number): readonly StoredRevocationRow[] => after.all(sequence, limit),
    ofIssuer: (issuerId: string, sequence: number, limit: number): readonly StoredRevocationRow[] =>
      ofIssuer.all(issuerId, sequence, limit),
    byFingerprint: (fingerprint: string): StoredRevocationRow | undefined => byFingerprint.get(fingerprint),
    /** Quarantines and readmissions in their order. */
    ofNodes: () => ofNodes.iterate(),
    keys: () => keys.iterate(),
    fingerprints: () => fingerprints.iterate(),
    hasKey: (spkiSha256: string): boolean => hasKey.get(spkiSha256) !== undefined,
    revocable: (fingerprint: string): RevocableRow | undefined => revocable.get(fingerprint),
    revocableOfNode: (nodeName: string, nowMilliseconds: number): readonly RevocableRow[] =>
      revocableOfNode.all(nodeName, nowMilliseconds),
    revocableOfKey: (spkiSha256: string, nowMilliseconds: number): readonly RevocableRow[] => [
      ...ofNodesKey.all(spkiSha256, nowMilliseconds),
      ...ofOthersKey.all(spkiSha256, nowMilliseconds),
    ],
  };
}

/** Writes the feed, and the state of certificates. */
export function revocationsWriter(connection: Connection) {
  const insert = connection.prepare(revocationsSql.insert);
  const markRevoked = connection.prepare<[number, number]>(revocationsSql.markRevoked);
  return {
    insert: (row: RevocationRow, auditSequence: number): void => void insert.run(...columnsOf(row), auditSequence),
    markRevoked: (id: number, auditSequence: number): void => void markRevoked.run(auditSequence, id),
  };
}

export function toRevocationEntry(row: RevocationRow): RevocationEntry {
  const { sequence, type, reason, message, notAfterMilliseconds } = row;
  return {
    ...{ sequence, type, reason, message },
    fingerprint: row.fingerprint ?? undefined,
    serial: row.serial ?? undefined,
    issuerId: row.issuerId ?? undefined,
    nodeName: row.nodeName ?? undefined,
    spkiSha256: row.spkiSha256 ?? undefined,
    notAfter: notAfterMilliseconds === null ? undefined : new Date(notAfterMilliseconds),
    at: new Date(row.atMilliseconds),
    by: row.actor,
  };
}
