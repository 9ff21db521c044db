/** A program that is ready to be run: everything looked up and checked. */
export interface Program {
  readonly file: string;
  readonly args: readonly string[];
  readonly workingDirectory: string;
  readonly environment: Readonly<Record<string, string>>;
  /** Undefined runs it as whom we run. */
  readonly identity: { readonly uid: number; readonly gid: number } | undefined;
  readonly outputLimitBytes: number;
  readonly mode: "once" | "server";
}

/** How a run ended. */
export interface RunEnd {
  /** Why there is nothing to be read; undefined when the program ended, or answered, by itself. */
  readonly problem?: string;
  /** Null when a signal ended it; 0 for each answer of a program that stays. */
  readonly exitCode: number | null;
  readonly signal: string | null;
  /** Undefined when it is no UTF-8. */
  readonly output: string | undefined;
  /** The end of what it wrote to standard error, made printable. */
  readonly complaint: string;
}

/** To the process that starts programs: what it starts, then runs that begin and runs that are broken off. */
export type ToRunner =
  | { readonly kind: "program"; readonly program: Program }
  | { readonly kind: "run"; readonly id: number; readonly input: string }
  | { readonly kind: "stop"; readonly id: number };

/** Tells of the process a run has begun, then how it ended. */
export type FromRunner =
  | { readonly kind: "begun"; readonly id: number; readonly pid: number }
  | { readonly kind: "ended"; readonly id: number; readonly end: RunEnd };
