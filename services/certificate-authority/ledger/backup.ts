import { existsSync } from "node:fs";
import { fillFileDurably } from "../../shared/durable-file.ts";
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
export async function backUp(file: string, target: string): Promise<BackupResult> {
  if (existsSync(target)) throw existsAlready(target);
  return fillFileDurably(target, { mode: 0o600, existing: "kept" }, async (copy, temporaryPath) => {
    copyInto(file, temporaryPath);
    const revision = checkCopy(temporaryPath);
    return { bytes: (await copy.stat()).size, revision };
  });
}

function copyInto(file: string, copy: string): void {
  const source = openForReading(file);
  try {
    source.prepare("VACUUM INTO ?").run(copy);
  } finally {
    source.close();
  }
}

function checkCopy(path: string): number {
  const copy = openForReading(path);
  try {
    const findings = copy.pragma("quick_check(1)", { simple: true });
    if (findings !== "ok")
      throw new Error(`the copy is not sound: ${String(findings)}; run \`gatehouse ledger verify\``);
    return createChangeLog(copy).head();
  } finally {
    copy.close();
  }
}

function existsAlready(target: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`${target} exists already; name a new file`), { code: "EEXIST" });
}
