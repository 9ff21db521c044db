import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { CommandError, messageOf, usageError } from "./command-error.ts";
import { type Connection, loadConnection } from "./kubeconfig.ts";
import type { RenewalOptions } from "./node-agent.ts";
import type { Terminal } from "./terminal.ts";

/** The options by which commands of hosts say where the server is. */
export interface ServerOptions {
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly server?: string;
  readonly ca?: string;
  readonly tlsServerName?: string;
}

/** The server of `--kubeconfig`, or of `--server`. @throws {CommandError} unless exactly one is given and trusted. */
export function namedServer(options: ServerOptions, terminal: Terminal): RenewalOptions["server"] {
  const { kubeconfig, server, ca, tlsServerName } = options;
  if ((kubeconfig === undefined) === (server === undefined)) {
    throw usageError("where the server is, is not clear", "Give either --kubeconfig or --server.");
  }
  if (server === undefined) {
    const { server: url, caPem, tlsServerName: serverName } = trustedConnection(options, terminal);
    return { url, caPem, serverName };
  }
  if (!URL.canParse(server) || new URL(server).protocol !== "https:") {
    throw usageError(`--server ${server} is no https URL`, "For example https://10.0.0.1:6443.");
  }
  const caPem = ca === undefined ? undefined : readOptionFile(resolve(terminal.workingDirectory, ca), "--ca");
  return { url: new URL(server), caPem, serverName: tlsServerName };
}

/** What the kubeconfig says. @throws {CommandError} when it would let anybody be the server. */
export function trustedConnection(
  { kubeconfig, context }: Pick<ServerOptions, "kubeconfig" | "context">,
  terminal: Terminal,
): Connection {
  const connection = loadConnection({ kubeconfig, context }, terminal);
  if (!connection.skipsVerification) return connection;
  throw new CommandError(`${connection.source} does not verify the server`, "A certificate of it would prove nothing.");
}

/** The text of a file that an option names. @throws {CommandError} */
export function readOptionFile(file: string, option: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (cause) {
    throw new CommandError(`${option}: cannot read ${file}: ${messageOf(cause)}`, undefined, { cause });
  }
}
