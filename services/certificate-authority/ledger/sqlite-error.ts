import { StatusError } from "../../shared/status-error.ts";

const RETRY_AFTER_SECONDS = 1;

/**
 * The `SQLITE_…` code of an error that the driver threw; undefined for any other value. The class is not asked: the
 * driver is shared by realms whose classes differ.
 */
export function sqliteCodeOf(error: unknown): string | undefined {
  if (typeof error !== "object" || error === null) return undefined;
  const { code } = error as { code?: unknown };
  return typeof code === "string" && code.startsWith("SQLITE_") ? code : undefined;
}

/** Whether the store as a whole failed, so that trying other operations at once is pointless. */
export function isStorageFailure(error: unknown): boolean {
  const code = sqliteCodeOf(error) ?? "";
  return /^SQLITE_(FULL|IOERR|READONLY|CANTOPEN|CORRUPT|NOTADB|BUSY|LOCKED|NOMEM|PERM)/.test(code);
}

/** What a caller may read of a failure to store; the original is the cause. */
export function asStatusError(error: unknown): StatusError {
  const code = sqliteCodeOf(error) ?? "";
  if (code === "SQLITE_FULL") return unavailable("the ledger is out of space; nothing was stored", error);
  if (/^SQLITE_(CORRUPT|NOTADB)/.test(code)) {
    return new StatusError("InternalError", "the ledger is damaged; run `gatehouse ledger verify`", { cause: error });
  }
  if (isStorageFailure(error)) return unavailable("the ledger takes no writes at the moment", error);
  return new StatusError("InternalError", "the ledger could not store this", { cause: error });
}

function unavailable(message: string, cause: unknown): StatusError {
  return new StatusError("ServiceUnavailable", message, {
    cause,
    details: { retryAfterSeconds: RETRY_AFTER_SECONDS },
  });
}
