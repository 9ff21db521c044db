import type { ExpiryNotice, ExpiryRecords, Told } from "../domain/expiry-records.ts";
import type { FleetColumns } from "../domain/fleet.ts";
import type { FleetScanTask } from "./fleet-scan.ts";
import type { StoredRecordsDependencies } from "./stored-records.ts";
import { expiryNoticesReader, type NoticeRow, type ToldRow } from "./tables/expiry-notices-table.ts";
import { runTask } from "./thread-task.ts";

/** What stands for an entry besides its document in the queue's bound. */
const ENTRY_BYTES = 256;

/** What the ledger keeps about expiries; the fleet is read in a thread of its own. */
export function storedExpiry({
  file,
  reader,
  writer,
  clock,
}: StoredRecordsDependencies & { readonly file: string }): ExpiryRecords {
  const table = expiryNoticesReader(reader);
  return {
    scan(endedBefore) {
      const nowMilliseconds = clock.now().getTime();
      const task: FleetScanTask = { file, endedBeforeMilliseconds: endedBefore.getTime(), nowMilliseconds };
      return runTask<FleetColumns>("fleet-scan", task);
    },
    told: async (after, limit) => table.told(after, limit).map(toTold),
    async record(notices) {
      const operation = { kind: "recordExpiryNotices", notices: notices.map(toRow) } as const;
      const bytes = notices.reduce(
        (sum, { document, targets }) => sum + (ENTRY_BYTES + document.length) * (1 + targets.length),
        0,
      );
      await writer.submit(operation, bytes, () => undefined);
    },
    waiting: async (target, limit) => table.waiting(target, limit),
    countWaiting: async () => table.countWaiting(),
    async settle(ids) {
      await writer.submit({ kind: "settleExpiryNotices", ids }, ENTRY_BYTES, () => undefined);
    },
    async prune(endedBefore, targets) {
      const operation = { kind: "pruneExpiryNotices", beforeMilliseconds: endedBefore.getTime(), targets } as const;
      await writer.submit(operation, ENTRY_BYTES, () => undefined);
    },
  };
}

function toRow({ notAfter, ...notice }: ExpiryNotice): NoticeRow {
  return { ...notice, notAfterMilliseconds: notAfter.getTime() };
}

function toTold({ signerName, name, namesHash, certificateId, state }: ToldRow): Told {
  return { signerName, name, namesHash, certificateId, state };
}
