import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { type Command, Option } from "commander";
import type { IssuerRotation, List } from "../api-types.ts";
import { CommandError, messageOf } from "../command-error.ts";
import {
  type ConnectionOptions,
  type FormatOptions,
  withClient,
  withConnection,
  withExamples,
  withFormat,
} from "../options.ts";
import { formatFields, formatTable, serialize, writeObject } from "../output.ts";
import { deliver } from "../output-file.ts";
import type { Terminal } from "../terminal.ts";
import { CONFIGURED_ISSUERS_PATH } from "./issuer-list.ts";

const SHOWN_ID_CHARACTERS = 16;
const SHOWN_MISSING = 10;

type Options = ConnectionOptions & FormatOptions;

export function addIssuerStatus(parent: Command, terminal: Terminal): void {
  const command = parent
    .command("status")
    .summary("show where the rotation of each issuer stands")
    .description(
      "Show where the rotation of each issuer stands: its slots, how many live node certificates the active one has by now, who\n" +
        "is not shown to trust a prepared one, and when the last certificate of an old one ends.",
    )
    .argument("[name]", "what the configuration calls the issuer")
    .action((name: string | undefined, options: Options) =>
      withClient(terminal, options, async (client) => {
        if (name !== undefined) {
          const one = await client.json<IssuerRotation>({ path: rotationPath(name), isSlow: true });
          writeObject(terminal.stdout, options.format, one, () => describe(one));
          return;
        }
        const all = await client.json<List<IssuerRotation>>({ path: "/v1/issuer-rotations", isSlow: true });
        writeObject(terminal.stdout, options.format, all, () => tableOf(all.items));
      }),
    );
  withExamples(withConnection(withFormat(command)), [
    "gatehouse issuer status",
    "gatehouse issuer status default",
    "gatehouse issuer status default -o json",
  ]);
}

interface PrepareOptions extends Options {
  readonly bridge?: true;
  readonly chain?: string;
  readonly output?: string;
}

export function addIssuerPrepare(parent: Command, terminal: Terminal): void {
  const command = parent
    .command("prepare")
    .summary("make the next certificate authority of an issuer; it is trusted and does not sign yet")
    .description(
      "Make a new key and CA certificate for an issuer. It is in the trust bundle from now on and does not sign until it is\n" +
        "activated. An issuer that is signed elsewhere takes two calls: the first prints a request, the second brings what was\n" +
        "signed with --chain.",
    )
    .argument("<name>", "what the configuration calls the issuer")
    .option("--bridge", "have the present CA sign the new key as well, so that nobody has to trust the new CA yet")
    .option("--chain <file>", "of an issuer that is signed elsewhere: the certificate and every one above it, PEM")
    .option("--output <file>", "write a request to this file instead of standard output")
    .action((name: string, options: PrepareOptions) =>
      withClient(terminal, options, async (client) => {
        const { bridge = false, chain } = options;
        const body = { bridge, ...(chain !== undefined && { chainPem: readChain(chain, terminal) }) };
        const path = `${rotationPath(name)}/prepare`;
        const answer = await client.json<IssuerRotation>({ method: "POST", path, body, isSlow: true });
        const { requestPem } = answer;
        if (requestPem === undefined) writeObject(terminal.stdout, options.format, answer, () => describe(answer));
        else
          deliver(
            options.format === "table" ? requestPem : serialize(options.format, answer),
            options.output,
            terminal,
          );
      }),
    );
  withExamples(withConnection(withFormat(command)), [
    "gatehouse issuer prepare default",
    "gatehouse issuer prepare default --bridge",
    "gatehouse issuer prepare nodes --output nodes.csr    # signed elsewhere",
    "gatehouse issuer prepare nodes --chain nodes-chain.pem",
  ]);
}

interface StepOptions extends Options {
  readonly force?: string;
  readonly issuer?: string;
}

export function addIssuerActivate(parent: Command, terminal: Terminal): void {
  const command = parent
    .command("activate")
    .summary("sign with the prepared certificate authority from now on")
    .description(
      "Sign with the prepared CA from now on; the one before it is old and trusted on. Refused, with who is missing, unless every\n" +
        "node and consumer is shown to trust the new one.",
    )
    .argument("<name>", "what the configuration calls the issuer")
    .addOption(
      new Option("--force <what>", "although consumers are not shown to trust it").choices([
        "consumers-not-shown-to-trust",
      ]),
    )
    .action((name: string, options: StepOptions) => take(terminal, options, name, "activate"));
  withExamples(withConnection(withFormat(command)), [
    "gatehouse issuer activate default",
    "gatehouse issuer activate default --force consumers-not-shown-to-trust",
  ]);
}

