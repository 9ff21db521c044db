import { type Command, InvalidArgumentError } from "commander";
import { stringify } from "yaml";
import type { ServerTable } from "../api-types.ts";
import { type AuditFilter, withAuditFilter } from "../audit-filter.ts";
import { type AuditItem, type AuditSource, logSource, trailSource } from "../audit-source.ts";
import {
  type ConnectionOptions,
  type FormatOptions,
  withClient,
  withConnection,
  withExamples,
  withFormat,
} from "../options.ts";
import { type Format, writeObject } from "../output.ts";
import { TableWriter } from "../server-table.ts";
import type { Terminal } from "../terminal.ts";

const DEFAULT_LIMIT = 100;
const DEFAULT_LINES = 10;

const TWO_RECORDS =
  "There are two records. With --file: what was asked, the audit.k8s.io/v1 events in a log file of the server's (audit.file\n" +
  "in its configuration). Without: what was decided, signed, made and taken away, from the hash chain in the server's ledger.";

interface Options extends ConnectionOptions, FormatOptions, AuditFilter {
  readonly file?: string;
}

interface SearchOptions extends Options {
  readonly limit: number;
}

interface TailOptions extends Options {
  readonly lines: number;
  readonly follow: boolean;
}

export function addAuditSearch(parent: Command, terminal: Terminal): void {
  const command = parent
    .command("search")
    .summary("find what was asked, or decided and signed")
    .description(`Find who did what, the newest first.\n${TWO_RECORDS}`)
    .option("--limit <count>", "how many to show at most; 0 shows all", parseCount, DEFAULT_LIMIT)
    .action((options: SearchOptions) => withSource(options, terminal, (source) => search(source, options, terminal)));
  withExamples(withShared(command), [
    "gatehouse audit search --resource request --verb deleted --since 7d",
    "gatehouse audit search --name csr-worker-1",
    "gatehouse audit search --file audit.log --user alice --verb create -o json",
  ]);
}

export function addAuditTail(parent: Command, terminal: Terminal): void {
  const command = parent
    .command("tail")
    .summary("show the newest of the record, and what follows")
    .description(`Show the newest entries, the newest last.\n${TWO_RECORDS}`)
    .option("-n, --lines <count>", "how many to begin with", parseCount, DEFAULT_LINES)
    .option("-f, --follow", "go on and show what comes", false)
    .action((options: TailOptions) => withSource(options, terminal, (source) => tail(source, options, terminal)));
  withExamples(withShared(command), [
    "gatehouse audit tail --follow",
    "gatehouse audit tail --file audit.log -f --verb create",
  ]);
}

function withShared(command: Command): Command {
  const file = "read the events of this log file instead of asking the server";
  return withConnection(withFormat(withAuditFilter(command.option("--file <file>", file))));
}

async function withSource(
  options: Options,
  terminal: Terminal,
  work: (source: AuditSource) => Promise<void>,
): Promise<void> {
  if (options.file === undefined) {
    return withClient(terminal, options, (client) => work(trailSource(client, options, terminal)));
  }
  const log = logSource(options.file, options, terminal);
  try {
    await work(log);
  } finally {
    await log.close();
  }
}

async function search(source: AuditSource, { limit, format }: SearchOptions, terminal: Terminal): Promise<void> {
  const { items, hasOlder } = await source.newest(limit === 0 ? Number.POSITIVE_INFINITY : limit);
  if (hasOlder) terminal.stderr.write(`There may be more than these ${items.length}; --limit 0 shows all.\n`);
  if (items.length === 0) terminal.stderr.write("Nothing found.\n");
  show(source, items.toReversed(), format, terminal);
}

async function tail(source: AuditSource, { lines, follow, format }: TailOptions, terminal: Terminal): Promise<void> {
  const { items } = await source.newest(lines);
  if (!follow) return show(source, items, format, terminal);
  const writer = new TableWriter(terminal.stdout);
  const write = (more: readonly AuditItem[]): void => {
    if (format === "table") writer.write(tableOf(source, more));
    else for (const { object } of more) terminal.stdout.write(documentOf(object, format));
  };
  write(items);
  for await (const more of source.later()) write(more);
}

function show(source: AuditSource, items: readonly AuditItem[], format: Format, { stdout }: Terminal): void {
  const list = { ...source.list, metadata: {}, items: items.map(({ object }) => object) };
  if (format === "table") new TableWriter(stdout).write(tableOf(source, items));
  else writeObject(stdout, format, list, () => "");
}

function tableOf({ columns }: AuditSource, items: readonly AuditItem[]): ServerTable {
  return { kind: "Table", columnDefinitions: columns.map((name) => ({ name })), rows: items };
}

/** One object of a list without an end. */
function documentOf(object: object, format: Exclude<Format, "table">): string {
  return format === "json" ? `${JSON.stringify(object)}\n` : `---\n${stringify(object)}`;
}

function parseCount(text: string): number {
  if (!/^\d{1,9}$/.test(text)) throw new InvalidArgumentError("Give a whole number.");
  return Number(text);
}
