import { createHash } from "node:crypto";
import { type FSWatcher, readFileSync, watch } from "node:fs";
import { basename, dirname } from "node:path";
import type { Logger } from "../shared/logging.ts";

const QUIET_MILLISECONDS = 500;

function contentHash(path: string): string {
  try {
    return createHash("sha256").update(readFileSync(path)).digest("hex");
  } catch (error) {
    return `unreadable: ${(error as NodeJS.ErrnoException).code}`;
  }
}

/** What files hold, by their paths; one that cannot be read counts as what it fails with. */
export type Contents = ReadonlyMap<string, string>;

/** @param found - what is known already: a file that was written to since was perhaps read before, and is looked at again. */
export function contentsOf(paths: readonly string[], found: Contents = new Map()): Contents {
  return new Map(paths.map((path) => [path, found.get(path) ?? contentHash(path)]));
}

/** The files that hold something else than they did. */
export function changedFiles(paths: readonly string[], before: Contents, now: Contents): readonly string[] {
  return paths.filter((path) => before.get(path) !== now.get(path));
}

export interface WatchedFiles {
  close(): void;
}

/**
 * Calls `onQuiet` when something happened in the files' directories and then nothing for half a second, so that both files
 * of a pair are there. A directory is watched, not a file: editors and mounted secrets put new files in the old ones' place.
 * Watching is a help, no guarantee (network file systems do not tell): who must know looks from time to time as well.
 */
export function watchFiles(paths: readonly string[], onQuiet: () => void, logger: Pick<Logger, "warn">): WatchedFiles {
  let timer: NodeJS.Timeout | undefined;
  const names = new Set(paths.map((path) => basename(path)));
  const onEvent = (_event: string, name: string | null): void => {
    // A directory may be the data directory, which the ledger writes to all the time; mounted secrets change as `..data`.
    if (name !== null && !names.has(name) && !name.startsWith("..")) return;
    clearTimeout(timer);
    timer = setTimeout(onQuiet, QUIET_MILLISECONDS).unref();
  };
  const watchers = [...new Set(paths.map((path) => dirname(path)))].flatMap((directory): FSWatcher[] => {
    try {
      const watcher = watch(directory, { persistent: false }, onEvent);
      watcher.on("error", (error) =>
        logger.warn({ directory, err: error }, "cannot watch a directory of files any more"),
      );
      return [watcher];
    } catch (error) {
      logger.warn({ directory, err: error }, "cannot watch a directory of files; they are looked at from time to time");
      return [];
    }
  });
  return {
    close: () => {
      clearTimeout(timer);
      for (const watcher of watchers) watcher.close();
    },
  };
}
