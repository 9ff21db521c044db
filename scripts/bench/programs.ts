import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";

/** The file that a command's name stands for; undefined when it is not installed. */
export function findProgram(name: string, directories = process.env["PATH"] ?? ""): string | undefined {
  return directories
    .split(delimiter)
    .map((directory) => join(directory, name))
    .find(isExecutable);
}

function isExecutable(file: string): boolean {
  try {
    accessSync(file, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
