import { type Command, InvalidArgumentError, Option } from "commander";
import { parseDuration } from "../shared/duration.ts";
import { type ApiClient, createApiClient } from "./api-client.ts";
import { loadConnection } from "./kubeconfig.ts";
import { FORMATS, type Format } from "./output.ts";
import type { Terminal } from "./terminal.ts";

const DEFAULT_TIMEOUT_SECONDS = 30;

/** The options every command that talks to a server has. */
export interface ConnectionOptions {
  readonly kubeconfig?: string;
  readonly context?: string;
  /** Whole seconds. */
  readonly requestTimeout?: number;
}

export interface FormatOptions {
  readonly format: Format;
}

export function withConnection(command: Command): Command {
  return command
    .option(
      "--kubeconfig <file>",
      "how to reach the server (default: $GATEHOUSE_KUBECONFIG, data/admin.kubeconfig, $KUBECONFIG, ~/.kube/config)",
    )
    .option("--context <name>", "context of the kubeconfig (default: its current-context)")
    .option(
      "--request-timeout <duration>",
      `how long to wait for an answer, e.g. 10s (default: ${DEFAULT_TIMEOUT_SECONDS}s)`,
      parseSeconds,
    );
}

export function withFormat(command: Command): Command {
  return command.addOption(
    new Option("-o, --format <format>", "what to print").choices([...FORMATS]).default("table" satisfies Format),
  );
}

export function withExamples(command: Command, examples: readonly string[]): Command {
  return command.addHelpText("after", `\nExamples:\n${examples.map((example) => `  ${example}\n`).join("")}`);
}

/** An option's duration as whole seconds, at least one. */
export function parseSeconds(text: string): number {
  const seconds = parseDuration(text);
  if (seconds === undefined || seconds < 1) {
    throw new InvalidArgumentError("Give a duration such as 90s, 15m, 24h or 7d.");
  }
  return seconds;
}

/** An option's count; 0 stands for all. */
export function parseCount(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError("Give a whole number; 0 shows all.");
  return Number(text);
}

/** `--cert-dir` of `certDir`: how people write the option that commander calls so. */
export function flagOf(name: string): string {
  return `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

/** An option that may be given several times. */
export function collect(value: string, before: readonly string[] = []): readonly string[] {
  return [...before, value];
}

/** Runs `work` with a client and closes the client whatever happens. */
export async function withClient<T>(
  terminal: Terminal,
  options: ConnectionOptions,
  work: (client: ApiClient) => Promise<T>,
): Promise<T> {
  const connection = loadConnection(options, terminal);
  if (connection.skipsVerification) {
    terminal.stderr.write(
      `warning: the certificate of ${connection.server.origin} is not verified, as ${connection.source} says\n`,
    );
  }
  const client = createApiClient(connection, {
    timeoutSeconds: options.requestTimeout ?? DEFAULT_TIMEOUT_SECONDS,
    isExplicitTimeout: options.requestTimeout !== undefined,
  });
  try {
    return await work(client);
  } finally {
    client.close();
  }
}
