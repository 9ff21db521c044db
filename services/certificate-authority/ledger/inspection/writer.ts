import { readdirSync, readFileSync, readlinkSync, realpathSync, statSync } from "node:fs";

/** Who has a ledger open for writing, as far as the system tells. */
export type WriterState =
  | { readonly kind: "nobody" }
  | { readonly kind: "process"; readonly pid: number; readonly command: string }
  | { readonly kind: "untold"; readonly reason: string };

const UNTOLD: WriterState = { kind: "untold", reason: "this system does not list who holds locks (/proc/locks)" };

/**
 * Finds the process that holds the writer lock, without trying the lock: a server that starts at this moment must get it.
 *
 * @param file - the ledger; its lock is on `<file>-lock`.
 * Source: Linux proc_locks(5).
 */
export function findWriter(file: string): WriterState {
  const locks = readOptional("/proc/locks");
  if (locks === undefined) return UNTOLD;
  const lockFile = `${file}-lock`;
  const found = statSync(lockFile, { throwIfNoEntry: false });
  if (found === undefined) return { kind: "nobody" };
  const pids = locks.split("\n").flatMap((line) => holderOf(line, found.ino) ?? []);
  const pid = pids.find((candidate) => hasOpen(candidate, realpathSync(lockFile)) ?? true);
  return pid === undefined ? { kind: "nobody" } : { kind: "process", pid, command: commandOf(pid) };
}

/** `1: POSIX  ADVISORY  WRITE 4242 fe:00:131 0 EOF`. File systems with subvolumes show another device than stat does. */
function holderOf(line: string, inode: number): number | undefined {
  const [, , , access, pid, place] = line.trim().split(/\s+/);
  if (access !== "WRITE" || place?.split(":")[2] !== String(inode)) return undefined;
  return Number(pid);
}

/** Whether a process has the file open; undefined when we may not know. */
function hasOpen(pid: number, path: string): boolean | undefined {
  try {
    return readdirSync(`/proc/${pid}/fd`).some((descriptor) => linkOf(`/proc/${pid}/fd/${descriptor}`) === path);
  } catch {
    return undefined;
  }
}

function linkOf(path: string): string | undefined {
  try {
    return readlinkSync(path);
  } catch {
    return undefined;
  }
}

function commandOf(pid: number): string {
  return readOptional(`/proc/${pid}/comm`)?.trim() ?? "unknown";
}

function readOptional(path: string): string | undefined {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return undefined;
  }
}
