import { type Command, InvalidArgumentError } from "commander";
import { parseDuration } from "../../shared/duration.ts";
import type { ApiClient } from "../api-client.ts";
import type { ExpiryItem, ExpiryReport } from "../expiry-types.ts";
import {
  type ConnectionOptions,
  type FormatOptions,
  withClient,
  withConnection,
  withExamples,
  withFormat,
} from "../options.ts";
import { formatTable, writeObject } from "../output.ts";
import { readPages } from "../paged-list.ts";
import type { Terminal } from "../terminal.ts";

const STATES = ["fresh", "due", "overdue", "lost"];
const NOT_FRESH = "due,overdue,lost";
const DEFAULT_LIMIT = 200;

interface Options extends ConnectionOptions, FormatOptions {
  readonly state: string;
  readonly signer?: string;
  readonly node?: string;
  readonly limit: number;
}

export function addExpiry(parent: Command, terminal: Terminal): void {
  const command = parent
    .command("expiry")
    .summary("which certificates were not renewed in time, and which will be")
    .description(
      "Show how the newest certificates of nodes and others stand: fresh, due (inside the window in which kubelets renew),\n" +
        "overdue (past it and not renewed) or lost (ended). Lists those that are not fresh, the first to end first.",
    )
    .option("--state <states>", `only these states, parted by commas: ${STATES.join(", ")}`, parseStates, NOT_FRESH)
    .option("--signer <name>", "only certificates of this signer")
    .option("--node <name>", "only certificates of this node")
    .option("--limit <count>", "how many to list at most; 0 lists all", parseLimit, DEFAULT_LIMIT)
    .action((options: Options) => withClient(terminal, options, (client) => show(client, options, terminal)));
  withExamples(withConnection(withFormat(command)), [
    "gatehouse expiry",
    "gatehouse expiry --state overdue,lost --limit 0",
    "gatehouse expiry --node worker-1 --state fresh,due,overdue,lost -o json",
  ]);
}

async function show(client: ApiClient, options: Options, { stdout, stderr }: Terminal): Promise<void> {
  const { state, signer, node, limit, format } = options;
  const asked = { path: "/v1/expiry", query: { state, signer, node }, limit };
  const { answer: report, hasMore } = await readPages<ExpiryReport>(client, asked);
  if (hasMore) stderr.write(`There are more than these ${report.items.length}; --limit 0 lists all.\n`);
  writeObject(stdout, format, report, () => tableOf(report));
}

function tableOf({ counts, items }: ExpiryReport): string {
  const header = ["SIGNER", "FRESH", "DUE", "OVERDUE", "LOST", "SOONEST END"];
  const ofSigners = counts.map(({ signerName, fresh, due, overdue, lost, soonestEnd }) => [
    ...[signerName, String(fresh), String(due), String(overdue), String(lost), soonestEnd ?? "<none>"],
  ]);
  if (counts.length === 0) return "No certificates.\n";
  const summary = formatTable([header, ...ofSigners]);
  if (items.length === 0) return summary;
  const columns = ["STATE", "NAME", "SIGNER", "RENEWS AFTER", "RENEWS BEFORE", "NOT AFTER"];
  return `${summary}\n${formatTable([columns, ...items.map(rowOf)])}`;
}

function rowOf({ state, name, signerName, renewalBegins, renewalEnds, notAfter }: ExpiryItem): readonly string[] {
  return [state, name || "<none>", signerName, renewalBegins, renewalEnds, notAfter];
}

function parseStates(text: string): string {
  if (text.split(",").every((state) => STATES.includes(state))) return text;
  throw new InvalidArgumentError(`Give some of ${STATES.join(", ")}, parted by commas.`);
}

/** An option's count; 0 stands for all. */
export function parseLimit(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError("Give a whole number; 0 lists all.");
  return Number(text);
}

/** An option's duration, as it was given. */
export function checkedDuration(text: string): string {
  if (parseDuration(text) === undefined) throw new InvalidArgumentError("Give a duration such as 90m, 24h or 30d.");
  return text;
}
