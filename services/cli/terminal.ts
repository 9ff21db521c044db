import { homedir } from "node:os";
import { type Clock, systemClock } from "../shared/clock.ts";
import { escapeUnprintable } from "../shared/unprintable.ts";

export interface Sink {
  write(text: string): unknown;
  readonly isTTY?: boolean;
}

/** What a command sees of the world; tests put their own in its place. */
export interface Terminal {
  /** What the command is asked for, and nothing else: it may be a pipe. */
  readonly stdout: Sink;
  /** Everything for people: errors, notices, progress. */
  readonly stderr: Sink;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly workingDirectory: string;
  readonly homeDirectory: string;
  readonly clock: Clock;
  /** Ends what would go on for ever (`--watch`). */
  readonly signal: AbortSignal;
}

export function processTerminal(signal: AbortSignal): Terminal {
  return {
    stdout: process.stdout,
    stderr: process.stderr,
    environment: process.env,
    workingDirectory: process.cwd(),
    homeDirectory: homedir(),
    clock: systemClock,
    signal,
  };
}

/**
 * Text that is safe to print: characters by which a name could move the cursor or fake output become `\u001b` and the
 * like.
 */
export function printable(text: string): string {
  return escapeUnprintable(text);
}
