import { randomBytes } from "node:crypto";
import { statSync } from "node:fs";
import { chmod, link, mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { basename, dirname, join } from "node:path";
import { syncDirectory } from "../../shared/atomic-file.ts";
import { CustodyError } from "./custody-error.ts";

const OTHERS = 0o077;
/** What a crash between writing and renaming leaves behind. */
const LEFTOVER = /^\..+\.[0-9a-f]{16}\.tmp$/;
/** Younger ones may belong to another process that is starting right now. */
const LEFTOVER_AGE_MILLISECONDS = 60_000;

/** Makes the directory with mode 0700, or takes away what others may do in one of our own; clears leftovers of a crash. */
export async function preparePrivateDirectory(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const { mode, uid } = await stat(directory);
  if (isOurs(uid) && (mode & OTHERS) !== 0) await chmod(directory, 0o700);
  const leftovers = (await readdir(directory)).filter((name) => LEFTOVER.test(name));
  await Promise.all(leftovers.map((name) => removeWhenOld(join(directory, name))));
}

async function removeWhenOld(path: string): Promise<void> {
  const { mtimeMs } = statSync(path, { throwIfNoEntry: false }) ?? { mtimeMs: Number.POSITIVE_INFINITY };
  if (mtimeMs < Date.now() - LEFTOVER_AGE_MILLISECONDS) await rm(path, { force: true });
}

/**
 * Writes a file of mode 0600 so that after a crash at any moment either the old content is there or the new one.
 * Resolves when it is durable: the content first, then the directory entry.
 *
 * @throws the system's EEXIST when `mode` is `create` and the file is there; it is left as it is.
 */
export async function writePrivateFile(
  path: string,
  content: Uint8Array | string,
  mode: "create" | "replace",
): Promise<void> {
  const temporary = join(dirname(path), `.${basename(path)}.${randomBytes(8).toString("hex")}.tmp`);
  try {
    const file = await open(temporary, "wx", 0o600);
    try {
      await file.writeFile(content);
      await file.sync();
    } finally {
      await file.close();
    }
    // A rename would replace a file that another process made meanwhile; a link refuses.
    if (mode === "create") await link(temporary, path);
    else await rename(temporary, path);
  } finally {
    await rm(temporary, { force: true });
  }
  syncDirectory(dirname(path));
}

/**
 * Reads a secret file, or undefined when it does not exist.
 *
 * @throws {CustodyError} InsecurePermissions when others may touch it; FileUnreadable.
 */
export async function readPrivateFile(path: string): Promise<Buffer | undefined> {
  const content = await readOptionalFile(path);
  const exposure = content === undefined ? undefined : await exposureOf(path);
  if (exposure !== undefined) throw new CustodyError("InsecurePermissions", exposure);
  return content;
}

/**
 * What is wrong with the mode of a secret file of ours, with the way out. A file that someone else owns, such as a
 * mounted secret, is theirs to protect.
 *
 * @returns undefined when nothing is wrong.
 */
export async function exposureOf(path: string): Promise<string | undefined> {
  const { mode, uid } = await stat(path);
  if (!isOurs(uid) || (mode & OTHERS) === 0) return undefined;
  const octal = (mode & 0o777).toString(8).padStart(4, "0");
  return `${path} holds a key, but its mode ${octal} lets others in; close it with: chmod 600 ${path}`;
}

/**
 * @returns undefined when the file does not exist.
 * @throws {CustodyError} FileUnreadable.
 */
export async function readOptionalFile(path: string): Promise<Buffer | undefined> {
  try {
    return await readFile(path);
  } catch (cause) {
    if (errorCode(cause) === "ENOENT") return undefined;
    throw new CustodyError("FileUnreadable", `cannot read ${path}: ${(cause as Error).message}`, { cause });
  }
}

/** The system's error code, such as ENOENT; undefined for other errors. */
export function errorCode(error: unknown): string | undefined {
  const { code } = Object(error) as { code?: unknown };
  return typeof code === "string" ? code : undefined;
}

function isOurs(uid: number): boolean {
  return uid === process.getuid?.();
}
