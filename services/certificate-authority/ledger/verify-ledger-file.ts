import type { LedgerVerification, VerificationProgress } from "../domain/ports.ts";
import { readingPlace } from "./inspection/resting-file.ts";
import { runTask, TaskError } from "./thread-task.ts";
import type { JudgeModule } from "./verification/certificate-judge.ts";
import type { VerifyTask } from "./verify-worker.ts";

type ProgressListener = (progress: VerificationProgress) => void;

/**
 * Verifies a ledger that nobody has open, a backup, or one in use; leaves nothing beside it. One at rest is read from a
 * copy in the temporary directory.
 *
 * @param judge - looks into the encodings of certificates too.
 * @throws when the file is no ledger, cannot be read at all, or cannot be copied; damage inside it is reported in `problems`.
 */
export async function verifyLedgerFile(
  path: string,
  judge?: JudgeModule,
  onProgress?: ProgressListener,
): Promise<LedgerVerification> {
  const place = await readingPlace(path, Number.POSITIVE_INFINITY, "verify");
  // Nobody has heard of the copy.
  const aboutOriginal = (text: string): string => text.replaceAll(place.path, path);
  try {
    const found = await verifyInPlace(place.path, judge, onProgress);
    return { ...found, problems: found.problems.map(aboutOriginal) };
  } catch (error) {
    throw error instanceof TaskError ? new TaskError(aboutOriginal(error.message), error.code) : error;
  } finally {
    await place.release();
  }
}

/** As `verifyLedgerFile`, of a file that may have SQLite's own files beside it: one that is open, or a copy. */
export function verifyInPlace(
  path: string,
  judge?: JudgeModule,
  onProgress?: ProgressListener,
): Promise<LedgerVerification> {
  const task: VerifyTask = { file: path, ...(judge && { judge: judge.href }) };
  return runTask<LedgerVerification, VerificationProgress>("verify", task, { ...(onProgress && { onProgress }) });
}
