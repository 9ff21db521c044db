import type { LedgerVerification } from "../domain/ports.ts";
import { readingPlace } from "./inspection/resting-file.ts";
import { type LedgerSnapshot, takeSnapshot } from "./inspection/snapshot.ts";
import type { SpotCheckReport } from "./inspection/spot-check.ts";
import { LedgerOpenError } from "./ledger-open-error.ts";
import type { SpotCheckTask } from "./spot-check-worker.ts";
import { runTask } from "./thread-task.ts";
import type { JudgeModule } from "./verification/certificate-judge.ts";
import { verifyInPlace } from "./verify-ledger-file.ts";

export { NotCopiedError } from "./inspection/resting-file.ts";
export { findWriter, type WriterState } from "./inspection/writer.ts";

/** Looks at a ledger that may be in use, at rest or damaged; nothing is changed, no lock is taken. */
export interface LedgerInspection {
  /** @throws {LedgerOpenError} when it is no ledger of this version. */
  snapshot(): LedgerSnapshot;
  /** Pages of all tables and the newest audit entries; ends when `signal` says so. */
  spotCheck(lastEntries: number, signal: AbortSignal): Promise<SpotCheckReport>;
  /** Everything. */
  verify(): Promise<LedgerVerification>;
  /** Gives back what was taken to read it. */
  close(): Promise<void>;
}

/**
 * @param file - must exist.
 * @param maximumCopyBytes - of a copy; a ledger at rest is read from one.
 * @param judge - looks into the encodings of certificates, when everything is verified.
 * @throws {NotCopiedError} when it is at rest and not to be copied.
 */
export async function inspectLedger(
  file: string,
  maximumCopyBytes: number,
  judge?: JudgeModule,
): Promise<LedgerInspection> {
  const { path, release } = await readingPlace(file, maximumCopyBytes);
  return {
    snapshot: () => {
      try {
        return takeSnapshot(path);
      } catch (thrown) {
        throw thrown instanceof LedgerOpenError ? aboutOriginal(thrown, path, file) : thrown;
      }
    },
    spotCheck: (lastEntries, signal) => {
      const task: SpotCheckTask = { file: path, lastEntries };
      return runTask<SpotCheckReport>("spot-check", task, { signal });
    },
    verify: () => verifyInPlace(path, judge),
    close: release,
  };
}

/** Nobody has heard of the copy that was read. */
function aboutOriginal({ code, message, cause }: LedgerOpenError, copy: string, file: string): LedgerOpenError {
  return new LedgerOpenError(code, message.replaceAll(copy, file), { cause });
}
