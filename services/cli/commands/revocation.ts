import { type Command, Option } from "commander";
import type { ApiClient } from "../api-client.ts";
import type { RevocationOutcome } from "../api-types.ts";
import { CommandError } from "../command-error.ts";
import type { ConnectionOptions, FormatOptions } from "../options.ts";
import { formatTable, writeObject } from "../output.ts";
import { printable, type Terminal } from "../terminal.ts";

const REASONS = [
  ...["unspecified", "keyCompromise", "cACompromise", "affiliationChanged", "superseded"],
  ...["cessationOfOperation", "privilegeWithdrawn"],
];

export interface RevocationOptions extends ConnectionOptions, FormatOptions {
  readonly message?: string;
  readonly dryRun: boolean;
  readonly confirm?: string;
}

export interface ReasonOptions {
  readonly reason: string;
}

export function withReason(command: Command): Command {
  return command.addOption(
    new Option("--reason <reason>", "why, in the words of RFC 5280; it stands in CRLs and OCSP answers")
      .choices(REASONS)
      .default("unspecified"),
  );
}

/** @param what - what has to be named again. */
export function withConfirmation(command: Command, what: string): Command {
  return command
    .option("--message <text>", "a sentence for people, kept with it")
    .option("--confirm <name>", `${what} again: nothing is done without it`)
    .option("--dry-run", "only tell who would be hit", false);
}

/** An order, and what people have to name to have it carried out. */
export interface Order {
  readonly path: string;
  readonly body: Readonly<Record<string, unknown>>;
  /** What confirms it, once it is known who would be hit. */
  readonly nameOf: (outcome: RevocationOutcome) => string;
  /** Past participle. */
  readonly done: string;
}

/**
 * Shows who would be hit, and does it when that was confirmed by its name.
 *
 * @throws {CommandError} when it was not, or by another name: then nothing was done.
 */
export async function carryOut(
  client: ApiClient,
  { path, body, nameOf, done }: Order,
  { format, message, dryRun, confirm }: RevocationOptions,
  { stdout, stderr }: Terminal,
): Promise<void> {
  const given = { ...body, ...(message !== undefined && { message }) };
  const send = (isDryRun: boolean) =>
    client.json<RevocationOutcome>({ method: "POST", path, body: { ...given, dryRun: isDryRun } });
  const preview = await send(true);
  if (dryRun) return writeObject(stdout, format, preview, () => describe(preview, `would be ${done}`));
  const name = nameOf(preview);
  if (confirm !== name) {
    stderr.write(describe(preview, `would be ${done}`));
    const said = confirm === undefined ? "it was not confirmed" : `${printable(confirm)} is not whom it is about`;
    throw new CommandError(`nothing was done: ${said}`, `To do it, add: --confirm ${printable(name)}`);
  }
  const outcome = await send(false);
  writeObject(stdout, format, outcome, () => describe(outcome, done));
}

function describe({ items, quarantined, readmitted }: RevocationOutcome, done: string): string {
  const isDone = !done.startsWith("would");
  const node = quarantined || readmitted ? `the node ${isDone ? "is " : ""}${done}\n` : "";
  if (items.length === 0)
    return readmitted ? node : `${node}no certificate ${isDone ? "is" : "would be"} revoked by this\n`;
  const rows = items.map(({ serial, signerName, commonName, notAfter }) => [serial, signerName, commonName, notAfter]);
  const table = formatTable([["SERIAL", "SIGNER", "COMMON NAME", "NOT AFTER"], ...rows]);
  const count = `${items.length} ${items.length === 1 ? "certificate" : "certificates"}`;
  return `${node}${table}${count} ${isDone ? "revoked" : "would be revoked"}\n`;
}
