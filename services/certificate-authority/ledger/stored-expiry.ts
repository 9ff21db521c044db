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
    async record(notices, targets) {
      const operation = { kind: "recordExpiryNotices", notices: notices.map(toRow), targets } as const;
      const bytes = notices.reduce((sum, { document }) => sum + ENTRY_BYTES + document.length, 0);
      await writer.submit(operation, bytes * (1 + targets.length), () => undefined);
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

function toRow({ signerName, name, namesHash, certificateId, state, notAfter, document }: ExpiryNotice): NoticeRow {
  const holder = { signerName, name, namesHash, certificateId };
  return { ...holder, state, notAfterMilliseconds: notAfter.getTime(), document };
}

function toTold({ signerName, name, namesHash, certificateId, state }: ToldRow): Told {
  return { signerName, name, namesHash, certificateId, state };
}
