import { closeSync, fsyncSync, openSync, renameSync, rmSync, writeSync } from "node:fs";
import { dirname } from "node:path";

/**
 * Puts `data` at `path`, durably and whole: a reader, or a crash at any instant, finds the old file or the new one.
 *
 * @param mode - permissions of the file, for example 0o600 for secrets.
 * @throws the file system's error, naming the path; the old file is then untouched.
 */
export function writeFileAtomically(path: string, data: string | Uint8Array, mode: number): void {
  const temporary = `${path}.tmp-${process.pid}`;
  const bytes = typeof data === "string" ? Buffer.from(data) : data;
  rmSync(temporary, { force: true });
  const file = openSync(temporary, "wx", mode);
  try {
    for (let written = 0; written < bytes.length; ) written += writeSync(file, bytes, written);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(temporary, path);
  syncDirectory(dirname(path));
}

/** Makes renames and new names in a directory durable. */
export function syncDirectory(path: string): void {
  const directory = openSync(path, "r");
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}
