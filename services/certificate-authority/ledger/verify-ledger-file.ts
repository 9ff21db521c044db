import type { LedgerVerification } from "../domain/ports.ts";
import { runTask } from "./thread-task.ts";
import type { VerifyTask } from "./verify-worker.ts";

/**
 * Verifies a ledger that nobody has open, a backup, or one in use; reads only.
 *
 * @throws when the file is no ledger or cannot be read at all; damage inside it is reported in `problems`.
 */
export function verifyLedgerFile(path: string): Promise<LedgerVerification> {
  const task: VerifyTask = { file: path };
  return runTask<LedgerVerification>("verify", task);
}
