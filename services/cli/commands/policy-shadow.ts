import type { Command } from "commander";
import { InvalidArgumentError } from "commander";
import type { ShadowChain } from "../api-types.ts";
import {
  type ConnectionOptions,
  type FormatOptions,
  withClient,
  withConnection,
  withExamples,
  withFormat,
} from "../options.ts";
import { formatTable, writeObject } from "../output.ts";
import { printable, type Terminal } from "../terminal.ts";

const SHADOW_PATH = "/v1/approval/shadow";
const MAXIMUM_EXAMPLES = 1000;

interface Options extends ConnectionOptions, FormatOptions {
  readonly limit: number;
}

export function addPolicyShadow(parent: Command, terminal: Terminal): void {
  const command = parent
    .command("shadow")
    .summary("show what the shadow chain would have decided otherwise")
    .description(
      "Show how often the shadow chain (approval.shadow) decided as the chain in force did since it is there, in which\n" +
        "direction it would have decided otherwise, and the newest examples of that.",
    )
    .option("--limit <count>", `how many examples, at most ${MAXIMUM_EXAMPLES}`, parseLimit, 20)
    .action((options: Options) =>
      withClient(terminal, options, async (client) => {
        const query = new URLSearchParams({ limit: String(options.limit) });
        const shadow = await client.json<ShadowChain>({ path: `${SHADOW_PATH}?${query}` });
        writeObject(terminal.stdout, options.format, shadow, () => describe(shadow));
      }),
    );
  withExamples(withConnection(withFormat(command)), [
    "gatehouse policy shadow",
    "gatehouse policy shadow --limit 200 -o json",
  ]);
}

function parseLimit(text: string): number {
  const limit = Number(text);
  if (Number.isInteger(limit) && limit >= 1 && limit <= MAXIMUM_EXAMPLES) return limit;
  throw new InvalidArgumentError(`must be a whole number from 1 to ${MAXIMUM_EXAMPLES}.`);
}

function describe({ counts, examples }: ShadowChain): string {
  const header = ["AT", "REQUEST", "REQUESTER", "LIVE", "SHADOW", "HOOK", "MESSAGE"];
  const rows = examples.map(({ at, request, live, shadow }) => [
    ...[at, request.name, request.requester, live.outcome, shadow.outcome],
    ...[shadow.hook ?? "-", shadow.message],
  ]);
  const table = rows.length === 0 ? "" : `${formatTable([header, ...rows])}\n`;
  return `${table}${countsOf(counts)
    .map((line) => `${printable(line)}\n`)
    .join("")}`;
}

function countsOf(counts: ShadowChain["counts"]): readonly string[] {
  if (counts === undefined) return ["No shadow chain is configured (approval.shadow)."];
  const { since, agreed, differed, failed, dropped } = counts;
  return [
    `Since ${since}: ${agreed} decided alike`,
    ...differed.map(({ live, shadow, count }) => `${count} ${live}, the shadow: ${shadow}`),
    ...(failed > 0 ? [`${failed} could not be evaluated by the shadow`] : []),
    ...(dropped > 0 ? [`${dropped} were not put to the shadow, which was too busy`] : []),
  ];
}
