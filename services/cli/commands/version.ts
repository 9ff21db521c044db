import { type Command, Option } from "commander";
import { VERSION } from "../../shared/version.ts";
import { CommandError } from "../command-error.ts";
import {
  type ConnectionOptions,
  type FormatOptions,
  withClient,
  withConnection,
  withExamples,
  withFormat,
} from "../options.ts";
import { formatFields, writeObject } from "../output.ts";
import type { Terminal } from "../terminal.ts";

interface Options extends ConnectionOptions, FormatOptions {
  readonly client: boolean;
}

interface Versions {
  readonly client: { readonly version: string; readonly nodeVersion: string; readonly platform: string };
  readonly server?: { readonly gitVersion?: string };
}

export function addVersion(parent: Command, terminal: Terminal): void {
  const command = parent
    .command("version")
    .description("show the versions of this command and, when it can be reached, of the server")
    .addOption(new Option("--client", "do not ask the server").default(false))
    .action((options: Options) => version(options, terminal));
  withExamples(withConnection(withFormat(command)), ["gatehouse version", "gatehouse version --client -o json"]);
}

async function version(options: Options, terminal: Terminal): Promise<void> {
  const platform = `${process.platform}/${process.arch}`;
  const client = { version: VERSION, nodeVersion: process.versions.node, platform };
  const server = options.client ? undefined : await serverVersion(options, terminal);
  const versions: Versions = { client, ...(server && { server }) };
  writeObject(terminal.stdout, options.format, versions, () => describe(versions, options.client));
}

/** A server that cannot be reached is a notice, not a failure: the question was answered as far as it could be. */
async function serverVersion(options: Options, terminal: Terminal): Promise<Versions["server"] | undefined> {
  try {
    return await withClient(terminal, options, (client) => {
      return client.json<NonNullable<Versions["server"]>>({ path: "/version" });
    });
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    terminal.stderr.write(`server: ${error.message}\n`);
    return undefined;
  }
}

function describe({ client, server }: Versions, isClientOnly: boolean): string {
  const fields: [string, string][] = [
    ["Client", client.version],
    ["Node.js", `${client.nodeVersion} ${client.platform}`],
  ];
  return formatFields(isClientOnly ? fields : [...fields, ["Server", server?.gitVersion ?? ""]]);
}
