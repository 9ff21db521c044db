import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { extname } from "node:path";
import { fileURLToPath } from "node:url";
import type { FromRunner, Program, RunEnd, ToRunner } from "./runner-messages.ts";
import { signalGroup } from "./signal-group.ts";

const RUNNER_FILE = fileURLToPath(new URL(`./runner-worker${extname(import.meta.filename)}`, import.meta.url));

/** A process that cannot even start is tried again no more often than this. */
const RESTART_MILLISECONDS = 1000;
const EXIT_MILLISECONDS = 2000;

/** Runs a program for one request after the other, or for several at once. */
export interface Runner {
  /**
   * @param signal - ends the program with all that it started.
   * @throws {Error} when the signal came, or the process that starts programs has ended.
   */
  run(input: string, signal?: AbortSignal): Promise<RunEnd>;
  /** Ends every program at once. */
  close(): Promise<void>;
}

interface Waiting {
  /** Of the program, once it runs. */
  pid: number | undefined;
  readonly resolve: (end: RunEnd) => void;
  readonly reject: (error: Error) => void;
}

/** @param file - what runs as the helper: what `runner-worker.ts` is. */
export function createRunner(program: Program, file = RUNNER_FILE): Runner {
  const waiting = new Map<number, Waiting>();
  let helper: ChildProcess | undefined;
  let startedAt = Number.NEGATIVE_INFINITY;
  let lastId = 0;
  let isClosed = false;

  function helperProcess(): ChildProcess {
    if (helper !== undefined) return helper;
    if (isClosed) throw new Error("the hook is closed");
    if (performance.now() - startedAt < RESTART_MILLISECONDS) throw new Error(HELPER_ENDED);
    startedAt = performance.now();
    const started = fork(file, [], {
      cwd: "/",
      env: {},
      execArgv: ["--max-old-space-size=128"],
      serialization: "advanced",
      stdio: ["ignore", "ignore", "ignore", "ipc"],
    });
    helper = started;
    started.on("message", hear);
    const forget = (): void => {
      if (helper !== started) return;
      helper = undefined;
      abandon();
    };
    // What it said before its end is still to be heard.
    started.once("exit", () => (started.connected ? started.once("disconnect", forget) : forget()));
    started.once("error", forget);
    started.unref();
    send(started, { kind: "program", program });
    return started;
  }

  function hear(message: FromRunner): void {
    const run = waiting.get(message.id);
    if (message.kind === "ended") settle(message.id, ({ resolve }) => resolve(message.end));
    else if (run !== undefined) run.pid = message.pid;
  }

  /** Nobody but us knows of the programs that ran when the helper is gone. */
  function abandon(): void {
    for (const [id, { pid }] of [...waiting]) {
      signalGroup(pid, "SIGKILL");
      settle(id, ({ reject }) => reject(new Error(HELPER_ENDED)));
    }
  }

  function settle(id: number, tell: (run: Waiting) => void): void {
    const run = waiting.get(id);
    waiting.delete(id);
    // Nothing keeps us from ending when no answer is waited for.
    if (waiting.size === 0) helper?.channel?.unref();
    if (run !== undefined) tell(run);
  }

  return {
    async run(input, signal) {
      signal?.throwIfAborted();
      const child = helperProcess();
      lastId += 1;
      const id = lastId;
      const ended = new Promise<RunEnd>((resolve, reject) => waiting.set(id, { pid: undefined, resolve, reject }));
      child.channel?.ref();
      send(child, { kind: "run", id, input });
      const stop = (): void => send(child, { kind: "stop", id });
      signal?.addEventListener("abort", stop, { once: true });
      try {
        const end = await ended;
        signal?.throwIfAborted();
        return end;
      } finally {
        signal?.removeEventListener("abort", stop);
      }
    },
    async close() {
      isClosed = true;
      const child = helper;
      if (child === undefined) return;
      child.ref();
      const gone = once(child, "exit");
      if (child.connected) child.disconnect();
      const overdue = setTimeout(() => child.kill("SIGKILL"), EXIT_MILLISECONDS);
      await gone;
      clearTimeout(overdue);
    },
  };
}

const HELPER_ENDED = "the process that starts the program has ended";

function send(child: ChildProcess, message: ToRunner): void {
  // A channel that is gone is noticed as the process's end.
  if (child.connected) child.send(message, () => undefined);
}
