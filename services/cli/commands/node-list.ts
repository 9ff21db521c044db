import { type Command, Option } from "commander";
import type { ApiClient } from "../api-client.ts";
import type { Node } from "../api-types.ts";
import { type ConnectionOptions, withClient, withConnection, withExamples, withFormat } from "../options.ts";
import { formatTable } from "../output.ts";
import { type PagedListOptions, showPages, withLimit } from "../paged-list.ts";
import type { Terminal } from "../terminal.ts";

export const NODES_PATH = "/v1/nodes";

interface Options extends ConnectionOptions, PagedListOptions {
  readonly state?: string;
  readonly quarantined: boolean;
}

export function addNodeList(parent: Command, terminal: Terminal): void {
  const command = parent
    .command("list")
    .description("list the nodes that certificates are on record for, and what each has of each signer")
    .addOption(
      new Option(
        "--state <state>",
        "only nodes whose worst certificate is fresh, due for renewal, overdue or lost",
      ).choices(["fresh", "due", "overdue", "lost"]),
    )
    .option("--quarantined", "only nodes in quarantine", false)
    .action((options: Options) => withClient(terminal, options, (client) => list(client, options, terminal)));
  withExamples(withConnection(withFormat(withLimit(command))), [
    "gatehouse node list",
    "gatehouse node list --state overdue",
    "gatehouse node list --quarantined -o json",
  ]);
}

function list(client: ApiClient, options: Options, terminal: Terminal): Promise<void> {
  const query = { state: options.state, quarantined: options.quarantined ? "true" : undefined };
  return showPages(client, { path: NODES_PATH, query }, { things: "nodes", tableOf }, options, terminal);
}

function tableOf(nodes: readonly Node[]): string {
  const header = ["NAME", "SIGNER", "STATE", "SERIAL", "NOT AFTER", "RENEWS UNTIL"];
  const rows = nodes.flatMap(({ name, quarantined, holdings }) => {
    const shown = quarantined ? `${name} (quarantined)` : name;
    if (holdings.length === 0) return [[shown, "<none>"]];
    return holdings.map(({ signerName, state, serial, notAfter, renewal }, index) => {
      return [index === 0 ? shown : "", signerName, state, serial, notAfter, renewal.ends];
    });
  });
  return formatTable([header, ...rows]);
}
