import { constants, existsSync } from "node:fs";
import { copyFile, mkdtemp, rm, stat, statfs } from "node:fs/promises";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";

/** Where a ledger can be read without changing anything beside it. */
export interface ReadingPlace {
  readonly path: string;
  readonly release: () => Promise<void>;
}

/** A ledger at rest is not copied: there is no room, or it takes too long. The message names the way out. */
export class NotCopiedError extends Error {
  override readonly name = "NotCopiedError";
}

/**
 * Finds where to read a ledger. In use, or left behind by a crash, it is read where it lies. At rest it is copied first:
 * SQLite would make the write-ahead log and its index beside it even for a reader, and cannot take them away again.
 *
 * @param purpose - names the copy, for whoever finds one.
 * @throws {NotCopiedError} when the temporary directory cannot hold the copy, or it would have more than `maximumBytes`.
 */
export async function readingPlace(file: string, maximumBytes: number, purpose = "doctor"): Promise<ReadingPlace> {
  if (isInUse(file)) return inPlace(file);
  const place = await copyOf(file, maximumBytes, purpose);
  // A server that started in between may have written while we copied.
  if (!isInUse(file)) return place;
  await place.release();
  return inPlace(file);
}

/** Whoever opens a ledger makes the index of its log before anything is written. */
function isInUse(file: string): boolean {
  return existsSync(`${file}-shm`);
}

function inPlace(path: string): ReadingPlace {
  return { path, release: async () => undefined };
}

async function copyOf(file: string, maximumBytes: number, purpose: string): Promise<ReadingPlace> {
  const sources = [file, `${file}-wal`].filter((path) => existsSync(path));
  const sizes = await Promise.all(sources.map(async (path) => (await stat(path)).size));
  const needed = sizes.reduce((sum, size) => sum + size, 0);
  if (needed > maximumBytes) {
    throw new NotCopiedError(
      `${file} is at rest and has ${needed} bytes; reading it takes a copy: allow that with --full, or start the server`,
    );
  }
  const { bavail, bsize } = await statfs(tmpdir());
  if (bavail * bsize < needed) {
    throw new NotCopiedError(`a copy of ${file} takes ${needed} bytes, more than ${tmpdir()} has free; set TMPDIR`);
  }
  const directory = await mkdtemp(join(tmpdir(), `gatehouse-${purpose}-`));
  const release = () => rm(directory, { recursive: true, force: true });
  try {
    for (const source of sources) await copyFile(source, join(directory, basename(source)), constants.COPYFILE_FICLONE);
  } catch (error) {
    await release();
    throw error;
  }
  return { path: join(directory, basename(file)), release };
}
