import { type ChildProcessByStdio, spawn } from "node:child_process";
import type { Readable, Writable } from "node:stream";
import type { Program } from "./runner-messages.ts";
import { signalGroup } from "./signal-group.ts";

export type ProgramProcess = ChildProcessByStdio<Writable, Readable, Readable>;

/** Starts the program as the leader of a session and process group of its own. @throws {Error} when it cannot be started. */
export function startProgram({ file, args, workingDirectory, environment, identity }: Program): ProgramProcess {
  const child = spawn(file, [...args], {
    cwd: workingDirectory,
    env: environment,
    // A group of its own, so that what it starts itself can be ended with it.
    detached: true,
    stdio: ["pipe", "pipe", "pipe"],
    // Node drops all further groups when it changes the user.
    ...identity,
  });
  // Programs may decide without reading what they are told.
  child.stdin.on("error", () => undefined);
  return child;
}

const GRACE_MILLISECONDS = 2000;

/** Asks a program to end, and ends it when it does not. */
export function endGroup(child: ProgramProcess): void {
  signalGroup(child.pid, "SIGTERM");
  const overdue = setTimeout(() => signalGroup(child.pid, "SIGKILL"), GRACE_MILLISECONDS);
  child.once("exit", () => clearTimeout(overdue));
}
