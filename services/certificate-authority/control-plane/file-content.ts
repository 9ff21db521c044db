import { mkdir, readFile, stat } from "node:fs/promises";
import { dirname } from "node:path";
import { type DurableFileOptions, writeFileDurably } from "../../shared/durable-file.ts";
import { PkiError } from "./pki-error.ts";

const OTHERS = 0o077;
/** Mode of files that hold a private key. */
export const PRIVATE = 0o600;
/** Mode of certificates: programs of other users read them. */
export const PUBLIC = 0o644;
/** Such programs pass through the directories, too. */
const DIRECTORY = 0o755;
/** No certificate, key or kubeconfig is nearly as large. */
const MAXIMUM_BYTES = 1_000_000;

/** @returns undefined when there is no such file. @throws {PkiError} when it cannot be read. */
export async function readContent(path: string): Promise<string | undefined> {
  try {
    const { size } = await stat(path);
    if (size > MAXIMUM_BYTES) throw new PkiError([`${path} has ${size} octets; move it out of the way`]);
    return await readFile(path, "utf8");
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === "ENOENT") return undefined;
    throw cause instanceof PkiError ? cause : new PkiError([`cannot read ${path}: ${message}`]);
  }
}

/** Writes a file whole and durably, and makes its directory when need be. */
export async function writeContent(path: string, content: string, options: DurableFileOptions): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: DIRECTORY });
  await writeFileDurably(path, content, options);
}

/** What is wrong with the mode of a file that holds a key; undefined when only its owner may read it, or nobody can. */
export async function exposureOf(path: string): Promise<string | undefined> {
  const { mode } = await stat(path).catch(() => ({ mode: 0 }));
  if ((mode & OTHERS) === 0) return undefined;
  const octal = (mode & 0o777).toString(8).padStart(4, "0");
  return `${path} holds a key, but its mode ${octal} lets others in; close it with: chmod 600 ${path}`;
}
