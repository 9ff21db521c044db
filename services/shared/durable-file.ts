import { randomBytes } from "node:crypto";
import { type FileHandle, link, open, readdir, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";

/** What a crash between writing and publishing leaves behind; SQLite adds suffixes to files that it writes. */
const LEFTOVER = /^\..+\.[0-9a-f]{16}\.tmp(-journal|-wal|-shm)?$/;
/** Younger ones may belong to another process that is at work right now. */
const LEFTOVER_AGE_MILLISECONDS = 60_000;

export interface DurableFileOptions {
  /** Permissions of the file, for example 0o600 for secrets. */
  readonly mode: number;
  /** What happens to a file of that name: it gives way, or it stays as it is and writing fails with EEXIST. */
  readonly existing: "replaced" | "kept";
}

/**
 * Puts `content` at `path`, durably and whole: a reader, or a crash at any instant, finds the old file or the new one.
 * Resolves when content and name are on the disk.
 *
 * @throws the file system's error; what was at `path` is then untouched.
 */
export async function writeFileDurably(
  path: string,
  content: string | Uint8Array,
  options: DurableFileOptions,
): Promise<void> {
  await fillFileDurably(path, options, (file) => file.writeFile(content));
}

/**
 * As `writeFileDurably`, for content that comes bit by bit: `fill` writes it to the open file, or to the file at
 * `temporaryPath`, which is empty and in the same directory. When `fill` throws, nothing is left of it.
 *
 * @returns what `fill` returned.
 */
export async function fillFileDurably<T>(
  path: string,
  { mode, existing }: DurableFileOptions,
  fill: (file: FileHandle, temporaryPath: string) => Promise<T>,
): Promise<T> {
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(8).toString("hex")}.tmp`);
  try {
    const filled = await fillAndSync(temporary, mode, fill);
    // A rename would replace a file that another process made meanwhile; a link refuses.
    if (existing === "kept") await link(temporary, path);
    else await rename(temporary, path);
    await syncDirectory(dirname(path));
    return filled;
  } finally {
    await Promise.all(["", "-journal", "-wal", "-shm"].map((suffix) => rm(`${temporary}${suffix}`, { force: true })));
  }
}

async function fillAndSync<T>(
  temporary: string,
  mode: number,
  fill: (file: FileHandle, temporaryPath: string) => Promise<T>,
): Promise<T> {
  const file = await open(temporary, "wx", mode);
  try {
    const filled = await fill(file, temporary);
    await file.sync();
    return filled;
  } finally {
    await file.close();
  }
}

/** Removes what crashed writers left in a directory of ours, once it is a minute old. */
export async function removeLeftovers(directory: string): Promise<void> {
  const leftovers = (await readdir(directory)).filter((name) => LEFTOVER.test(name));
  await Promise.all(leftovers.map((name) => removeWhenOld(join(directory, name))));
}

async function removeWhenOld(path: string): Promise<void> {
  // Its writer may publish or remove it in between.
  const found = await stat(path).catch(() => undefined);
  if (found !== undefined && found.mtimeMs < Date.now() - LEFTOVER_AGE_MILLISECONDS) await rm(path, { force: true });
}

/** Makes new names in a directory survive a power cut. */
export async function syncDirectory(path: string): Promise<void> {
  const directory = await open(path, "r");
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}
