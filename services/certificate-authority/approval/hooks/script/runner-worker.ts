import { type Begun, type Run, runOnce } from "./run-once.ts";
import type { FromRunner, Program, ToRunner } from "./runner-messages.ts";
import { signalGroup } from "./signal-group.ts";
import { createStandingPrograms } from "./standing-programs.ts";

/**
 * The process that starts programs, so that nothing else has to: starting one copies the page tables of whoever does,
 * which takes milliseconds of a small process and tens of milliseconds of a server that holds much memory. It knows
 * nothing but the programs and what they are told. It lives as long as the channel to the server: whatever ends the
 * server, no program survives it.
 */
const runs = new Map<number, Run>();
let starter: { run(input: string, begun: Begun): Run; kill(): void } | undefined;

function starterOf(program: Program): typeof starter {
  if (program.mode === "server") return createStandingPrograms(program);
  const kill = (): void => {
    for (const { pid } of runs.values()) signalGroup(pid, "SIGKILL");
  };
  return { run: (input, begun) => runOnce(program, input, begun), kill };
}

function begin(id: number, input: string): void {
  if (starter === undefined) return;
  // The server knows of every program that was told anything. When we are killed before, it reads of no request at all.
  const run = starter.run(input, (pid) => tell({ kind: "begun", id, pid }));
  runs.set(id, run);
  void run.end.then((end) => {
    runs.delete(id);
    tell({ kind: "ended", id, end });
  });
}

/** The channel may be gone, and with it everybody who wants to know. */
function tell(message: FromRunner): void {
  if (process.connected) process.send?.(message);
}

process.on("message", (message: ToRunner) => {
  if (message.kind === "program") starter = starterOf(message.program);
  else if (message.kind === "run") begin(message.id, message.input);
  else runs.get(message.id)?.stop();
});
process.once("disconnect", () => {
  starter?.kill();
  process.exit(0);
});
// Signals to all processes at once, by a terminal or a service manager, are the server's business: it says when to end.
for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => undefined);
