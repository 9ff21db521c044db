import { collectComplaint, collectOutput } from "./collected-output.ts";
import { endGroup, type ProgramProcess, startProgram } from "./process-group.ts";
import type { Program, RunEnd } from "./runner-messages.ts";
import { signalGroup } from "./signal-group.ts";

/** How long output may still come when the program has ended: whoever left its group may hold the pipe for ever. */
const DRAIN_MILLISECONDS = 500;

export interface Run {
  /** Undefined when it could not be started. */
  readonly pid: number | undefined;
  /** Resolves when the program is gone; never rejects. */
  readonly end: Promise<RunEnd>;
  /** Ends it with all that it started. */
  stop(): void;
}

/** Called with a program's process before it is told the request. */
export type Begun = (pid: number) => void;

/** Runs a program for one request: writes `input` to its standard input and reads what it says until it ends. */
export function runOnce(program: Program, input: string, begun: Begun): Run {
  let child: ProgramProcess;
  try {
    child = startProgram(program);
  } catch (error) {
    return { pid: undefined, end: Promise.resolve(notStarted(error)), stop: () => undefined };
  }
  let problem: string | undefined;
  const output = collectOutput(child.stdout, program.outputLimitBytes, () => {
    problem = `it wrote more than ${program.outputLimitBytes} bytes`;
    endGroup(child);
  });
  const complaint = collectComplaint(child.stderr);
  const end = new Promise<RunEnd>((resolve) => {
    child.once("error", (error) => {
      if (child.pid === undefined) resolve(notStarted(error));
    });
    child.once("exit", (exitCode, signal) => {
      // What it left behind in its group goes with it.
      signalGroup(child.pid, "SIGKILL");
      const settle = (): void => {
        clearTimeout(drained);
        for (const stream of [child.stdin, child.stdout, child.stderr]) stream.destroy();
        const said = { output: output.text(), complaint: complaint.take() };
        resolve({ ...(problem !== undefined && { problem }), exitCode, signal, ...said });
      };
      const drained = setTimeout(settle, DRAIN_MILLISECONDS);
      child.once("close", settle);
    });
  });
  if (child.pid !== undefined) begun(child.pid);
  child.stdin.end(input);
  return { pid: child.pid, end, stop: () => endGroup(child) };
}

/** The error's own text may hold arguments; its code is enough. */
export function notStarted(error: unknown): RunEnd {
  const { code } = error as NodeJS.ErrnoException;
  return {
    problem: `it cannot be started (${code ?? "unknown error"})`,
    exitCode: null,
    signal: null,
    output: "",
    complaint: "",
  };
}
