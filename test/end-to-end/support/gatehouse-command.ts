import { spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { text } from "node:stream/consumers";

/** The built command. */
export const COMMAND_ENTRY = join(import.meta.dirname, "..", "..", "..", "dist", "cli", "gatehouse.js");

export interface CommandOutcome {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** The built command as a process of its own, as people run it. */
export function startCommand(kubeconfig: string, args: readonly string[]) {
  const { KUBECONFIG: _, ...environment } = process.env;
  return spawn(process.execPath, [COMMAND_ENTRY, ...args], {
    env: { ...environment, NODE_OPTIONS: "", GATEHOUSE_KUBECONFIG: kubeconfig },
    stdio: ["ignore", "pipe", "pipe"],
  });
}

export async function runCommand(kubeconfig: string, args: readonly string[]): Promise<CommandOutcome> {
  const child = startCommand(kubeconfig, args);
  const output = Promise.all([text(child.stdout), text(child.stderr)]);
  const [code] = (await once(child, "exit")) as [number | null];
  const [stdout, stderr] = await output;
  return { code, stdout, stderr };
}
