import type { Command } from "commander";
import { formatStaticToken, hashStaticToken, newStaticToken } from "../../shared/static-token.ts";
import { collect, type FormatOptions, parseSeconds, withExamples, withFormat } from "../options.ts";
import { writeObject } from "../output.ts";
import type { Terminal } from "../terminal.ts";

interface Options extends FormatOptions {
  readonly user: string;
  readonly uid?: string;
  readonly group?: readonly string[];
  readonly ttl?: number;
}

export function addTokenHash(parent: Command, terminal: Terminal): void {
  const command = parent
    .command("hash")
    .summary("make a token and its line for a token file")
    .description(
      "Make a bearer token for a person or a program, and the line for the file of the tokenFile authenticator.\n" +
        "The line goes to standard output and holds a hash only; the token goes to standard error and is kept nowhere.\n" +
        "No server is needed. A running server reads its token file again when it changes.",
    )
    .requiredOption("--user <name>", "who the token's owner is")
    .option("--group <name>", "a group the owner is in; repeatable", collect)
    .option("--uid <uid>", "the owner's uid")
    .option("--ttl <duration>", "how long it is good for (default: until its line is removed)", parseSeconds)
    .action((options: Options) => hash(options, terminal));
  withExamples(withFormat(command), [
    "gatehouse token hash --user alice --group gatehouse:administrators >> tokens.yaml",
    "gatehouse token hash --user backup --ttl 90d -o json",
  ]);
}

async function hash({ user, uid, group = [], ttl, format }: Options, terminal: Terminal): Promise<void> {
  const { stdout, stderr, clock } = terminal;
  const made = newStaticToken();
  const token = formatStaticToken(made);
  const entry = {
    id: made.id,
    user,
    ...(uid !== undefined && { uid }),
    groups: group,
    ...(ttl !== undefined && { expires: new Date(clock.now().getTime() + ttl * 1000).toISOString() }),
    hash: await hashStaticToken(made),
  };
  // JSON is YAML: one entry of the list on one line, whatever the names hold.
  writeObject(stdout, format, { token, entry }, () => `- ${JSON.stringify(entry)}\n`);
  stderr.write(format === "table" ? `${token}\nThis token is not shown again.\n` : "The token is not shown again.\n");
}
