import { type Command, Option } from "commander";
import type { ApiClient } from "../api-client.ts";
import type { ExpiryForecast } from "../expiry-types.ts";
import { type ConnectionOptions, withClient, withConnection, withExamples } from "../options.ts";
import { FORMATS, type Format, formatTable, serialize } from "../output.ts";
import { deliver } from "../output-file.ts";
import { readPages } from "../paged-list.ts";
import type { Terminal } from "../terminal.ts";
import { checkedDuration, parseLimit } from "./expiry.ts";

const PATH = "/v1/expiry/forecast";
const DEFAULT_LIMIT = 50;
const BAR_CHARACTERS = 40;
const TABLE_BUCKETS = 15;

interface Options extends ConnectionOptions {
  readonly format: Format | "svg";
  readonly until: string;
  readonly buckets?: string;
  readonly limit: number;
  readonly output?: string;
}

export function addForecast(parent: Command, terminal: Terminal): void {
  const command = parent
    .command("forecast")
    .summary("which nodes fall off when, if nothing is approved from now on")
    .description(
      "Show which nodes fall off when, if nothing is approved from now on: a node leaves the cluster when its client\n" +
        "certificate ends, and gives no logs when its serving certificate ends.",
    )
    .option("--until <duration>", "how far to look ahead", checkedDuration, "30d")
    .option("--buckets <count>", "into how many stretches the time is cut, at most 500")
    .option("--limit <count>", "how many nodes to list at most; 0 lists all", parseLimit, DEFAULT_LIMIT)
    .option("--output <file>", "write to this file instead of standard output")
    .addOption(new Option("-o, --format <format>", "what to print").choices([...FORMATS, "svg"]).default("table"))
    .action((options: Options) =>
      withClient(terminal, options, async (client) =>
        deliver(await forecast(client, options, terminal), options.output, terminal),
      ),
    );
  withExamples(withConnection(command), [
    "gatehouse forecast",
    "gatehouse forecast --until 400d -o svg --output forecast.svg",
    "gatehouse forecast --until 7d --limit 0 -o json",
  ]);
}

async function forecast(client: ApiClient, options: Options, { stderr }: Terminal): Promise<string> {
  const { until, format, limit } = options;
  const buckets = options.buckets ?? (format === "table" ? String(TABLE_BUCKETS) : undefined);
  if (format === "svg") return client.text({ path: PATH, query: { until, buckets }, accept: "image/svg+xml" });
  const asked = { path: PATH, query: { until, buckets }, limit };
  const { answer, hasMore } = await readPages<ExpiryForecast>(client, asked);
  if (hasMore) stderr.write(`There are more than these ${answer.items.length} nodes; --limit 0 lists all.\n`);
  return format === "table" ? tableOf(answer) : serialize(format, answer);
}

function tableOf({ until, nodes, leaving, lost, buckets, items }: ExpiryForecast): string {
  const most = Math.max(1, ...buckets.map((bucket) => bucket.nodes + bucket.serving));
  const rows = buckets.map((bucket) => {
    const bar = "#".repeat(Math.ceil((bucket.nodes / most) * BAR_CHARACTERS));
    return [bucket.from, String(bucket.nodes), String(bucket.serving), bar];
  });
  const summary = `${leaving} of ${nodes} nodes leave by ${until}; ${lost} have left already.\n`;
  const histogram = formatTable([["FROM", "NODES THAT LEAVE", "WITHOUT LOGS", ""], ...rows]);
  if (items.length === 0) return `${summary}\n${histogram}`;
  const list = items.map(({ nodeName, at, signerName, leavesAt }) => [nodeName, at, signerName, leavesAt ?? "<later>"]);
  return `${summary}\n${histogram}\n${formatTable([["NODE", "FIRST END", "SIGNER", "LEAVES"], ...list])}`;
}
