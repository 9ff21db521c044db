import type { CertificateSigningRequest, CsrSpec } from "../../domain/certificate-signing-request.ts";
import type { RequestAsCreated } from "../../domain/recorded-request.ts";
import { type ColumnValue, contentHash } from "../audit-chain.ts";
import type { Connection } from "../connection.ts";

/** A deleted request in the shape of its columns; hashed in the order of `columnsOf`. */
export interface ArchivedRequestRow {
  readonly uid: string;
  readonly name: string;
  readonly deletedMilliseconds: number;
  /** JSON of metadata and spec, without `spec.request`. */
  readonly object: string;
  /** What `spec.request` is the base64 of. */
  readonly request: Uint8Array;
}

/** Labels and annotations longer than this, as JSON, are left out; nobody but people wrote them. */
const MAXIMUM_NOTES = 8 * 1024;
/** Requests larger than this are not kept at all: a CSR for a node has less than a kilobyte. */
const MAXIMUM_BYTES = 256 * 1024;

const COLUMNS = "id, uid, name, deleted_ms AS deletedMilliseconds, object, request";

export const archivedRequestsSql = {
  all: `SELECT ${COLUMNS} FROM archived_requests WHERE id > ? ORDER BY id`,
  byUid: `SELECT ${COLUMNS} FROM archived_requests INDEXED BY archived_requests_by_uid WHERE uid = ?`,
  byId: "SELECT id FROM archived_requests WHERE id = ?",
  oldest: "SELECT id, deleted_ms AS deletedMilliseconds FROM archived_requests WHERE id > ? ORDER BY id LIMIT ?",
  count: "SELECT count(*) FROM archived_requests WHERE uid > ''",
  insert: "INSERT INTO archived_requests (id, uid, name, deleted_ms, object, request) VALUES (?, ?, ?, ?, ?, ?)",
  removeUpTo: "DELETE FROM archived_requests WHERE id <= ?",
} as const;

export type StoredArchivedRequestRow = ArchivedRequestRow & { readonly id: number };

/**
 * What is kept of a request that is deleted.
 *
 * @param object - JSON of the API object.
 * @returns undefined when it is too large to be kept, or no request.
 */
export function toArchivedRequestRow(object: string, deletedMilliseconds: number): ArchivedRequestRow | undefined {
  const { metadata, spec } = JSON.parse(object) as Partial<CertificateSigningRequest>;
  // Whatever damage a request has, it can be deleted.
  if (metadata === undefined || spec?.request === undefined) return undefined;
  const { name, uid, creationTimestamp } = metadata;
  const { request: requestBase64, ...asked } = spec;
  const notes = { ...bounded("labels", metadata.labels), ...bounded("annotations", metadata.annotations) };
  const kept = JSON.stringify({ metadata: { name, uid, creationTimestamp, ...notes }, spec: asked });
  const request = Buffer.from(requestBase64, "base64");
  if (kept.length + request.length > MAXIMUM_BYTES) return undefined;
  return { uid, name, deletedMilliseconds, object: kept, request };
}

function bounded(name: string, notes: Readonly<Record<string, string>> | undefined) {
  return notes !== undefined && JSON.stringify(notes).length <= MAXIMUM_NOTES ? { [name]: notes } : {};
}

/** The request as it was, its status aside. */
export function fromArchivedRequestRow({ object, request }: ArchivedRequestRow): RequestAsCreated {
  const kept = JSON.parse(object) as Omit<RequestAsCreated, "spec"> & { readonly spec: Omit<CsrSpec, "request"> };
  return { metadata: kept.metadata, spec: { ...kept.spec, request: Buffer.from(request).toString("base64") } };
}

function columnsOf(row: ArchivedRequestRow): ColumnValue[] {
  return [row.uid, row.name, row.deletedMilliseconds, row.object, row.request];
}

export function archivedRequestContent(row: ArchivedRequestRow): string {
  return contentHash(columnsOf(row));
}

type ArchivedAge = Pick<StoredArchivedRequestRow, "id" | "deletedMilliseconds">;

/** Counts the archive. */
export function archivedRequestsReader(connection: Connection) {
  const oldest = connection.prepare<[number, number], ArchivedAge>(archivedRequestsSql.oldest);
  const count = connection.prepare<[], number>(archivedRequestsSql.count).pluck();
  return {
    count: (): number => count.get() ?? 0,
    /** The first to have been deleted after the row `after` come first. */
    oldest: (after: number, limit: number): readonly ArchivedAge[] => oldest.all(after, limit),
  };
}

/** Writes the archive, and drops what is oldest in it. */
export function archivedRequestsWriter(connection: Connection) {
  const { count, oldest } = archivedRequestsReader(connection);
  const byUid = connection.prepare<[string]>(archivedRequestsSql.byUid);
  const insert = connection.prepare(archivedRequestsSql.insert);
  const removeUpTo = connection.prepare<[number]>(archivedRequestsSql.removeUpTo);
  return {
    has: (uid: string): boolean => byUid.get(uid) !== undefined,
    count,
    insert: (row: ArchivedRequestRow, auditSequence: number): void => void insert.run(auditSequence, ...columnsOf(row)),
    /** The first to have been deleted come first. */
    oldest: (limit: number) => oldest(0, limit),
    /** @returns how many there were. */
    removeUpTo: (id: number): number => removeUpTo.run(id).changes,
  };
}
