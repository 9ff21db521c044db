import type { RecordedRequests } from "../domain/recorded-request.ts";
import { openForReading } from "./connection.ts";
import { readingPlace } from "./inspection/resting-file.ts";
import { LedgerOpenError } from "./ledger-open-error.ts";
import { MIGRATIONS } from "./migrations/all.ts";
import { requireKnownHistory } from "./migrations/migrate.ts";
import { recordedRequests } from "./recorded-requests.ts";

/** The recorded requests of a file, and what gives back what was taken to read it. */
export interface RecordedFile extends RecordedRequests {
  close(): Promise<void>;
}

/**
 * Reads a ledger or a backup of one, in use or at rest; nothing is changed and nothing left beside it.
 *
 * @throws {LedgerOpenError} when it is no ledger of this version; {NotCopiedError} when there is no room for the copy
 *   that a ledger at rest is read from.
 */
export async function openRecordedRequests(file: string): Promise<RecordedFile> {
  const { path, release } = await readingPlace(file, Number.MAX_SAFE_INTEGER);
  try {
    const connection = openForReading(path);
    const applied = requireKnownHistory(connection, MIGRATIONS, file);
    if (applied !== MIGRATIONS.length) {
      connection.close();
      throw new LedgerOpenError(
        "migrationMissing",
        `${file} was written by an older version; start this version on it once`,
      );
    }
    const close = async (): Promise<void> => {
      connection.close();
      await release();
    };
    return { ...recordedRequests(connection), close };
  } catch (error) {
    await release();
    throw error;
  }
}
