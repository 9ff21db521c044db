import type { BootstrapTokenRecord, TokenUsage } from "../../domain/bootstrap-token.ts";
import { type ColumnValue, contentHash } from "../audit-chain.ts";
import type { Connection } from "../connection.ts";

/** A token in the shape of its columns; hashed in the order of `columnsOf`. */
export interface BootstrapTokenRow {
  readonly id: string;
  readonly description: string;
  /** JSON list of strings. */
  readonly extraGroups: string;
  readonly nodeName: string | null;
  readonly createdMilliseconds: number;
  readonly expiresMilliseconds: number | null;
  readonly createdBy: string;
  readonly secretHash: Uint8Array;
  /** JSON list of strings; null for authentication alone. */
  readonly usages: string | null;
  readonly sealedSecret: Uint8Array | null;
  /** JSON object of `labels` and `annotations`; null for none. */
  readonly metadata: string | null;
  /** Of the last change; null for that of the creation. */
  readonly revision: number | null;
}

const COLUMNS =
  "id, description, extra_groups AS extraGroups, node_name AS nodeName, created_ms AS createdMilliseconds, " +
  "expires_ms AS expiresMilliseconds, created_by AS createdBy, secret_hash AS secretHash, usages, " +
  "sealed_secret AS sealedSecret, metadata, revision, audit_sequence AS auditSequence";

export const bootstrapTokensSql = {
  byId: `SELECT ${COLUMNS} FROM bootstrap_tokens WHERE id = ?`,
  all: `SELECT ${COLUMNS} FROM bootstrap_tokens WHERE id > ? ORDER BY id`,
  insert:
    "INSERT INTO bootstrap_tokens (id, description, extra_groups, node_name, created_ms, expires_ms, created_by, " +
    "secret_hash, usages, sealed_secret, metadata, revision, audit_sequence) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)",
  update:
    "UPDATE bootstrap_tokens SET description = ?, extra_groups = ?, expires_ms = ?, usages = ?, sealed_secret = ?, " +
    "metadata = ?, revision = ?, audit_sequence = ? WHERE id = ?",
  remove: "DELETE FROM bootstrap_tokens WHERE id = ?",
  expired:
    "SELECT id FROM bootstrap_tokens INDEXED BY bootstrap_tokens_by_expiry " +
    "WHERE expires_ms IS NOT NULL AND expires_ms < ? ORDER BY expires_ms",
} as const;

function columnsOf(row: BootstrapTokenRow): ColumnValue[] {
  return [
    ...[row.id, row.description, row.extraGroups, row.nodeName],
    ...[row.createdMilliseconds, row.expiresMilliseconds, row.createdBy, row.secretHash],
  ];
}

/** A token without the later columns has the content it had before there were any; each migration added some. */
function laterColumnsOf({ usages, sealedSecret, metadata, revision }: BootstrapTokenRow): ColumnValue[][] {
  return [
    [usages, sealedSecret],
    [metadata, revision],
  ];
}

export function bootstrapTokenContent(row: BootstrapTokenRow): string {
  const later = laterColumnsOf(row);
  const last = later.findLastIndex((columns) => columns.some((value) => value !== null));
  return contentHash([...columnsOf(row), ...later.slice(0, last + 1).flat()]);
}

export function toBootstrapTokenRow(
  token: BootstrapTokenRecord,
  secretHash: Uint8Array,
  sealedSecret: Uint8Array | undefined,
): BootstrapTokenRow {
  const { id, description, createdBy } = token;
  return {
    ...{ id, description, createdBy, secretHash },
    extraGroups: JSON.stringify(token.extraGroups),
    nodeName: token.nodeName ?? null,
    usages: token.usages === undefined ? null : JSON.stringify(token.usages),
    sealedSecret: sealedSecret ?? null,
    metadata: metadataOf(token),
    revision: token.revision ?? null,
    createdMilliseconds: token.createdAt.getTime(),
    expiresMilliseconds: token.expiresAt?.getTime() ?? null,
  };
}

function metadataOf({ labels = {}, annotations = {} }: BootstrapTokenRecord): string | null {
  const isEmpty = Object.keys(labels).length + Object.keys(annotations).length === 0;
  return isEmpty ? null : JSON.stringify({ labels, annotations });
}

type Metadata = Required<Pick<BootstrapTokenRecord, "labels" | "annotations">>;

export function toBootstrapTokenRecord(row: BootstrapTokenRow): BootstrapTokenRecord {
  const { id, description, createdBy } = row;
  return {
    ...{ id, description, createdBy },
    extraGroups: JSON.parse(row.extraGroups) as string[],
    nodeName: row.nodeName ?? undefined,
    createdAt: new Date(row.createdMilliseconds),
    expiresAt: row.expiresMilliseconds === null ? undefined : new Date(row.expiresMilliseconds),
    ...(row.usages !== null && { usages: JSON.parse(row.usages) as TokenUsage[] }),
    ...(row.metadata !== null && (JSON.parse(row.metadata) as Metadata)),
    ...(row.revision !== null && { revision: row.revision }),
  };
}

export type StoredBootstrapTokenRow = BootstrapTokenRow & { readonly auditSequence: number };

/** Reads the live tokens. */
export function bootstrapTokensReader(connection: Connection) {
  const byId = connection.prepare<[string], StoredBootstrapTokenRow>(bootstrapTokensSql.byId);
  const all = connection.prepare<[string], StoredBootstrapTokenRow>(bootstrapTokensSql.all);
  return {
    byId: (id: string): StoredBootstrapTokenRow | undefined => byId.get(id),
    all: (): readonly StoredBootstrapTokenRow[] => all.all(""),
  };
}

/** Writes, changes and removes tokens. */
export function bootstrapTokensWriter(connection: Connection) {
  const byId = connection.prepare<[string], StoredBootstrapTokenRow>(bootstrapTokensSql.byId);
  const insert = connection.prepare(bootstrapTokensSql.insert);
  const update = connection.prepare(bootstrapTokensSql.update);
  const remove = connection.prepare<[string]>(bootstrapTokensSql.remove);
  const expired = connection.prepare<[number], string>(bootstrapTokensSql.expired).pluck();
  return {
    byId: (id: string): BootstrapTokenRow | undefined => byId.get(id),
    insert: (row: BootstrapTokenRow, auditSequence: number): void =>
      void insert.run(...columnsOf(row), ...laterColumnsOf(row).flat(), auditSequence),
    /** What a token is made with stays: its id, node, maker and secret. */
    update: (row: BootstrapTokenRow, auditSequence: number): void =>
      void update.run(
        ...[row.description, row.extraGroups, row.expiresMilliseconds],
        ...laterColumnsOf(row).flat(),
        ...[auditSequence, row.id],
      ),
    remove: (id: string): boolean => remove.run(id).changes === 1,
    expired: (beforeMilliseconds: number): readonly string[] => expired.all(beforeMilliseconds),
  };
}
