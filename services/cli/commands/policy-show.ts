import type { Command } from "commander";
import type { ApprovalChain, DescribedHook } from "../api-types.ts";
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

const APPROVAL_PATH = "/v1/approval";

export function addPolicyShow(parent: Command, terminal: Terminal): void {
  const command = parent
    .command("show")
    .summary("show who decides now")
    .description(
      "Show the approval chain in force: its hooks in the order they are asked, and why the configuration file, as it is\n" +
        "now, is not in force when it is not.",
    )
    .action((options: ConnectionOptions & FormatOptions) =>
      withClient(terminal, options, async (client) => {
        const chain = await client.json<ApprovalChain>({ path: APPROVAL_PATH });
        writeObject(terminal.stdout, options.format, chain, () => describe(chain));
      }),
    );
  withExamples(withConnection(withFormat(command)), ["gatehouse policy show", "gatehouse policy show -o json"]);
}

function describe({ since, guards, hooks, configurationFile }: ApprovalChain): string {
  const header = ["HOOK", "KIND", "REQUIRED", "SIGNERS", "REQUESTERS", "ASKING", "WAITING"];
  const table = formatTable([header, ...hooks.map(rowOf)]);
  const settings = Object.entries(guards).map(([name, value]) => `${name} ${value}`);
  const lines = [`Guards: ${settings.join(", ")}`, `In force since ${since}`];
  if (configurationFile !== undefined) {
    const { path, problem, needsRestart } = configurationFile;
    if (problem !== undefined) lines.push(`${path} is not in force since ${problem.since}: ${problem.message}`);
    if (needsRestart.length > 0) lines.push(`${path}: these need a restart: ${needsRestart.join(", ")}`);
  }
  const shown = lines.flatMap((line) => line.split("\n")).map((line) => `${printable(line)}\n`);
  return `${table}\n${shown.join("")}`;
}

function rowOf({
  name,
  kind,
  required,
  signers,
  requesters,
  quorum = 1,
  asking,
  waiting,
}: DescribedHook): readonly string[] {
  const who = requesters && [...requesters.users, ...requesters.groups.map((group) => `group ${group}`)];
  const load = [asking, waiting].map((count) => (count === undefined ? "-" : String(count)));
  const what = quorum === 1 ? kind : `${kind}, ${quorum} people`;
  return [name, what, required ? "yes" : "no", signers?.join(", ") ?? "all", who?.join(", ") ?? "anybody", ...load];
}
