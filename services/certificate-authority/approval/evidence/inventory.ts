import { readFileSync, statSync } from "node:fs";
import { basename } from "node:path";
import type { Logger } from "../../../shared/logging.ts";
import { isInIpRange } from "../../domain/ip-range.ts";
import { type Inventory, parseInventory } from "./inventory-file.ts";
import type { EvidenceSource, Showing } from "./source.ts";

/** Holds some 100,000 nodes; a file is parsed in one go. */
const MAXIMUM_BYTES = 16 * 1024 * 1024;
const CHECK_MILLISECONDS = 2000;

export interface InventorySource extends EvidenceSource {
  /** Reads the file again if it changed. */
  reload(): void;
  close(): void;
}

/**
 * A file in which an administrator wrote down what belongs to which node. It proves what its writer knew: names and
 * addresses of it are exact, ranges are not. It is looked at every other second; a file that cannot be used is reported,
 * once, and what was read before stays in force.
 *
 * @param file - YAML, or CSV when its name ends in `.csv`.
 * @param onChange - called when something else is in force.
 * @throws {Error} naming the file, when it cannot be used at the start.
 */
export function inventorySource(
  file: string,
  logger: Pick<Logger, "info" | "error">,
  onChange: () => void = () => undefined,
): InventorySource {
  const format = file.toLowerCase().endsWith(".csv") ? "csv" : "yaml";
  const title = basename(file);
  let [version, inventory] = readAtStart();
  /** What is wrong with the file now, so that it is said once. */
  let problem: string | undefined;

  function readAtStart(): readonly [string, Inventory] {
    try {
      return [versionOf(file), parseInventory(readFileSync(file, "utf8"), format)];
    } catch (cause) {
      throw new Error(`the inventory ${file} cannot be used: ${(cause as Error).message}`, { cause });
    }
  }

  function reload(): void {
    try {
      const found = versionOf(file);
      if (found === version && problem === undefined) return;
      inventory = parseInventory(readFileSync(file, "utf8"), format);
      version = found;
      problem = undefined;
      logger.info({ file, nodes: inventory.size }, "read the inventory again");
      onChange();
    } catch (error) {
      const { message } = error as Error;
      if (message === problem) return;
      problem = message;
      logger.error({ file, problem }, "the inventory cannot be used; what was read before stays in force");
    }
  }

  const timer = setInterval(reload, CHECK_MILLISECONDS).unref();
  return {
    name: "inventory",
    reload,
    close: () => clearInterval(timer),
    show(nodeName, { kind, name }): Showing {
      const entry = inventory.get(nodeName);
      const cure = `list it for the node in ${title}`;
      if (entry === undefined) return { isShown: false, says: `${title} has no such node`, cure };
      if (entry.names.has(name)) return { isShown: true, says: `${title} lists it for the node`, isExact: true };
      const range = kind === "ip" ? entry.ranges.find((candidate) => isInIpRange(name, candidate)) : undefined;
      if (range !== undefined) return { isShown: true, says: `${title} lists ${range} for the node`, isExact: false };
      return { isShown: false, says: `${title} does not list it for the node`, cure };
    },
  };
}

/** What changes when the file does. @throws {Error} when it is too large. */
function versionOf(file: string): string {
  const { ino, size, mtimeMs } = statSync(file);
  if (size > MAXIMUM_BYTES) throw new Error(`it is larger than ${MAXIMUM_BYTES} bytes`);
  return `${ino} ${size} ${mtimeMs}`;
}
