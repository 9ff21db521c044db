import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { type Command, InvalidArgumentError, Option } from "commander";
import type { ApiClient } from "../api-client.ts";
import type { List } from "../api-types.ts";
import type { LoadCertificateAuthority } from "../certificate-authority.ts";
import { CommandError } from "../command-error.ts";
import { explain } from "../explain.ts";
import {
  type ConnectionOptions,
  type FormatOptions,
  parseSeconds,
  withClient,
  withConnection,
  withExamples,
  withFormat,
} from "../options.ts";
import { formatTable, writeObject } from "../output.ts";
import type { RecordedPage, ReplayOptions, ReplayReport } from "../policy-replay-report.ts";
import { createCount } from "../progress.ts";
import type { Terminal } from "../terminal.ts";

const EXIT_CHANGES = 3;
/** Items a page over REST: half a megabyte or so. */
const PAGE = "200";
const SHOWN_CAUSES = 5;
const MAXIMUM_EXAMPLES = 1_000;

interface Options extends ConnectionOptions, FormatOptions {
  readonly since: number;
  readonly config: string;
  readonly database?: string;
  readonly askOutside?: boolean;
  readonly examples: number;
  readonly exitCode?: boolean;
}

export function addPolicyReplay(parent: Command, terminal: Terminal, load: LoadCertificateAuthority): void {
  const command = parent
    .command("replay")
    .summary("decide past requests by another chain, and show what would change")
    .description(
      "Decide the requests on record again by the approval chain of another configuration, each with the facts of its\n" +
        "time, and show which outcomes would be others, in which direction and by which hook. Nothing is changed.\n" +
        "Policies and evidence are evaluated anew; people, kubelet-client, scripts, webhooks and guards are taken to say what\n" +
        "they said then. What depends on a hook that was not asked then is counted as undetermined.\n" +
        "Exit code 0, with --exit-code 3 when any outcome would change or is undetermined; 1 when it failed.",
    )
    .requiredOption("--config <file>", "the configuration with the chain that is tried out")
    .addOption(
      new Option("--since <duration>", "how far to look back, e.g. 12h or 30d")
        .argParser(parseSeconds)
        .default(30 * 86_400, "30d"),
    )
    .option("--database <file>", "read this ledger or backup instead of asking a server")
    .option("--ask-outside", "ask the scripts and webhooks of the new chain; they are told that it is a rehearsal")
    .option("--examples <number>", "how many requests to show in each direction", parseExamples, 5)
    .option("--exit-code", "end with 3 when anything would change")
    .action((options: Options) => replay(options, terminal, load));
  withExamples(withConnection(withFormat(command)), [
    "gatehouse policy replay --since 30d --config new.yaml",
    "gatehouse policy replay --since 7d --config new.yaml --database gatehouse-2026-01-31.db -o json",
    "gatehouse policy replay --config new.yaml --exit-code && cp new.yaml gatehouse.yaml",
  ]);
}

function parseExamples(text: string): number {
  if (/^\d{1,4}$/.test(text) && Number(text) <= MAXIMUM_EXAMPLES) return Number(text);
  throw new InvalidArgumentError(`Give a whole number from 0 to ${MAXIMUM_EXAMPLES}.`);
}

async function replay(options: Options, terminal: Terminal, load: LoadCertificateAuthority): Promise<void> {
  const { database } = options;
  const report =
    database === undefined
      ? await withClient(terminal, options, (client) => run(options, { fetchPage: pagesOf(client) }, terminal, load))
      : await run(options, { database: existing(database, terminal) }, terminal, load);
  writeObject(terminal.stdout, options.format, report, () => describe(report));
  const { changed, undetermined } = report;
  if (options.exitCode !== true || changed + undetermined === 0) return;
  const message = `${changed} outcomes would change and ${undetermined} are undetermined`;
  throw new CommandError(message, undefined, { exitCode: EXIT_CHANGES });
}

function existing(database: string, { workingDirectory }: Terminal): string {
  const path = resolve(workingDirectory, database);
  if (!existsSync(path)) throw new CommandError(`${path} does not exist`);
  return path;
}

async function run(
  { config, since, askOutside = false, examples }: Options,
  source: ReplayOptions["source"],
  { workingDirectory, clock, stderr }: Terminal,
  load: LoadCertificateAuthority,
): Promise<ReplayReport> {
  const { replayPolicy } = await load();
  const progress = createCount(stderr, "replayed", "requests");
  try {
    return await replayPolicy({
      configFile: resolve(workingDirectory, config),
      since: new Date(clock.now().getTime() - since * 1000),
      source,
      asksOutside: askOutside,
      maximumExamples: examples,
      onProgress: (requests) => progress.at(requests),
    });
  } catch (error) {
    return explain(error);
  } finally {
    progress.end();
  }
}

function pagesOf(client: ApiClient) {
  return async (since: Date, continueToken: string | undefined): Promise<RecordedPage> => {
    const query = { since: since.toISOString(), limit: PAGE, continue: continueToken };
    const { items, metadata } = await client.json<List<object>>({ path: "/v1/recorded-requests", query });
    return { items, continueToken: metadata.continue };
  };
}

function describe(report: ReplayReport): string {
  const { since, recorded, unchanged, changed, undetermined, lost, decidedByPeople } = report;
  const replayed = recorded - lost - decidedByPeople;
  const parts = [
    `${replayed} requests decided since ${since}: ${unchanged} unchanged, ${changed} changed, ${undetermined} undetermined`,
    ...(report.stated.length > 0 ? [`taken to say what they said then: ${report.stated.join(", ")}`] : []),
    ...(lost > 0 ? [`not decided again, since what they asked for is no longer on record: ${lost}`] : []),
    ...(decidedByPeople > 0 ? [`not decided again, since only people decided them: ${decidedByPeople}`] : []),
    ...report.changes.map(describeChange),
    ...report.unknown.map(
      ({ hook, count, examples }) =>
        `\nundetermined: ${count}, since ${hook} was not asked then${examples.length > 0 ? `, e.g. ${examples.join(", ")}` : ""}`,
    ),
  ];
  return `${parts.join("\n").trimEnd()}\n`;
}

function describeChange(change: ReplayReport["changes"][number]): string {
  const { from, to, count, causes, examples, approvedByPeople, deniedByPeople } = change;
  const shown = causes.slice(0, SHOWN_CAUSES).map(({ hook, reason, count: times }) => `${hook} ${reason} ${times}`);
  const more = causes.length > SHOWN_CAUSES ? [`${causes.length - SHOWN_CAUSES} more causes`] : [];
  const people = approvedByPeople + deniedByPeople;
  const rows = examples.map(({ request, nodeName, decidedAt, recorded, replayed }) => [
    ...[`  ${request.name}`, nodeName || request.requester, decidedAt.slice(0, 19)],
    ...[`${recorded.hook ?? "nobody"} ${recorded.reason}`, `${replayed.hook ?? "nobody"} ${replayed.reason}`],
    replayed.message,
  ]);
  const header = ["  REQUEST", "NODE", "DECIDED", "WAS", "WOULD BE", "MESSAGE"];
  return [
    `\n${from} → ${to}: ${count} (${[...shown, ...more].join("; ")})`,
    ...(people > 0 ? [`  of these, people approved ${approvedByPeople} and denied ${deniedByPeople}`] : []),
    ...(rows.length > 0 ? [formatTable([header, ...rows]).trimEnd()] : []),
  ].join("\n");
}
