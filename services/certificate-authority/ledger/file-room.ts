import Database from "better-sqlite3";
import type { Connection } from "./connection.ts";
import type { Operation } from "./operations.ts";

/** What is kept for writes that make room; of a small bound an eighth. */
const MAXIMUM_RESERVE_BYTES = 8 * 1024 * 1024;
const RESERVE_SHARE = 8;

/** The bound of a ledger's file, and the last part of it, which only writes that make room may take. */
export interface FileRoom {
  /** Refuses, as SQLite does where there is no room, what would leave more in use than others may take. Before COMMIT. */
  requireRoom(): void;
  /** Lets what `work` writes take the reserve. */
  withReserve<T>(work: () => T): T;
}

/**
 * Bounds the file. As long as it has never reached the reserve this costs a commit nothing: SQLite counts by itself.
 *
 * @param maximumBytes - the file never grows beyond this.
 */
export function boundFile(connection: Connection, maximumBytes: number): FileRoom {
  const count = (name: string): number => Number(connection.pragma(name, { simple: true }));
  const maximumPages = Math.ceil(maximumBytes / count("page_size"));
  const reserveBytes = Math.min(MAXIMUM_RESERVE_BYTES, maximumBytes / RESERVE_SHARE);
  const usualPages = maximumPages - Math.ceil(reserveBytes / count("page_size"));
  let isInReserve = false;
  let usesReserve = false;
  const allow = (pages: number): void => {
    connection.pragma(`max_page_count = ${pages}`);
    // SQLite does not go below what the file has: free pages of the reserve would be anybody's, so they are counted from here on.
    isInReserve = count("page_count") > usualPages;
  };
  allow(usualPages);
  return {
    requireRoom() {
      if (!isInReserve || usesReserve) return;
      if (count("page_count") - count("freelist_count") <= usualPages) return;
      throw new Database.SqliteError("the rest of the file is for writes that make room", "SQLITE_FULL");
    },
    withReserve(work) {
      usesReserve = true;
      allow(maximumPages);
      try {
        return work();
      } finally {
        usesReserve = false;
        allow(usualPages);
      }
    },
  };
}

const REMOVALS: ReadonlySet<Operation["kind"]> = new Set([
  ...(["removeRequest", "removeObject", "removeToken", "removeExpiredTokens"] as const),
  ...(["compactChanges", "pruneArchive", "revoke", "revokeCredential", "changeMachine"] as const),
  ...(["settleExpiryNotices", "pruneExpiryNotices", "sweepAttestations"] as const),
  // Jobs are what removes most; what they write about themselves is bounded.
  ...(["claimRun", "beatRun", "finishRun"] as const),
]);

/** Whether an operation removes something, is one that comes before its removal, or cannot wait for room: a revocation. */
export function makesRoom(operation: Operation): boolean {
  const { kind } = operation;
  return kind === "updateRequest" || kind === "updateObject" ? isBeingRemoved(operation.object) : REMOVALS.has(kind);
}

/** Finalizers come off an object by updates; only the server sets the time of its deletion. */
function isBeingRemoved(object: string): boolean {
  const { metadata } = JSON.parse(object) as { readonly metadata?: { readonly deletionTimestamp?: unknown } };
  return metadata?.deletionTimestamp !== undefined;
}
