import type { CertificateSigningRequest } from "../domain/certificate-signing-request.ts";
import type { Change } from "../domain/ports.ts";
import type { Connection } from "./connection.ts";
import { FIRST_REVISION } from "./request-writes.ts";
import { fromStoredJson } from "./stored-object.ts";
import { type ChangeRow, changesReader } from "./tables/changes-table.ts";
import { metaTable } from "./tables/meta-table.ts";

/** The durable change log, read as the changes it records. */
export interface ChangeLog {
  head(): number;
  compactedRevision(): number;
  /** At most `limit` changes after `revision`, oldest first, of one name or of all; undefined when some were dropped. */
  after(revision: number, name: string | undefined, limit: number): readonly Change[] | undefined;
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
    after: connection.transaction((revision: number, name: string | undefined, limit: number) => {
      if (revision < compactedRevision()) return undefined;
      const rows = name === undefined ? changes.after(revision, limit) : changes.ofNameAfter(name, revision, limit);
      return rows.map(toChange);
    }),
    previousOf(revision) {
      const row = changes.byRevision(revision);
      return row && previousIn(row);
    },
  };
}

function toChange(row: ChangeRow): Change {
  const { type, revision } = row;
  return { type, revision, object: fromStoredJson(row.object, revision), previous: previousIn(row) };
}

function previousIn({ previous, previousRevision }: ChangeRow): CertificateSigningRequest | undefined {
  if (previous === null || previousRevision === null) return undefined;
  return fromStoredJson(previous, previousRevision);
}