export function addIssuerRetire(parent: Command, terminal: Terminal): void {
  const command = parent
    .command("retire")
    .summary("trust an old certificate authority no more, and destroy its key")
    .description(
      "Take the old CA of an issuer out of the trust bundle and destroy its key. Refused, with whom it would break, while it has\n" +
        "live certificates; or while a bridge is all that makes consumers accept the new one.",
    )
    .argument("<name>", "what the configuration calls the issuer")
    .option("--issuer <id>", "id of one old CA (default: all old ones)")
    .addOption(
      new Option("--force <what>", "although something would stop working").choices([
        "live-certificates",
        "consumers-not-shown-to-trust",
      ]),
    )
    .action((name: string, options: StepOptions) => take(terminal, options, name, "retire"));
  withExamples(withConnection(withFormat(command)), [
    "gatehouse issuer retire default",
    "gatehouse issuer retire default --force live-certificates",
  ]);
}

export function addIssuerAbandon(parent: Command, terminal: Terminal): void {
  const command = parent
    .command("abandon")
    .summary("take a prepared certificate authority back before it signs")
    .description(
      "Take a prepared CA out of the trust bundle and destroy its key. It has signed nothing, so nothing breaks.",
    )
    .argument("<name>", "what the configuration calls the issuer")
    .action((name: string, options: Options) => take(terminal, options, name, "abandon"));
  withExamples(withConnection(withFormat(command)), ["gatehouse issuer abandon default"]);
}

function take(terminal: Terminal, options: StepOptions, name: string, step: string): Promise<void> {
  return withClient(terminal, options, async (client) => {
    const { force, issuer } = options;
    const body = { ...(force !== undefined && { force: [force] }), ...(issuer !== undefined && { issuerId: issuer }) };
    const path = `${rotationPath(name)}/${step}`;
    const answer = await client.json<IssuerRotation>({ method: "POST", path, body, isSlow: true });
    writeObject(terminal.stdout, options.format, answer, () => describe(answer));
  });
}

function rotationPath(name: string): string {
  return `${CONFIGURED_ISSUERS_PATH}/${encodeURIComponent(name)}/rotation`;
}

function readChain(path: string, { workingDirectory }: Terminal): string {
  try {
    return readFileSync(resolve(workingDirectory, path), "utf8");
  } catch (cause) {
    throw new CommandError(`cannot read --chain ${path}: ${messageOf(cause)}`, undefined, { cause });
  }
}

function tableOf(items: readonly IssuerRotation[]): string {
  const rows = items.map(({ name, phase, summary }) => [name, phase, summary]);
  return formatTable([["NAME", "PHASE", "PROGRESS"], ...rows]);
}

function describe({ name, phase, summary, trust, slots, refusal }: IssuerRotation): string {
  const missing = trust?.given === undefined ? (trust?.missing ?? []) : [];
  const rest =
    missing.length > SHOWN_MISSING ? `, and ${(trust?.total ?? 0) - (trust?.shown ?? 0) - SHOWN_MISSING} more` : "";
  const fields: [string, string][] = [
    ["Name", name],
    ["Phase", phase],
    ["Progress", summary],
  ];
  if (missing.length > 0) fields.push(["Not shown to trust it", missing.slice(0, SHOWN_MISSING).join(", ") + rest]);
  if (refusal !== undefined) fields.push(["Not ours to rotate", refusal]);
  const header = ["ID", "SLOT", "KEY", "LIVE", "NODES", "IN THE WAY", "NOT AFTER"];
  const rows = slots.map((slot) => [
    slot.id.slice(0, SHOWN_ID_CHARACTERS),
    slot.slot,
    slot.keyAlgorithm,
    String(slot.liveCertificates),
    String(slot.nodeCertificates),
    String(slot.blockingCertificates),
    slot.notAfter,
  ]);
  return `${formatFields(fields)}\n${formatTable([header, ...rows])}`;
}
