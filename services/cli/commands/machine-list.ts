import type { Command } from "commander";
import type { ApiClient } from "../api-client.ts";
import type { List, Machine } from "../api-types.ts";
import {
  type ConnectionOptions,
  type FormatOptions,
  withClient,
  withConnection,
  withExamples,
  withFormat,
} from "../options.ts";
import { formatFields, formatTable, writeObject } from "../output.ts";
import { type PagedListOptions, showPages, withLimit } from "../paged-list.ts";
import type { Terminal } from "../terminal.ts";

const MACHINES_PATH = "/v1/machines";

/** Where a machine is found; its id may hold anything. */
export function machinePath(attestor: string, machineId: string): string {
  return `${MACHINES_PATH}/${encodeURIComponent(attestor)}/${encodeURIComponent(machineId)}`;
}

export function addMachineList(parent: Command, terminal: Terminal): void {
  const command = parent
    .command("list")
    .description("list the machines that attested or were enrolled, and which nodes they are")
    .action((options: ConnectionOptions & PagedListOptions) =>
      withClient(terminal, options, (client) =>
        showPages(client, { path: MACHINES_PATH }, { things: "machines", tableOf }, options, terminal),
      ),
    );
  withExamples(withConnection(withFormat(withLimit(command))), [
    "gatehouse machine list",
    "gatehouse machine list -o json",
  ]);
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
