import { resolve } from "node:path";
import { setImmediate as nextTurn } from "node:timers/promises";
import type { Clock } from "../../shared/clock.ts";
import type { Logger } from "../../shared/logging.ts";
import { StatusError } from "../../shared/status-error.ts";
import type { LedgerMaintenance } from "../domain/ports.ts";
import type { BackupResult } from "./backup.ts";
import type { BackupTask } from "./backup-worker.ts";
import type { BatchWriter } from "./batch-writer.ts";
import type { ChangeHub } from "./change-hub.ts";
import type { Connection } from "./connection.ts";
import { archivedRequestsReader } from "./tables/archived-requests-table.ts";
import { runTask, TaskError } from "./thread-task.ts";
import type { JudgeModule } from "./verification/certificate-judge.ts";
import { verifyInPlace } from "./verify-ledger-file.ts";

export interface MaintenanceDependencies {
  readonly file: string;
  readonly reader: Connection;
  readonly writer: BatchWriter;
  readonly hub: ChangeHub;
  readonly clock: Clock;
  readonly maximumChanges: number;
  readonly judge?: JudgeModule | undefined;
}

const SMALL_BYTES = 64;
/** Rows of the archive that are counted before other work gets its turn: about a millisecond's worth. */
const COUNTED_A_TURN = 500;

/** Upkeep of the ledger; whatever takes long runs in a thread of its own. */
export function ledgerMaintenance({
  file,
  reader,
  writer,
  hub,
  clock,
  maximumChanges,
  judge,
}: MaintenanceDependencies) {
  const maintenance: LedgerMaintenance = {
    async backup(path) {
      const task: BackupTask = { file, target: resolve(path) };
      return runTask<BackupResult>("backup", task).catch(explainBackup);
    },
    verify: (onProgress) => verifyInPlace(file, judge, onProgress),
    async compact(before) {
      const bounds = { beforeMilliseconds: before.getTime(), maximumChanges, upToRevision: hub.revision() };
      const operation = { kind: "compactChanges", ...bounds } as const;
      // Step by step, so that other writes get in between.
      for (let isDone = false; !isDone; ) {
        isDone = await writer.submit(operation, SMALL_BYTES, (answer) => {
          hub.noteCompaction(answer.compactedRevision);
          return answer.isDone;
        });
      }
    },
    async pruneArchive(before, maximumRequests) {
      const bounds = { beforeMilliseconds: before.getTime(), maximumRequests };
      const operation = { kind: "pruneArchive", ...bounds, atMilliseconds: clock.now().getTime() } as const;
      for (let isDone = false; !isDone; ) {
        isDone = await writer.submit(operation, SMALL_BYTES, (answer) => answer.isDone);
      }
    },
    async countPrunable(before, maximumRequests) {
      const archive = archivedRequestsReader(reader);
      let count = 0;
      for (let last = 0; ; await nextTurn()) {
        const rows = archive.oldest(last, COUNTED_A_TURN);
        const kept = rows.findIndex(({ deletedMilliseconds }) => deletedMilliseconds >= before.getTime());
        count += kept === -1 ? rows.length : kept;
        last = rows.at(-1)?.id ?? last;
        if (kept !== -1 || rows.length < COUNTED_A_TURN) break;
      }
      return Math.max(count, archive.count() - maximumRequests);
    },
    async check() {
      const operation = { kind: "checkWrite", atMilliseconds: clock.now().getTime() } as const;
      await writer.submit(operation, SMALL_BYTES, () => undefined);
    },
  };
  return maintenance;
}

function explainBackup(error: unknown): never {
  if (!(error instanceof TaskError)) throw error;
  if (error.code === "EEXIST") throw new StatusError("AlreadyExists", error.message, { cause: error });
  throw new StatusError("InternalError", `the backup failed: ${error.message}`, { cause: error });
}

/** Compacts on a schedule until stopped. */
export function startCompaction(
  maintenance: LedgerMaintenance,
  { windowSeconds, clock, logger }: { readonly windowSeconds: number; readonly clock: Clock; readonly logger: Logger },
): { stop(): void } {
  const windowMilliseconds = windowSeconds * 1_000;
  const periodMilliseconds = Math.min(Math.max(windowMilliseconds / 10, 1_000), 60_000);
  const timer = setInterval(() => {
    const before = new Date(clock.now().getTime() - windowMilliseconds);
    maintenance.compact(before).catch((error: unknown) => {
      logger.warn({ err: error }, "compacting the change log failed; it is tried again");
    });
  }, periodMilliseconds);
  timer.unref();
  return { stop: () => clearInterval(timer) };
}
