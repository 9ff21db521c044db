import { CommandError } from "./command-error.ts";

const DEFECTS = new Set(["TypeError", "ReferenceError", "RangeError", "SyntaxError"]);

/** What a room refuses names its own way out; only a defect keeps its stack. */
export function explain(error: unknown): never {
  const { name = "", message } = error as Partial<Error>;
  if (message === undefined || DEFECTS.has(name)) throw error;
  throw new CommandError(message, undefined, { cause: error });
}
