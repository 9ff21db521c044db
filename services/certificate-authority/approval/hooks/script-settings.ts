import { z } from "zod";

const variableName = z.string().regex(/^[A-Za-z_][A-Za-z0-9_]{0,127}$/, "must be the name of an environment variable");
const text = (maximum: number) =>
  z
    .string()
    .max(maximum)
    .regex(/^[^\0]*$/, "must hold no NUL");

/** What a hook of kind `script` is told besides what every hook outside is told. */
export const scriptShape = {
  /** The program and its arguments; run as they stand, without a shell. A path is relative to the configuration file. */
  command: z.tuple([text(4096).min(1)], text(4096)).refine((words) => words.length <= 64, "must be at most 64 words"),
  /** Runs as this user of /etc/passwd, or this number; only when we are root. */
  user: z.string().min(1).max(64).optional(),
  /** Group of /etc/group, or its number; the user's own when absent. */
  group: z.string().min(1).max(64).optional(),
  /** The program's environment is PATH and what stands here. */
  environment: z
    .strictObject({
      /** Variables that are handed on from our own environment. */
      pass: z.array(variableName).max(64).default([]),
      set: z.record(variableName, text(8192)).default({}),
    })
    .prefault({}),
  workingDirectory: z.string().min(1).max(4096).default("/"),
  /** How much the program may write to standard output for one answer. */
  outputLimitBytes: z.int().min(256).max(1_048_576).default(65_536),
  /** `once`: a process a request. `server`: processes that stay and answer one line of JSON for each line they read. */
  mode: z.enum(["once", "server"]).default("once"),
  /** Less safe: the program may be one that others than root and its owner can change. */
  allowWritableProgram: z.boolean().default(false),
};

const scriptSchema = z.strictObject(scriptShape);

export type ScriptSettings = z.infer<typeof scriptSchema>;

/** @param absolute - resolves a path of the configuration file. */
export function resolveScriptPaths<T extends Omit<ScriptSettings, "mode">>(
  settings: T,
  absolute: (path: string) => string,
): T {
  const [program, ...args] = settings.command;
  return { ...settings, command: [absolute(program), ...args], workingDirectory: absolute(settings.workingDirectory) };
}
