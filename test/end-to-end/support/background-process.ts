import { spawn } from "node:child_process";
import { once } from "node:events";

/** A program that runs until it is stopped. */
export interface BackgroundProcess {
  readonly pid: number;
  /** Everything it printed so far, on either stream. */
  output(): string;
  /** Whether it has ended by itself. */
  hasEnded(): boolean;
  /** Sends SIGTERM, after ten seconds SIGKILL, and resolves when it is gone. */
  stop(): Promise<void>;
}

const STOP_LIMIT_MILLISECONDS = 10_000;

export function startBackground(path: string, args: readonly string[]): BackgroundProcess {
  const child = spawn(path, args, { stdio: ["ignore", "pipe", "pipe"] });
  const printed: string[] = [];
  for (const stream of [child.stdout, child.stderr]) {
    stream.setEncoding("utf8").on("data", (chunk: string) => printed.push(chunk));
  }
  const ended = once(child, "exit");
  const hasEnded = (): boolean => child.exitCode !== null || child.signalCode !== null;
  return {
    pid: child.pid ?? 0,
    output: () => printed.join(""),
    hasEnded,
    stop: async () => {
      if (hasEnded()) return;
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), STOP_LIMIT_MILLISECONDS);
      await ended;
      clearTimeout(timer);
    },
  };
}

/**
 * Asks every 100 ms until the answer is yes.
 *
 * @throws {Error} with what the process printed, when it ends or 60 seconds pass before.
 */
export async function waitUntil(what: string, process: BackgroundProcess, isSo: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 60_000;
  while (!(await isSo().catch(() => false))) {
    if (process.hasEnded() || Date.now() > deadline) {
      throw new Error(`${what} did not happen; the process printed:\n${process.output().slice(-4000)}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}
