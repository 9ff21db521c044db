import { writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { CommandError, messageOf } from "./command-error.ts";
import type { Terminal } from "./terminal.ts";

/** Writes text to the file of `--output`, or to standard output without one. @throws {CommandError} */
export function deliver(text: string, output: string | undefined, { stdout, workingDirectory }: Terminal): void {
  if (output === undefined) {
    stdout.write(text);
    return;
  }
  try {
    writeFileSync(resolve(workingDirectory, output), text);
  } catch (cause) {
    throw new CommandError(`cannot write ${output}: ${messageOf(cause)}`, undefined, { cause });
  }
}
