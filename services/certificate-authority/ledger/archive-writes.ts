import { auditPayload } from "./audit-chain.ts";
import { type AuditWrites, OURSELVES } from "./audited-writes.ts";
import type { Connection } from "./connection.ts";
import type { PruneArchive } from "./operations.ts";
import { archivedRequestsWriter } from "./tables/archived-requests-table.ts";
import { metaTable } from "./tables/meta-table.ts";

/** Rows that one step drops: few, so that it does not hold up the writes beside it. */
const STEP = 500;

/** Keeps the archive within its bounds, inside the caller's transaction. */
export function archiveWrites(connection: Connection, audited: Pick<AuditWrites, "append">) {
  const archive = archivedRequestsWriter(connection);
  const meta = metaTable(connection);

  return {
    prune({ beforeMilliseconds, maximumRequests, atMilliseconds }: PruneArchive) {
      const surplus = archive.count() - maximumRequests;
      const rows = archive.oldest(STEP);
      const isKept = ({ deletedMilliseconds }: (typeof rows)[number], index: number) =>
        index >= surplus && deletedMilliseconds >= beforeMilliseconds;
      const firstKept = rows.findIndex(isKept);
      const last = (firstKept === -1 ? rows : rows.slice(0, firstKept)).at(-1);
      if (last === undefined) return { isDone: true };
      const requests = archive.removeUpTo(last.id);
      // What is missing up to there was dropped on purpose; beyond it, verification asks where it went.
      meta.set("archive_pruned", audited.append(prunePayload(last.id, requests, atMilliseconds)));
      return { isDone: firstKept !== -1 || rows.length < STEP };
    },
  };
}

function prunePayload(upTo: number, requests: number, atMilliseconds: number): string {
  const at = new Date(atMilliseconds);
  return auditPayload({ at, actor: OURSELVES, kind: "archive.pruned", subject: String(upTo), details: { requests } });
}
