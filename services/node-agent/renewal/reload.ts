import { spawn } from "node:child_process";
import { once } from "node:events";
import { AgentError } from "../agent-error.ts";

const LIMIT_MILLISECONDS = 60_000;

/**
 * Runs a command as it is given, without a shell; what it prints is ours. It is ended when it takes longer than a minute.
 *
 * @throws {AgentError} `reload`
 */
export async function reload([program = "", ...rest]: readonly string[]): Promise<void> {
  const child = spawn(program, rest, { stdio: ["ignore", "inherit", "inherit"], timeout: LIMIT_MILLISECONDS });
  const [code, signal] = await (once(child, "exit") as Promise<[number | null, string | null]>).catch(
    (cause: unknown) => {
      throw new AgentError("reload", `the certificate is renewed, but ${program} could not be run`, { cause });
    },
  );
  if (code === 0) return;
  const how = code === null ? `was ended by ${signal}` : `ended with ${code}`;
  throw new AgentError("reload", `the certificate is renewed, but ${program} ${how}`);
}
