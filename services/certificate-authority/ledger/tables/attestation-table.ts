import type { AttestedCredential, Binding, Machine } from "../../domain/attestation.ts";
import { type ColumnValue, contentHash } from "../audit-chain.ts";
import type { Connection } from "../connection.ts";

/** A machine in the shape of its columns; hashed in the order of `MACHINE_COLUMNS`. */
export interface MachineRow {
  readonly attestor: string;
  readonly machineId: string;
  readonly state: Machine["state"];
  readonly isEnrolled: 0 | 1;
  readonly nodeName: string | null;
  readonly dnsNames: string;
  readonly ipAddresses: string;
  readonly pins: string;
  readonly attestedMilliseconds: number | null;
  readonly launchedMilliseconds: number | null;
  readonly createdMilliseconds: number;
}

/** Likewise. */
export interface BindingRow {
  readonly id: string;
  readonly nodeName: string;
  readonly attestor: string;
  readonly machineId: string;
  readonly profile: string;
  readonly fields: string;
  readonly evidenceSha256: string;
  readonly dnsNames: string;
  readonly ipAddresses: string;
  readonly state: Binding["state"];
  readonly createdMilliseconds: number;
  readonly attestedMilliseconds: number;
}

export interface CredentialRow {
  readonly id: string;
  readonly bindingId: string;
  readonly nodeName: string;
  readonly kind: AttestedCredential["kind"];
  readonly spkiSha256: string;
  readonly expiresMilliseconds: number;
  readonly state: AttestedCredential["state"];
  readonly requestUid: string | null;
}

/** `SweptBefore`, as milliseconds since the epoch. */
export interface SweptMilliseconds {
  readonly challenges: number;
  readonly credentials: number;
}

export type StoredMachineRow = MachineRow & { readonly auditSequence: number };
export type StoredBindingRow = BindingRow & { readonly auditSequence: number };

const MACHINE_COLUMNS =
  "attestor, machine_id AS machineId, state, is_enrolled AS isEnrolled, node_name AS nodeName, dns_names AS dnsNames, " +
  "ip_addresses AS ipAddresses, pins, attested_ms AS attestedMilliseconds, launched_ms AS launchedMilliseconds, " +
  "created_ms AS createdMilliseconds, audit_sequence AS auditSequence";
const BINDING_COLUMNS =
  "id, node_name AS nodeName, attestor, machine_id AS machineId, profile, fields, evidence_sha256 AS evidenceSha256, " +
  "dns_names AS dnsNames, ip_addresses AS ipAddresses, state, created_ms AS createdMilliseconds, " +
  "attested_ms AS attestedMilliseconds, audit_sequence AS auditSequence";
const CREDENTIAL_COLUMNS =
  "id, binding_id AS bindingId, node_name AS nodeName, kind, spki_sha256 AS spkiSha256, " +
  "expires_ms AS expiresMilliseconds, state, request_uid AS requestUid";

