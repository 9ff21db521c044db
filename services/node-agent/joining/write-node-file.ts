import { mkdir } from "node:fs/promises";
import { dirname } from "node:path";
import { removeLeftovers, writeFileDurably } from "../../shared/durable-file.ts";
import { AgentError } from "../agent-error.ts";

const PRIVATE = 0o600;
/** As kubelets make their directories. */
const OPEN = 0o755;

/**
 * Puts a file at `path`, whole and for its owner alone; its directory is made where it is missing, and what killed runs
 * left in it is removed.
 *
 * @throws {AgentError} `unusable`
 */
export async function writeNodeFile(path: string, content: string): Promise<void> {
  await prepareDirectory(dirname(path));
  await inWords(path, () => writeFileDurably(path, content, { mode: PRIVATE, existing: "replaced" }));
}

/** @throws {AgentError} `unusable` */
export async function prepareDirectory(directory: string): Promise<void> {
  await inWords(directory, async () => {
    await mkdir(directory, { recursive: true, mode: OPEN });
    await removeLeftovers(directory);
  });
}

/** @throws {AgentError} `unusable` instead of the file system's errors. */
export async function inWords<T>(path: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (cause) {
    const { code = "", message } = cause as NodeJS.ErrnoException;
    const isOthers = code === "EACCES" || code === "EPERM" || code === "EROFS";
    const hint = isOthers ? "Run it as root, or name other places (see --help)." : "Correct what the message names.";
    throw new AgentError("unusable", `cannot write ${path}: ${message}`, { cause, hint });
  }
}
