import { join } from "node:path";
import { ServerProcess } from "./server-process.ts";

/** The command as it stands in the sources; nothing has to be built for it. */
export const SOURCE_COMMAND = join(import.meta.dirname, "..", "..", "..", "services", "cli", "gatehouse.ts");
/** A large ledger is looked through at a start. */
const READY_MILLISECONDS = 120_000;

/**
 * Runs a command of Gatehouse that serves; `announced` is its address.
 *
 * @param args - the command and its options, such as `serve --listen 127.0.0.1:0`.
 * @throws {Error} with what it wrote when it is not ready in time.
 */
export function startFromSource(...args: readonly string[]): Promise<ServerProcess> {
  return ServerProcess.start({
    command: process.execPath,
    args: ["--disable-warning=ExperimentalWarning", SOURCE_COMMAND, ...args],
    ready: /^gatehouse ready (https:\S+)$/m,
    readyWithinMilliseconds: READY_MILLISECONDS,
  });
}
