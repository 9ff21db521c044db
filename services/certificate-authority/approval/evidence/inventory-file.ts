import { parseDocument } from "yaml";
import { z } from "zod";
import { formatIpAddress, parseIpAddress } from "../../domain/ip-address.ts";
import { isIpRange } from "../../domain/ip-range.ts";

/** What belongs to one node. */
export interface InventoryEntry {
  /** DNS names in lower case, and addresses in canonical text. */
  readonly names: ReadonlySet<string>;
  readonly ranges: readonly string[];
}

/** By node name. */
export type Inventory = ReadonlyMap<string, InventoryEntry>;

const MAXIMUM_NODES = 200_000;
const MAXIMUM_SHOWN = 80;
const list = z.array(z.string()).max(1000).default([]);
const inventorySchema = z.strictObject({
  nodes: z.record(z.string(), z.strictObject({ names: list, addresses: list, ranges: list })),
});
const NODE_NAME = /^(?=.{1,253}$)[a-z0-9]([-a-z0-9]*[a-z0-9])?(\.[a-z0-9]([-a-z0-9]*[a-z0-9])?)*$/;
/** Wildcards, too: whoever writes one down here means it. */
const DNS_NAME = /^(?=.{1,253}$)(\*\.)?[a-z0-9_]([-a-z0-9_]*[a-z0-9_])?(\.[a-z0-9_]([-a-z0-9_]*[a-z0-9_])?)*$/;

/**
 * Reads which names and addresses belong to which node. YAML is `nodes: { NODE: { names, addresses, ranges } }`, each
 * list being optional; in CSV a line is a node and whatever belongs to it, and lines of one node add up.
 *
 * @throws {Error} naming the node or line, and the entry.
 */
export function parseInventory(text: string, format: "yaml" | "csv"): Inventory {
  const inventory = format === "csv" ? parseCsv(text) : parseYaml(text);
  if (inventory.size > MAXIMUM_NODES) throw new Error(`it has more than ${MAXIMUM_NODES} nodes`);
  return inventory;
}

function parseYaml(text: string): Inventory {
  const document = parseDocument(text);
  const [problem] = document.errors;
  if (problem !== undefined) throw new Error(`it is not valid YAML: ${problem.message.split("\n", 1)[0]}`);
  const parsed = inventorySchema.safeParse(document.toJS({ maxAliasCount: 100 }));
  if (!parsed.success) throw new Error(z.prettifyError(parsed.error).replaceAll("\n", " "));
  const inventory = new Map<string, InventoryEntry>();
  for (const [nodeName, { names, addresses, ranges }] of Object.entries(parsed.data.nodes)) {
    const place = `nodes.${shown(nodeName)}`;
    if (!NODE_NAME.test(nodeName)) throw new Error(`${place} is no name of a node`);
    const all = [
      ...names.map((name, index) => canonicalName(name, `${place}.names[${index}]`)),
      ...addresses.map((address, index) => canonicalAddress(address, `${place}.addresses[${index}]`)),
    ];
    for (const [index, range] of ranges.entries()) requireRange(range, `${place}.ranges[${index}]`);
    inventory.set(nodeName, { names: new Set(all), ranges });
  }
  return inventory;
}

/** A first line that begins with `node` is a heading; empty lines and lines that begin with `#` do not count. */
function parseCsv(text: string): Inventory {
  const inventory = new Map<string, { names: Set<string>; ranges: string[] }>();
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (/^\s*(#|$)/.test(line)) continue;
    const [nodeName = "", ...cells] = line.split(",").map((cell) => cell.trim().replace(/^"(.*)"$/, "$1"));
    if (index === 0 && nodeName.toLowerCase() === "node") continue;
    const place = `line ${index + 1}`;
    if (!NODE_NAME.test(nodeName)) throw new Error(`${place}: ${shown(nodeName)} is no name of a node`);
    const entry = inventory.get(nodeName) ?? { names: new Set(), ranges: [] };
    for (const cell of cells.filter((candidate) => candidate !== "")) {
      if (cell.includes("/")) entry.ranges.push(requireRange(cell, place));
      else if (parseIpAddress(cell) !== undefined) entry.names.add(canonicalAddress(cell, place));
      else entry.names.add(canonicalName(cell, place));
    }
    inventory.set(nodeName, entry);
  }
  return inventory;
}

function canonicalName(name: string, place: string): string {
  const lower = name.toLowerCase();
  if (!DNS_NAME.test(lower) || parseIpAddress(lower) !== undefined) {
    throw new Error(`${place}: ${shown(name)} is no DNS name`);
  }
  return lower;
}

function canonicalAddress(address: string, place: string): string {
  const octets = parseIpAddress(address);
  const canonical = octets && formatIpAddress(octets);
  if (canonical === undefined) throw new Error(`${place}: ${shown(address)} is no address`);
  return canonical;
}

function requireRange(range: string, place: string): string {
  if (!isIpRange(range)) throw new Error(`${place}: ${shown(range)} is no range such as 10.0.0.0/24`);
  return range;
}

function shown(text: string): string {
  return JSON.stringify(text.slice(0, MAXIMUM_SHOWN));
}
