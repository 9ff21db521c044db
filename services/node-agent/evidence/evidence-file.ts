import { readFile, stat } from "node:fs/promises";
import { AgentError } from "../agent-error.ts";

const LARGEST_BYTES = 1024 * 1024;

/** The content of a file that evidence is made of. @throws {AgentError} `unusable` */
export async function readEvidenceFile(path: string): Promise<Buffer> {
  try {
    const { size } = await stat(path);
    if (size > LARGEST_BYTES) throw new Error(`it has ${size} bytes`);
    return await readFile(path);
  } catch (cause) {
    throw new AgentError("unusable", `cannot read ${path}: ${(cause as Error).message}`, { cause });
  }
}
