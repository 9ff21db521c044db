import type { Connection } from "./connection.ts";
import type { PruneArchive } from "./operations.ts";
import { archivedRequestsWriter } from "./tables/archived-requests-table.ts";
import { metaTable } from "./tables/meta-table.ts";

/** Rows that one step drops: few, so that it does not hold up the writes beside it. */
const STEP = 500;

/** Keeps the archive within its bounds, inside the caller's transaction. */
export function archiveWrites(connection: Connection) {
  const archive = archivedRequestsWriter(connection);
  const meta = metaTable(connection);

  return {
    prune({ beforeMilliseconds, maximumRequests }: PruneArchive) {
      const surplus = archive.count() - maximumRequests;
      const rows = archive.oldest(STEP);
      const isKept = ({ deletedMilliseconds }: (typeof rows)[number], index: number) =>
        index >= surplus && deletedMilliseconds >= beforeMilliseconds;
      const firstKept = rows.findIndex(isKept);
      const last = (firstKept === -1 ? rows : rows.slice(0, firstKept)).at(-1);
      if (last === undefined) return { isDone: true };
      archive.removeUpTo(last.id);
      // What is missing below this was dropped on purpose; above it, verification asks where it went.
      meta.set("archive_pruned", last.id);
      return { isDone: firstKept !== -1 || rows.length < STEP };
    },
  };
}
