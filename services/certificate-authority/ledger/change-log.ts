import type { ApiObject } from "../domain/api-object.ts";
import type { CertificateSigningRequest } from "../domain/certificate-signing-request.ts";
import type { Change } from "../domain/ports.ts";
import type { Connection } from "./connection.ts";
import { FIRST_REVISION } from "./request-writes.ts";
import { fromStoredJson } from "./stored-object.ts";
import { type ChangeRow, changesReader } from "./tables/changes-table.ts";
import { metaTable } from "./tables/meta-table.ts";

/** The objects that a reader of the log is after. */
export interface ChangeScope {
  readonly kind: string;
  /** What their names in the log begin with; empty for requests, whose names have no slash. */
  readonly prefix: string;
}

/** The durable change log, read as the changes it records. */
export interface ChangeLog {
  head(): number;
  compactedRevision(): number;
  /** At most `limit` changes after `revision`, oldest first, of one name or of all; undefined when some were dropped. */
  after(
    revision: number,
    name: string | undefined,
    limit: number,
    scope: ChangeScope,
  ): readonly Change<ApiObject>[] | undefined;
  /** The object that the change of that revision replaced or removed; it is kept for as long as that change. */
  previousOf(revision: number): CertificateSigningRequest | undefined;
}

export function createChangeLog(connection: Connection): ChangeLog {
  const changes = changesReader(connection);
  const meta = metaTable(connection);
  const compactedRevision = () => meta.get("compacted_revision") ?? FIRST_REVISION;
  return {
    head: () => Math.max(changes.head() ?? 0, compactedRevision()),
    compactedRevision,
    // One transaction, so that no compaction comes between the question and the answer.
    after: connection.transaction(
      (revision: number, name: string | undefined, limit: number, { prefix }: ChangeScope) => {
        if (revision < compactedRevision()) return undefined;
        if (name !== undefined) return changes.ofNameAfter(prefix + name, revision, limit).map(toChange);
        const isOfRequests = prefix === "";
        const rows = isOfRequests ? changes.after(revision, limit) : changes.ofPrefixAfter(prefix, revision, limit);
        return rows.map(toChange);
      },
    ),
    previousOf(revision) {
      const row = changes.byRevision(revision);
      return row && previousIn<CertificateSigningRequest>(row);
    },
  };
}

function toChange(row: ChangeRow): Change<ApiObject> {
  const { type, revision } = row;
  return { type, revision, object: fromStoredJson(row.object, revision), previous: previousIn(row) };
}

function previousIn<T extends ApiObject>({ previous, previousRevision }: ChangeRow): T | undefined {
  if (previous === null || previousRevision === null) return undefined;
  return fromStoredJson(previous, previousRevision);
}
