import { collectComplaint, decodeStrictly } from "./collected-output.ts";
import { endGroup, type ProgramProcess, startProgram } from "./process-group.ts";
import { type Begun, notStarted, type Run } from "./run-once.ts";
import type { Program, RunEnd } from "./runner-messages.ts";
import { signalGroup } from "./signal-group.ts";

const NEWLINE = 0x0a;

/** A process that stays, and the request it is being asked about. */
interface Standing {
  readonly child: ProgramProcess;
  readonly complaint: { take(): string };
  answer: { readonly chunks: Buffer[]; size: number; readonly settle: (end: RunEnd) => void } | undefined;
  problem: string | undefined;
}

export interface StandingPrograms {
  /** Asks a process that has nothing to do, or a new one. */
  run(input: string, begun: Begun): Run;
  kill(): void;
}

/**
 * Programs that stay. Each is asked about one request at a time: a line to its standard input, a line from its standard
 * output. One that ends is replaced when it is needed; one that speaks unasked, or says more than a line, is ended, since
 * nobody can tell any more which request it speaks of.
 */
export function createStandingPrograms(program: Program): StandingPrograms {
  const all = new Set<Standing>();
  const idle: Standing[] = [];

  function start(): Standing {
    const child = startProgram(program);
    const standing: Standing = {
      child,
      complaint: collectComplaint(child.stderr),
      answer: undefined,
      problem: undefined,
    };
    all.add(standing);
    child.stdout.on("error", () => undefined);
    child.stdout.on("data", (chunk: Buffer) => hear(standing, chunk));
    child.once("error", (error) => {
      if (child.pid === undefined) leave(standing, notStarted(error));
    });
    child.once("exit", (exitCode, signal) => {
      signalGroup(child.pid, "SIGKILL");
      const problem = standing.problem ?? "it ended instead of answering";
      leave(standing, { problem, exitCode, signal, output: "", complaint: standing.complaint.take() });
    });
    return standing;
  }

  function hear(standing: Standing, chunk: Buffer): void {
    const { answer } = standing;
    // It is being ended: what it still says comes too late.
    if (standing.problem !== undefined) return;
    if (answer === undefined) {
      dismiss(standing, "it spoke without being asked");
      return;
    }
    const end = chunk.indexOf(NEWLINE);
    answer.size += end < 0 ? chunk.length : end;
    if (answer.size > program.outputLimitBytes)
      dismiss(standing, `it wrote more than ${program.outputLimitBytes} bytes`);
    else if (end < 0) answer.chunks.push(chunk);
    else if (end + 1 < chunk.length) dismiss(standing, "it wrote more than one line");
    else {
      answer.chunks.push(chunk.subarray(0, end));
      standing.answer = undefined;
      idle.push(standing);
      const output = decodeStrictly(Buffer.concat(answer.chunks));
      answer.settle({ exitCode: 0, signal: null, output, complaint: standing.complaint.take() });
    }
  }

  /** Whoever waits for its answer is told when it is gone. */
  function dismiss(standing: Standing, problem: string): void {
    if (standing.problem !== undefined) return;
    standing.problem = problem;
    rest(standing);
    // At once: an idle one that took its time would be one too many beside its successor.
    signalGroup(standing.child.pid, "SIGKILL");
  }

  /** The time limit is nobody's fault: it may tidy up. */
  function stop(standing: Standing): void {
    if (standing.problem !== undefined) return;
    standing.problem = "it was ended";
    endGroup(standing.child);
  }

  function rest(standing: Standing): void {
    const place = idle.indexOf(standing);
    if (place >= 0) idle.splice(place, 1);
  }

  function leave(standing: Standing, end: RunEnd): void {
    all.delete(standing);
    rest(standing);
    for (const stream of [standing.child.stdin, standing.child.stdout, standing.child.stderr]) stream.destroy();
    standing.answer?.settle(end);
    standing.answer = undefined;
  }

  return {
    run(input, begun) {
      let standing: Standing;
      try {
        standing = idle.pop() ?? start();
      } catch (error) {
        return { pid: undefined, end: Promise.resolve(notStarted(error)), stop: () => undefined };
      }
      const end = new Promise<RunEnd>((settle) => {
        standing.answer = { chunks: [], size: 0, settle };
      });
      const { pid } = standing.child;
      if (pid !== undefined) begun(pid);
      standing.child.stdin.write(input);
      return { pid, end, stop: () => stop(standing) };
    },
    kill() {
      for (const { child } of all) signalGroup(child.pid, "SIGKILL");
    },
  };
}
