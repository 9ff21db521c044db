import { type Command, Option } from "commander";
import type { ApiClient } from "../api-client.ts";
import type { List, Node } from "../api-types.ts";
import {
  type ConnectionOptions,
  type FormatOptions,
  parseCount,
  withClient,
  withConnection,
  withExamples,
  withFormat,
} from "../options.ts";
import { formatTable, writeObject } from "../output.ts";
import type { Terminal } from "../terminal.ts";

export const NODES_PATH = "/v1/nodes";
const DEFAULT_LIMIT = 500;
/** The server answers no more than this at once. */
const PAGE_LIMIT = 1_000;

interface Options extends ConnectionOptions, FormatOptions {
  readonly state?: string;
  readonly quarantined: boolean;
  readonly limit: number;
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
    .option("--limit <count>", "how many to show at most; 0 shows all", parseCount, DEFAULT_LIMIT)
    .action((options: Options) => withClient(terminal, options, (client) => list(client, options, terminal)));
  withExamples(withConnection(withFormat(command)), [
    "gatehouse node list",
    "gatehouse node list --state overdue",
    "gatehouse node list --quarantined -o json",
  ]);
}

async function list(client: ApiClient, options: Options, { stdout, stderr }: Terminal): Promise<void> {
  const wanted = options.limit === 0 ? Number.POSITIVE_INFINITY : options.limit;
  const items: Node[] = [];
  let page: List<Node> | undefined;
  do {
    const query = {
      state: options.state,
      quarantined: options.quarantined ? "true" : undefined,
      limit: String(Math.min(wanted - items.length, PAGE_LIMIT)),
      continue: page?.metadata.continue,
    };
    page = await client.json<List<Node>>({ path: NODES_PATH, query });
    items.push(...page.items);
  } while (page.metadata.continue !== undefined && items.length < wanted);
  if (page.metadata.continue !== undefined)
    stderr.write(`There are more than these ${items.length}; --limit 0 shows all.\n`);
  if (items.length === 0) stderr.write("No nodes.\n");
  if (items.length === 0 && options.format === "table") return;
  const { apiVersion, kind } = page;
  writeObject(stdout, options.format, { apiVersion, kind, metadata: {}, items }, () => tableOf(items));
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
