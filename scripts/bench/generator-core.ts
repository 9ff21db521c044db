import { execFileSync } from "node:child_process";
import { availableParallelism } from "node:os";
import type { Tools } from "./bench-context.ts";
import type { LoadClient } from "./load/load-client.ts";

/** Where a server runs that gets one core. */
export const SERVER_CORE = 0;

/**
 * Keeps the load generator on the last core, where the system allows it: no server is then moved about by it, and a
 * server that is held to the first core has that one to itself. Servers that are not held may use every core.
 *
 * @returns how it is now.
 */
export function keepGeneratorApart({ taskset }: Tools, load: LoadClient): string {
  const cores = availableParallelism();
  if (taskset === undefined || cores < 2) return "clients: wherever the system runs them";
  try {
    execFileSync(taskset, ["-a", "-c", "-p", String(cores - 1), String(load.pid)], { stdio: "ignore" });
    return `clients: on core ${cores - 1}`;
  } catch {
    return "clients: wherever the system runs them";
  }
}
