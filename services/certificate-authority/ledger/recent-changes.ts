import type { ApiObject } from "../domain/api-object.ts";
import type { Change } from "../domain/ports.ts";

/** The newest changes in memory, so that a watch that starts a little late need not read the log. */
export interface RecentChanges {
  append(change: Change<ApiObject>, bytes: number): void;
  /** The changes after `revision`, or undefined when some of them are no longer here. */
  after(revision: number): readonly Change<ApiObject>[] | undefined;
}

export interface RecentChangesLimits {
  readonly maximumEntries: number;
  readonly maximumBytes: number;
}

/** @param head - the revision that the first appended change follows. */
export function createRecentChanges(head: number, limits: RecentChangesLimits): RecentChanges {
  let changes: Change<ApiObject>[] = [];
  let sizes: number[] = [];
  let bytes = 0;
  /** Entries before this index were dropped; the arrays are cut once half of them is. */
  let start = 0;
  let revisionBeforeStart = head;

  function dropOldest(): void {
    bytes -= sizes[start] ?? 0;
    start += 1;
    revisionBeforeStart += 1;
    if (start * 2 <= limits.maximumEntries) return;
    changes = changes.slice(start);
    sizes = sizes.slice(start);
    start = 0;
  }

  return {
    append(change, size) {
      changes.push(change);
      sizes.push(size);
      bytes += size;
      while (changes.length - start > limits.maximumEntries || bytes > limits.maximumBytes) dropOldest();
    },
    after(revision) {
      if (revision < revisionBeforeStart) return undefined;
      return changes.slice(start + revision - revisionBeforeStart);
    },
  };
}
