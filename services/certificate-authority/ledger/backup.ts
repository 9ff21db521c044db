import { randomBytes } from "node:crypto";
import { closeSync, existsSync, fsyncSync, linkSync, openSync, rmSync, statSync, unlinkSync } from "node:fs";
import { dirname } from "node:path";
import { createChangeLog } from "./change-log.ts";
import { openForReading } from "./connection.ts";

export interface BackupResult {
  readonly bytes: number;
  readonly revision: number;
}

/**
 * Writes a consistent copy of the ledger to `target`, mode 0600, with everything committed before the call; writers go
 * on meanwhile. The copy is checked and flushed under a temporary name first, so that `target` is whole or absent.
 *
 * @throws when `target` exists (`EEXIST`), when its directory does not take the file, or when the copy is not sound.
 */
export function backUp(file: string, target: string): BackupResult {
  if (existsSync(target)) throw existsAlready(target);
  const partial = `${target}.partial-${randomBytes(6).toString("hex")}`;
  closeSync(openSync(partial, "wx", 0o600));
  try {
    copyInto(file, partial);
    const revision = checkCopy(partial);
    const { bytes } = flush(partial);
    publish(partial, target);
    return { bytes, revision };
  } finally {
    for (const suffix of ["", "-journal", "-wal", "-shm"]) rmSync(`${partial}${suffix}`, { force: true });
  }
}

function copyInto(file: string, partial: string): void {
  const source = openForReading(file);
  try {
    source.prepare("VACUUM INTO ?").run(partial);
  } finally {
    source.close();
  }
}

function checkCopy(partial: string): number {
  const copy = openForReading(partial);
  try {
    const findings = copy.pragma("quick_check(1)", { simple: true });
    if (findings !== "ok")
      throw new Error(`the copy is not sound: ${String(findings)}; run \`gatehouse ledger verify\``);
    return createChangeLog(copy).head();
  } finally {
    copy.close();
  }
}

function flush(path: string): { readonly bytes: number } {
  const descriptor = openSync(path, "r+");
  try {
    fsyncSync(descriptor);
    return { bytes: statSync(path).size };
  } finally {
    closeSync(descriptor);
  }
}

/** A hard link, unlike a rename, never replaces what another process put there meanwhile. */
function publish(partial: string, target: string): void {
  linkSync(partial, target);
  unlinkSync(partial);
  const directory = openSync(dirname(target), "r");
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}

function existsAlready(target: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${target} exists already; name a new file`), { code: "EEXIST" });
}
