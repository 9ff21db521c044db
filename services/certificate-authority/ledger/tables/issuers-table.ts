import type { IssuerRecord, IssuerSlot } from "../../domain/issuer.ts";
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
}

const COLUMNS =
  "id, common_name AS commonName, key_algorithm AS keyAlgorithm, serial, not_before_ms AS notBeforeMilliseconds, " +
  "not_after_ms AS notAfterMilliseconds, slot, origin, created_ms AS createdMilliseconds, " +
  "certificate_pem AS certificatePem, certificate_der AS certificateDer, audit_sequence AS auditSequence";

export const issuersSql = {
  all: `SELECT ${COLUMNS} FROM issuers WHERE id > ?`,
  byId: `SELECT ${COLUMNS} FROM issuers WHERE id = ?`,
  insert:
    "INSERT INTO issuers (id, common_name, key_algorithm, serial, not_before_ms, not_after_ms, slot, origin, " +
    "created_ms, certificate_pem, certificate_der, audit_sequence) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
  moveToSlot: "UPDATE issuers SET slot = ?, audit_sequence = ? WHERE id = ?",
} as const;

function columnsOf(row: IssuerRow): ColumnValue[] {
  return [
    ...[row.id, row.commonName, row.keyAlgorithm, row.serial, row.notBeforeMilliseconds, row.notAfterMilliseconds],
    ...[row.slot, row.origin, row.createdMilliseconds, row.certificatePem, row.certificateDer],
  ];
}

export function issuerContent(row: IssuerRow): string {
  return contentHash(columnsOf(row));
}

export function toIssuerRow(issuer: IssuerRecord): IssuerRow {
  const { id, commonName, keyAlgorithm, serial, slot, origin, certificatePem, certificateDer } = issuer;
  return {
    ...{ id, commonName, keyAlgorithm, serial, slot, origin, certificatePem, certificateDer },
    notBeforeMilliseconds: issuer.notBefore.getTime(),
    notAfterMilliseconds: issuer.notAfter.getTime(),
    createdMilliseconds: issuer.createdAt.getTime(),
  };
}

export function toIssuerRecord(row: IssuerRow): IssuerRecord {
  const { id, commonName, keyAlgorithm, serial, slot, origin, certificatePem, certificateDer } = row;
  return {
    ...{ id, commonName, keyAlgorithm, serial, slot, origin, certificatePem, certificateDer },
    notBefore: new Date(row.notBeforeMilliseconds),
    notAfter: new Date(row.notAfterMilliseconds),
    createdAt: new Date(row.createdMilliseconds),
  };
}

export type StoredIssuerRow = IssuerRow & { readonly auditSequence: number };

/** Reads the issuers. */
export function issuersReader(connection: Connection) {
  const all = connection.prepare<[string], StoredIssuerRow>(issuersSql.all);
  const byId = connection.prepare<[string], StoredIssuerRow>(issuersSql.byId);
  return {
    all: (): readonly StoredIssuerRow[] => all.all(""),
    byId: (id: string): StoredIssuerRow | undefined => byId.get(id),
  };
}

/** Writes the issuers. */
export function issuersWriter(connection: Connection) {
  const insert = connection.prepare(issuersSql.insert);
  const moveToSlot = connection.prepare<[IssuerSlot, number, string]>(issuersSql.moveToSlot);
  return {
    insert: (row: IssuerRow, auditSequence: number): void => void insert.run(...columnsOf(row), auditSequence),
    moveToSlot(id: string, slot: IssuerSlot, auditSequence: number): void {
      moveToSlot.run(slot, auditSequence, id);
    },
  };
}
