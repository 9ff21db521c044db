import { readFileSync } from "node:fs";
import type { Command } from "commander";
import { parseDocument } from "yaml";
import type { List, Machine } from "../api-types.ts";
import { CommandError } from "../command-error.ts";
import {
  type ConnectionOptions,
  collect,
  type FormatOptions,
  withClient,
  withConnection,
  withExamples,
  withFormat,
} from "../options.ts";
import { writeObject } from "../output.ts";
import type { Terminal } from "../terminal.ts";
import { enroll, tableOf } from "./machine-list.ts";

/** Machines of one request to the server. */
const BATCH = 500;
const HEADING = ["attestor", "machineId", "nodeName", "dnsNames", "ipAddresses"];

interface Options extends ConnectionOptions, FormatOptions {
  readonly node?: string;
  readonly dns?: readonly string[];
  readonly ip?: readonly string[];
}

export function addMachineEnroll(parent: Command, terminal: Terminal): void {
  const command = parent
    .command("enroll")
    .description("write down a machine that may attest, and the name it gets")
    .argument("<attestor>", "the kind of attestor, for example tpm2")
    .argument(
      "<machine>",
      "what the attestor calls the machine: for tpm2 'tpm2:' and the SHA-256 of its endorsement key",
    )
    .option("--node <name>", "the only name it gets (default: what its profile makes of its evidence)")
    .option("--dns <name>", "a DNS name of its, for serving certificates; repeatable", collect)
    .option("--ip <address>", "an address of its; repeatable", collect)
    .action((attestor: string, machineId: string, options: Options) => {
      const { node, dns = [], ip = [] } = options;
      const machine = { attestor, machineId, ...(node !== undefined && { nodeName: node }) };
      return carryOut([{ ...machine, dnsNames: dns, ipAddresses: ip }], options, terminal);
    });
  withExamples(withConnection(withFormat(command)), [
    "gatehouse machine enroll tpm2 tpm2:3b1f…c7 --node worker-1 --dns worker-1.example --ip 10.0.0.11",
  ]);
}

export function addMachineImport(parent: Command, terminal: Terminal): void {
  const command = parent
    .command("import")
    .description(
      "write down the machines of an inventory: YAML or JSON, a list of {attestor, machineId, nodeName, dnsNames, " +
        `ipAddresses}, or CSV with the heading ${HEADING.join(",")} and spaces between the names of one field`,
    )
    .argument("<file>", "the inventory; a name that ends in .csv is CSV")
    .action((file: string, options: Options) => carryOut(readInventory(file), options, terminal));
  withExamples(withConnection(withFormat(command)), [
    "gatehouse machine import inventory.yaml",
    "gatehouse machine import racks.csv -o json",
  ]);
}

async function carryOut(machines: readonly object[], options: Options, terminal: Terminal): Promise<void> {
  const { stdout, stderr } = terminal;
  await withClient(terminal, options, async (client) => {
    const items: Machine[] = [];
    let page: List<Machine> | undefined;
    for (let first = 0; first < machines.length; first += BATCH) {
      page = await enroll(client, machines.slice(first, first + BATCH)).catch((error: unknown) => {
        // What the error counts is counted from there; to import those before again changes nothing.
        if (machines.length > BATCH)
          stderr.write(`machines ${first + 1} to ${Math.min(first + BATCH, machines.length)} were not taken:\n`);
        throw error;
      });
      items.push(...page.items);
      if (machines.length > BATCH) stderr.write(`${items.length} of ${machines.length} machines\n`);
    }
    if (page === undefined) throw new CommandError("the inventory holds no machine", "Is it the right file?");
    const { apiVersion, kind } = page;
    writeObject(stdout, options.format, { apiVersion, kind, metadata: {}, items }, () => tableOf(items));
  });
}

/** Fields are checked by the server, which names them. */
function readInventory(file: string): readonly object[] {
  const text = readText(file);
  const machines: unknown = file.endsWith(".csv") ? parseCsv(file, text) : parseYaml(file, text);
  if (Array.isArray(machines) && machines.every((machine) => typeof machine === "object" && machine !== null))
    return machines as object[];
  throw new CommandError(
    `${file} is no inventory`,
    "It has to be a list of machines; see gatehouse machine import --help.",
  );
}

function readText(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch (error) {
    throw new CommandError(`cannot read ${file}: ${(error as Error).message}`, "Give the path of an inventory.");
  }
}

function parseYaml(file: string, text: string): unknown {
  const document = parseDocument(text);
  try {
    const [problem] = document.errors;
    if (problem !== undefined) throw problem;
    // Aliases of what is not there are found here alone.
    return document.toJS({ maxAliasCount: 100 });
  } catch (error) {
    const [problem] = (error as Error).message.split("\n", 1);
    throw new CommandError(`${file} is no YAML: ${problem}`, "Mend that line, and try again.");
  }
}

/** Fields hold no commas: neither ids nor names do. */
function parseCsv(file: string, text: string): readonly object[] {
  const lines = text.split(/\r?\n/).map((line, index) => ({ line, number: index + 1 }));
  const [heading, ...rows] = lines.filter(({ line }) => line.trim() !== "" && !line.startsWith("#"));
  if (heading?.line.replaceAll(" ", "") !== HEADING.join(","))
    throw new CommandError(`${file} has another heading than ${HEADING.join(",")}`, "Put that line first.");
  return rows.map(({ line, number }) => {
    const fields = line.split(",").map((field) => field.trim());
    if (fields.length !== HEADING.length)
      throw new CommandError(
        `${file}, line ${number}: it has ${fields.length} fields, not ${HEADING.length}`,
        "Separate fields by commas, and the names within one by spaces.",
      );
    const [attestor, machineId, nodeName = "", dnsNames = "", ipAddresses = ""] = fields;
    const words = (field: string) => field.split(/\s+/).filter((word) => word !== "");
    const named = { attestor, machineId, ...(nodeName !== "" && { nodeName }) };
    return { ...named, dnsNames: words(dnsNames), ipAddresses: words(ipAddresses) };
  });
}