export const attestationSql = {
  machine: `SELECT ${MACHINE_COLUMNS} FROM machines WHERE attestor = ? AND machine_id = ?`,
  machinesAfter:
    `SELECT ${MACHINE_COLUMNS} FROM machines WHERE (attestor, machine_id) > (?, ?) ` +
    "ORDER BY attestor, machine_id LIMIT ?",
  bindingOfName: `SELECT ${BINDING_COLUMNS} FROM bindings INDEXED BY bindings_by_name WHERE node_name = ? AND state = 'active'`,
  hasBindings: "SELECT EXISTS (SELECT 1 FROM bindings WHERE id > '')",
  enrolledAs:
    `SELECT ${MACHINE_COLUMNS} FROM machines INDEXED BY machines_by_name ` +
    "WHERE node_name = CAST(? AS TEXT) AND node_name IS NOT NULL LIMIT 1",
  lastOfName:
    `SELECT ${BINDING_COLUMNS} FROM bindings INDEXED BY bindings_of_name ` +
    "WHERE node_name = ? ORDER BY created_ms DESC, rowid DESC LIMIT 1",
  bindingOfMachine:
    `SELECT ${BINDING_COLUMNS} FROM bindings INDEXED BY bindings_by_machine ` +
    "WHERE attestor = ? AND machine_id = ? AND state = 'active'",
  bindingsOfMachine:
    `SELECT ${BINDING_COLUMNS} FROM bindings INDEXED BY bindings_of_machine ` +
    "WHERE attestor = ? AND machine_id = ? ORDER BY created_ms DESC, rowid DESC LIMIT ?",
  bindings: `SELECT ${BINDING_COLUMNS} FROM bindings WHERE id > ? ORDER BY id`,
  credential: `SELECT ${CREDENTIAL_COLUMNS} FROM credentials WHERE id = ?`,
  countOver:
    "SELECT (SELECT count(*) FROM used_challenges INDEXED BY used_challenges_by_expiry WHERE expires_ms < @challenges) + " +
    "(SELECT count(*) FROM credentials INDEXED BY credentials_by_expiry WHERE expires_ms < @credentials)",
  putMachine:
    "INSERT OR REPLACE INTO machines (attestor, machine_id, state, is_enrolled, node_name, dns_names, ip_addresses, pins, " +
    "attested_ms, launched_ms, created_ms, audit_sequence) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
  insertBinding:
    "INSERT INTO bindings (id, node_name, attestor, machine_id, profile, fields, evidence_sha256, dns_names, ip_addresses, " +
    "state, created_ms, attested_ms, audit_sequence) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
  updateBinding:
    "UPDATE bindings SET profile = ?, fields = ?, evidence_sha256 = ?, dns_names = ?, ip_addresses = ?, state = ?, " +
    "attested_ms = ?, audit_sequence = ? WHERE id = ?",
  insertCredential:
    "INSERT INTO credentials (id, binding_id, node_name, kind, spki_sha256, expires_ms, state, request_uid) " +
    "VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
  useCredential:
    "UPDATE credentials SET state = 'used', request_uid = ? WHERE id = ? AND state = 'issued' AND expires_ms > ?",
  revokeCredential: "UPDATE credentials SET state = 'revoked' WHERE id = ? AND state = 'issued'",
  revokeOfBinding:
    "UPDATE credentials INDEXED BY credentials_of_binding SET state = 'revoked' WHERE binding_id = ? AND state = 'issued'",
  useChallenge: "INSERT OR IGNORE INTO used_challenges (id, expires_ms) VALUES (?, ?)",
  sweepChallenges: "DELETE FROM used_challenges INDEXED BY used_challenges_by_expiry WHERE expires_ms < ?",
  sweepCredentials: "DELETE FROM credentials INDEXED BY credentials_by_expiry WHERE expires_ms < ?",
} as const;

function machineColumns(row: MachineRow): ColumnValue[] {
  return [
    ...[row.attestor, row.machineId, row.state, row.isEnrolled, row.nodeName, row.dnsNames, row.ipAddresses, row.pins],
    ...[row.attestedMilliseconds, row.launchedMilliseconds, row.createdMilliseconds],
  ];
}

function bindingColumns(row: BindingRow): ColumnValue[] {
  return [
    ...[row.id, row.nodeName, row.attestor, row.machineId, row.profile, row.fields, row.evidenceSha256],
    ...[row.dnsNames, row.ipAddresses, row.state, row.createdMilliseconds, row.attestedMilliseconds],
  ];
}

/** What the audit entry says about the row it vouches for. */
export function machineContent(row: MachineRow): string {
  return contentHash(machineColumns(row));
}

/** Likewise. */
export function bindingContent(row: BindingRow): string {
  return contentHash(bindingColumns(row));
}

/** Reads machines, bindings and credentials. */
export function attestationReader(connection: Connection) {
  const machine = connection.prepare<[string, string], StoredMachineRow>(attestationSql.machine);
  const machinesAfter = connection.prepare<[string, string, number], StoredMachineRow>(attestationSql.machinesAfter);
  const ofName = connection.prepare<[string], StoredBindingRow>(attestationSql.bindingOfName);
  const enrolledAs = connection.prepare<[string], StoredMachineRow>(attestationSql.enrolledAs);
  const lastOfName = connection.prepare<[string], StoredBindingRow>(attestationSql.lastOfName);
  const ofMachine = connection.prepare<[string, string], StoredBindingRow>(attestationSql.bindingOfMachine);
  const allOf = connection.prepare<[string, string, number], StoredBindingRow>(attestationSql.bindingsOfMachine);
  const credential = connection.prepare<[string], CredentialRow>(attestationSql.credential);
  const countOver = connection.prepare<[SweptMilliseconds], number>(attestationSql.countOver).pluck();
  return {
    countOver: (before: SweptMilliseconds): number => countOver.get(before) ?? 0,
    machine: (attestor: string, machineId: string) => machine.get(attestor, machineId),
    machinesAfter: (attestor: string, machineId: string, limit: number) =>
      machinesAfter.all(attestor, machineId, limit),
    hasBindings: (): boolean => connection.prepare<[], number>(attestationSql.hasBindings).pluck().get() === 1,
    /** A machine that an administrator wrote down for the name. */
    enrolledAs: (nodeName: string) => enrolledAs.get(nodeName),
    /** The newest binding of a name, whatever became of it. */
    lastOfName: (nodeName: string) => lastOfName.get(nodeName),
    bindingOfName: (nodeName: string) => ofName.get(nodeName),
    bindingOfMachine: (attestor: string, machineId: string) => ofMachine.get(attestor, machineId),
    bindingsOf: (attestor: string, machineId: string, limit: number) => allOf.all(attestor, machineId, limit),
    credential: (id: string) => credential.get(id),
  };
}

