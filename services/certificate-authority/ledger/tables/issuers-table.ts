import { DEFAULT_ISSUER, type IssuerRecord, type IssuerSlot } from "../../domain/issuer.ts";
import { type ColumnValue, contentHash } from "../audit-chain.ts";
import type { Connection } from "../connection.ts";

/** An issuer in the shape of its columns; hashed in the order of `columnsOf`. */
export interface IssuerRow {
  readonly id: string;
  readonly commonName: string;
  readonly keyAlgorithm: string;
  readonly serial: string;
  readonly notBeforeMilliseconds: number;
  readonly notAfterMilliseconds: number;
  readonly slot: IssuerSlot;
  readonly origin: IssuerRecord["origin"];
  readonly createdMilliseconds: number;
  readonly certificatePem: string;
  readonly certificateDer: Uint8Array;
  readonly name: string;
  readonly ancestorsPem: string;
  readonly endedMilliseconds: number | null;
  /** Empty when there is none. */
  readonly bridgePem: string;
  /** Empty when the configuration says it. */
  readonly keyLabel: string;
}

const COLUMNS =
  "id, common_name AS commonName, key_algorithm AS keyAlgorithm, serial, not_before_ms AS notBeforeMilliseconds, " +
  "not_after_ms AS notAfterMilliseconds, slot, origin, created_ms AS createdMilliseconds, " +
  "certificate_pem AS certificatePem, certificate_der AS certificateDer, " +
  "name, ancestors_pem AS ancestorsPem, ended_ms AS endedMilliseconds, bridge_pem AS bridgePem, key_label AS keyLabel, " +
  "audit_sequence AS auditSequence";

export const issuersSql = {
  all: `SELECT ${COLUMNS} FROM issuers WHERE id > ?`,
  byId: `SELECT ${COLUMNS} FROM issuers WHERE id = ?`,
  active: `SELECT ${COLUMNS} FROM issuers WHERE name = ? AND slot = 'active'`,
  insert:
    "INSERT INTO issuers (id, common_name, key_algorithm, serial, not_before_ms, not_after_ms, slot, origin, " +
    "created_ms, certificate_pem, certificate_der, name, ancestors_pem, ended_ms, bridge_pem, key_label, audit_sequence) " +
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
  move: "UPDATE issuers SET slot = ?, ended_ms = ?, audit_sequence = ? WHERE id = ?",
} as const;

function columnsOf(row: IssuerRow): ColumnValue[] {
  return [
    ...[row.id, row.commonName, row.keyAlgorithm, row.serial, row.notBeforeMilliseconds, row.notAfterMilliseconds],
    ...[row.slot, row.origin, row.createdMilliseconds, row.certificatePem, row.certificateDer],
    ...[row.name, row.ancestorsPem],
    ...[row.endedMilliseconds, row.bridgePem, row.keyLabel],
  ];
}

const [BEFORE_NAMES, BEFORE_ROTATION] = [11, 13];

/** Issuers were recorded before there were names, and before rotation; a row that says no more than they did is hashed as they were. */
export function issuerContent(row: IssuerRow): string {
  const columns = columnsOf(row);
  if (row.endedMilliseconds !== null || row.bridgePem !== "" || row.keyLabel !== "") return contentHash(columns);
  const isFirst = row.name === DEFAULT_ISSUER && row.ancestorsPem === "";
  return contentHash(columns.slice(0, isFirst ? BEFORE_NAMES : BEFORE_ROTATION));
}

export function toIssuerRow(issuer: IssuerRecord): IssuerRow {
  const { id, commonName, keyAlgorithm, serial, slot, origin, certificatePem, certificateDer } = issuer;
  const { name, ancestorsPem } = issuer;
  return {
    ...{ id, commonName, keyAlgorithm, serial, slot, origin, certificatePem, certificateDer, name, ancestorsPem },
    notBeforeMilliseconds: issuer.notBefore.getTime(),
    notAfterMilliseconds: issuer.notAfter.getTime(),
    createdMilliseconds: issuer.createdAt.getTime(),
    endedMilliseconds: issuer.endedAt?.getTime() ?? null,
    bridgePem: issuer.bridgePem ?? "",
    keyLabel: issuer.keyLabel ?? "",
  };
}

export function toIssuerRecord(row: IssuerRow): IssuerRecord {
  const { id, commonName, keyAlgorithm, serial, slot, origin, certificatePem, certificateDer } = row;
  const { name, ancestorsPem } = row;
  return {
    ...{ id, commonName, keyAlgorithm, serial, slot, origin, certificatePem, certificateDer, name, ancestorsPem },
    notBefore: new Date(row.notBeforeMilliseconds),
    notAfter: new Date(row.notAfterMilliseconds),
    createdAt: new Date(row.createdMilliseconds),
    ...(row.endedMilliseconds !== null && { endedAt: new Date(row.endedMilliseconds) }),
    ...(row.bridgePem !== "" && { bridgePem: row.bridgePem }),
    ...(row.keyLabel !== "" && { keyLabel: row.keyLabel }),
  };
}

export type StoredIssuerRow = IssuerRow & { readonly auditSequence: number };

/** Reads the issuers. */
export function issuersReader(connection: Connection) {
  const all = connection.prepare<[string], StoredIssuerRow>(issuersSql.all);
  const byId = connection.prepare<[string], StoredIssuerRow>(issuersSql.byId);
  const active = connection.prepare<[string], StoredIssuerRow>(issuersSql.active);
  return {
    all: (): readonly StoredIssuerRow[] => all.all(""),
    byId: (id: string): StoredIssuerRow | undefined => byId.get(id),
    activeOf: (name: string): StoredIssuerRow | undefined => active.get(name),
  };
}

/** Writes the issuers. */
export function issuersWriter(connection: Connection) {
  const insert = connection.prepare(issuersSql.insert);
  const move = connection.prepare<[IssuerSlot, number | null, number, string]>(issuersSql.move);
  return {
    insert: (row: IssuerRow, auditSequence: number): void => void insert.run(...columnsOf(row), auditSequence),
    /** What never changes of `row` is as it is stored. */
    move(row: IssuerRow, auditSequence: number): void {
      move.run(row.slot, row.endedMilliseconds, auditSequence, row.id);
    },
  };
}
