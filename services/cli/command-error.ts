/** The command line was wrong. */
export const EXIT_USAGE = 2;
/** The command line was right and the work failed. */
export const EXIT_FAILURE = 1;

/** A failure to be told in words: what happened, and what to do next. Everything else that is thrown is a defect. */
export class CommandError extends Error {
  override readonly name = "CommandError";
  readonly hint: string | undefined;
  readonly exitCode: number;

  constructor(message: string, hint?: string, options: ErrorOptions & { readonly exitCode?: number } = {}) {
    super(message, options);
    this.hint = hint;
    this.exitCode = options.exitCode ?? EXIT_FAILURE;
  }
}

export function usageError(message: string, hint?: string): CommandError {
  return new CommandError(message, hint, { exitCode: EXIT_USAGE });
}

/** `message` of whatever was thrown; by shape, since errors of Node itself may be of another realm. */
export function messageOf(error: unknown): string {
  const message = (error as Partial<Error> | null | undefined)?.message;
  return typeof message === "string" ? message : String(error);
}