/** Writes them. */
export function attestationWriter(connection: Connection) {
  const putMachine = connection.prepare(attestationSql.putMachine);
  const insertBinding = connection.prepare(attestationSql.insertBinding);
  const updateBinding = connection.prepare(attestationSql.updateBinding);
  const insertCredential = connection.prepare(attestationSql.insertCredential);
  const useCredential = connection.prepare<[string, string, number]>(attestationSql.useCredential);
  const revokeCredential = connection.prepare<[string]>(attestationSql.revokeCredential);
  const revokeOfBinding = connection.prepare<[string]>(attestationSql.revokeOfBinding);
  const useChallenge = connection.prepare<[string, number]>(attestationSql.useChallenge);
  const sweepChallenges = connection.prepare<[number]>(attestationSql.sweepChallenges);
  const sweepCredentials = connection.prepare<[number]>(attestationSql.sweepCredentials);
  return {
    putMachine: (row: MachineRow, sequence: number): void => void putMachine.run(...machineColumns(row), sequence),
    insertBinding: (row: BindingRow, sequence: number): void =>
      void insertBinding.run(...bindingColumns(row), sequence),
    updateBinding: (row: BindingRow, sequence: number): void =>
      void updateBinding.run(
        ...[row.profile, row.fields, row.evidenceSha256, row.dnsNames, row.ipAddresses, row.state],
        ...[row.attestedMilliseconds, sequence, row.id],
      ),
    insertCredential: (row: CredentialRow): void =>
      void insertCredential.run(
        ...[row.id, row.bindingId, row.nodeName, row.kind, row.spkiSha256, row.expiresMilliseconds, row.state],
        row.requestUid,
      ),
    /** Exactly one row changes, or nobody may use it. */
    useCredential: (id: string, requestUid: string, nowMilliseconds: number): boolean =>
      useCredential.run(requestUid, id, nowMilliseconds).changes === 1,
    revokeCredential: (id: string): boolean => revokeCredential.run(id).changes === 1,
    revokeOfBinding: (bindingId: string): void => void revokeOfBinding.run(bindingId),
    useChallenge: (id: string, expiresMilliseconds: number): boolean =>
      useChallenge.run(id, expiresMilliseconds).changes === 1,
    sweep: ({ challenges, credentials }: SweptMilliseconds): number =>
      sweepChallenges.run(challenges).changes + sweepCredentials.run(credentials).changes,
  };
}

export function toMachine(row: MachineRow): Machine {
  const { attestor, machineId, state, nodeName, attestedMilliseconds, launchedMilliseconds } = row;
  return {
    ...{ attestor, machineId, state },
    isEnrolled: row.isEnrolled === 1,
    nodeName: nodeName ?? undefined,
    names: namesOf(row),
    pins: JSON.parse(row.pins) as Record<string, string>,
    attestedAt: dateOf(attestedMilliseconds),
    launchedAt: dateOf(launchedMilliseconds),
    createdAt: new Date(row.createdMilliseconds),
  };
}

export function toBinding(row: BindingRow): Binding {
  const { id, nodeName, attestor, machineId, profile, evidenceSha256, state } = row;
  return {
    ...{ id, nodeName, attestor, machineId, profile, evidenceSha256, state },
    fields: JSON.parse(row.fields) as Record<string, string>,
    names: namesOf(row),
    createdAt: new Date(row.createdMilliseconds),
    attestedAt: new Date(row.attestedMilliseconds),
  };
}

export function toCredential(row: CredentialRow): AttestedCredential {
  const { id, bindingId, nodeName, kind, spkiSha256, state, requestUid } = row;
  const expiresAt = new Date(row.expiresMilliseconds);
  return { id, bindingId, nodeName, kind, spkiSha256, state, expiresAt, requestUid: requestUid ?? undefined };
}

function namesOf({ dnsNames, ipAddresses }: Pick<MachineRow, "dnsNames" | "ipAddresses">) {
  return { dnsNames: JSON.parse(dnsNames) as string[], ipAddresses: JSON.parse(ipAddresses) as string[] };
}

function dateOf(milliseconds: number | null): Date | undefined {
  return milliseconds === null ? undefined : new Date(milliseconds);
}
