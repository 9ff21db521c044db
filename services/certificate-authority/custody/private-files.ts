import { chmod, mkdir, readFile, stat } from "node:fs/promises";
import { removeLeftovers } from "../../shared/durable-file.ts";
import { CustodyError } from "./custody-error.ts";

const OTHERS = 0o077;
/** Mode of every file in the directory of keys. */
export const PRIVATE = 0o600;

/** Makes the directory with mode 0700, or takes away what others may do in one of our own; clears leftovers of a crash. */
export async function preparePrivateDirectory(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 });
  const { mode, uid } = await stat(directory);
  if (isOurs(uid) && (mode & OTHERS) !== 0) await chmod(directory, 0o700);
  await removeLeftovers(directory);
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
