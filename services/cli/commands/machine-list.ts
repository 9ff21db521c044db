import type { Command } from "commander";
import type { ApiClient } from "../api-client.ts";
import type { List, Machine } from "../api-types.ts";
import {
  type ConnectionOptions,
  type FormatOptions,
  parseCount,
  withClient,
  withConnection,
  withExamples,
  withFormat,
} from "../options.ts";
import { formatFields, formatTable, writeObject } from "../output.ts";
import type { Terminal } from "../terminal.ts";

const MACHINES_PATH = "/v1/machines";
const DEFAULT_LIMIT = 500;
/** The server answers no more than this at once. */
const PAGE_LIMIT = 1_000;

interface Options extends ConnectionOptions, FormatOptions {
  readonly limit: number;
}

/** Where a machine is found; its id may hold anything. */
export function machinePath(attestor: string, machineId: string): string {
  return `${MACHINES_PATH}/${encodeURIComponent(attestor)}/${encodeURIComponent(machineId)}`;
}

export function addMachineList(parent: Command, terminal: Terminal): void {
  const command = parent
    .command("list")
    .description("list the machines that attested or were enrolled, and which nodes they are")
    .option("--limit <count>", "how many to show at most; 0 shows all", parseCount, DEFAULT_LIMIT)
    .action((options: Options) => withClient(terminal, options, (client) => list(client, options, terminal)));
  withExamples(withConnection(withFormat(command)), ["gatehouse machine list", "gatehouse machine list -o json"]);
}

async function list(client: ApiClient, options: Options, { stdout, stderr }: Terminal): Promise<void> {
  const wanted = options.limit === 0 ? Number.POSITIVE_INFINITY : options.limit;
  const items: Machine[] = [];
  let page: List<Machine> | undefined;
  do {
    const limit = String(Math.min(wanted - items.length, PAGE_LIMIT));
    const query = { limit, continue: page?.metadata.continue };
    page = await client.json<List<Machine>>({ path: MACHINES_PATH, query });
    items.push(...page.items);
  } while (page.metadata.continue !== undefined && items.length < wanted);
  if (page.metadata.continue !== undefined)
    stderr.write(`There are more than these ${items.length}; --limit 0 shows all.\n`);
  if (items.length === 0) stderr.write("No machines.\n");
  if (items.length === 0 && options.format === "table") return;
  const { apiVersion, kind } = page;
  writeObject(stdout, options.format, { apiVersion, kind, metadata: {}, items }, () => tableOf(items));
}

/** One line a machine. */
export function tableOf(machines: readonly Machine[]): string {
  const header = ["ATTESTOR", "MACHINE", "STATE", "ENROLLED AS", "BOUND TO", "LAST ATTESTED"];
  const rows = machines.map(({ attestor, machineId, state, enrolled, nodeName, boundTo, attestedAt }) => {
    const enrolledAs = enrolled ? (nodeName ?? "<any name>") : "<not enrolled>";
    return [attestor, machineId, state, enrolledAs, boundTo ?? "<none>", attestedAt ?? "<never>"];
  });
  return formatTable([header, ...rows]);
}

export function addMachineShow(parent: Command, terminal: Terminal): void {
  const command = parent
    .command("show")
    .description("show what is known of a machine, and which nodes it is and was")
    .argument("<attestor>", "the kind of attestor, for example tpm2")
    .argument("<machine>", "what the attestor calls the machine, as machine list shows it")
    .action((attestor: string, machineId: string, options: ConnectionOptions & FormatOptions) =>
      withClient(terminal, options, async (client) => {
        const machine = await client.json<Machine>({ path: machinePath(attestor, machineId) });
        writeObject(terminal.stdout, options.format, machine, () => describe(machine));
      }),
    );
  withExamples(withConnection(withFormat(command)), ["gatehouse machine show x509pop x509:2f4a… -o yaml"]);
}

function describe(machine: Machine): string {
  const { attestor, machineId, state, enrolled, nodeName, boundTo, dnsNames, ipAddresses, pins } = machine;
  const fields = formatFields([
    ["Machine", machineId],
    ["Attestor", attestor],
    ["State", state],
    ["Enrolled", enrolled ? `yes, as ${nodeName ?? "any name"}` : "no"],
    ["Names", [...dnsNames, ...ipAddresses].join(", ") || "<none>"],
    ["Bound to", boundTo ?? "<none>"],
    ...Object.entries(pins).map(([key, value]) => [`Pin ${key}`, value] as const),
    ["Created", machine.createdAt],
    ["Last attested", machine.attestedAt ?? "<never>"],
  ]);
  const bindings = machine.bindings ?? [];
  if (bindings.length === 0) return `${fields}\nIt was never bound to a node.\n`;
  const rows = bindings.map((binding) => [
    ...[binding.nodeName, binding.state, binding.profile, binding.createdAt, binding.attestedAt],
    [...binding.dnsNames, ...binding.ipAddresses].join(", ") || "<none>",
  ]);
  return `${fields}\n${formatTable([["NODE", "STATE", "PROFILE", "SINCE", "ATTESTED", "NAMES"], ...rows])}`;
}

/** Puts machines down. */
export async function enroll(client: ApiClient, machines: readonly object[]): Promise<List<Machine>> {
  return client.json<List<Machine>>({ method: "POST", path: MACHINES_PATH, body: { machines } });
}
