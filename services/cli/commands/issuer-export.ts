import type { Command } from "commander";
import type { ApiClient } from "../api-client.ts";
import type { Issuer, List } from "../api-types.ts";
import { CommandError, usageError } from "../command-error.ts";
import {
  type ConnectionOptions,
  type FormatOptions,
  withClient,
  withConnection,
  withExamples,
  withFormat,
} from "../options.ts";
import { serialize } from "../output.ts";
import { deliver } from "../output-file.ts";
import type { Terminal } from "../terminal.ts";
import { ISSUERS_PATH } from "./issuer-list.ts";

/** Fewer characters are too easily another issuer's too. */
const MIN_ID_CHARACTERS = 4;

interface Options extends ConnectionOptions, FormatOptions {
  readonly output?: string;
}

export function addIssuerExport(parent: Command, terminal: Terminal): void {
  const command = parent
    .command("export")
    .summary("print CA certificates as PEM")
    .description(
      "Print CA certificates as PEM: the trust bundle, which is every CA to be trusted now, or one issuer's certificate.\n" +
        "Private keys are never exported.",
    )
    .argument("[id]", "id of one issuer, or how it begins")
    .option("--output <file>", "write to this file instead of standard output")
    .action((id: string | undefined, options: Options) =>
      withClient(terminal, options, async (client) =>
        deliver(await exported(client, id, options), options.output, terminal),
      ),
    );
  withExamples(withConnection(withFormat(command)), [
    "gatehouse issuer export > ca.crt",
    "gatehouse issuer export 4be1 --output issuer.crt",
  ]);
}

async function exported(client: ApiClient, id: string | undefined, { format }: FormatOptions): Promise<string> {
  if (id === undefined && format === "table") {
    return client.text({ path: "/v1/trust-bundle", accept: "application/x-pem-file" });
  }
  const issuers = await client.json<List<Issuer>>({ path: ISSUERS_PATH });
  if (id === undefined) return serialize(format === "yaml" ? "yaml" : "json", issuers);
  const issuer = select(issuers.items, id);
  return format === "table" ? issuer.certificatePem : serialize(format, issuer);
}

function select(issuers: readonly Issuer[], id: string): Issuer {
  const start = id.toLowerCase();
  if (start.length < MIN_ID_CHARACTERS) throw usageError(`give at least ${MIN_ID_CHARACTERS} characters of the id`);
  const [issuer, ...others] = issuers.filter((candidate) => candidate.id.startsWith(start));
  const hint = 'See "gatehouse issuer list".';
  if (issuer === undefined) throw new CommandError(`no issuer's id begins with "${id}"`, hint);
  if (others.length > 0) throw new CommandError(`${others.length + 1} issuers' ids begin with "${id}"`, hint);
  return issuer;
}
