import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { Command } from "commander";
import { parseDocument } from "yaml";
import type { ApiClient } from "../api-client.ts";
import type { Decision, ExplainRequest, Flip, List, TraceEntry } from "../api-types.ts";
import { CommandError, messageOf, usageError } from "../command-error.ts";
import {
  type ConnectionOptions,
  collect,
  type FormatOptions,
  parseSeconds,
  withClient,
  withConnection,
  withExamples,
  withFormat,
} from "../options.ts";
import { formatFields, formatTable, writeObject } from "../output.ts";
import { printable, type Terminal } from "../terminal.ts";

const SHOWN_CHARACTERS = 500;

interface Options extends ConnectionOptions, FormatOptions {
  readonly file?: string;
  readonly as?: string;
  readonly asGroup?: readonly string[];
  readonly signer?: string;
  readonly usage?: readonly string[];
  readonly lifetime?: number;
}

export function addCsrExplain(parent: Command, terminal: Terminal): void {
  const command = parent
    .command("explain")
    .summary("why a request is approved, denied or pending, and what would change that")
    .description(
      "Show what each hook said of a request, and the smallest change that would bring another outcome.\n" +
        "With --file, a request that is not made is decided by the hooks as they are now; nothing is stored.\n" +
        "Who made a request may ask about it without further rights, and is told the outcome without what it rests on.",
    )
    .argument("[name]", "name of the request")
    .option("-f, --file <file>", "a CertificateSigningRequest in YAML or JSON, or a CSR in PEM")
    .option("--as <user>", "with --file: who is taken to ask; needs the right to impersonate them")
    .option("--as-group <group>", "with --as: a group of that user; may be repeated", collect)
    .option("--signer <name>", "with a CSR in PEM: the signer that is asked")
    .option("--usage <usage>", "with a CSR in PEM: a usage that is asked for; may be repeated", collect)
    .option("--lifetime <duration>", "with a CSR in PEM: the lifetime that is asked for", parseSeconds)
    .action((name: string | undefined, options: Options) =>
      withClient(terminal, options, (client) => explain(client, name, options, terminal)),
    );
  withExamples(withConnection(withFormat(command)), [
    "gatehouse csr explain csr-x7k2p",
    "gatehouse csr explain csr-x7k2p -o json",
    "gatehouse csr explain -f request.yaml --as system:bootstrap:abcdef --as-group system:bootstrappers",
    "gatehouse csr explain -f worker-1.csr --signer kubernetes.io/kubelet-serving --as system:node:worker-1 --as-group system:nodes",
  ]);
}

async function explain(client: ApiClient, name: string | undefined, options: Options, terminal: Terminal) {
  if ((name === undefined) === (options.file === undefined)) {
    throw usageError("give the name of a request or --file", "csr list names the requests.");
  }
  const decision = name === undefined ? await rehearsed(client, options, terminal) : await newest(client, name);
  writeObject(terminal.stdout, options.format, decision, () => describe(decision));
}

async function newest(client: ApiClient, name: string): Promise<Decision> {
  const path = `/v1/requests/${encodeURIComponent(name)}/decision`;
  const decision = (await client.json<List<Decision>>({ path })).items.at(-1);
  if (decision !== undefined) return decision;
  throw new CommandError(`nothing has been decided on ${printable(name)} yet`, "Ask again in a moment.");
}

async function rehearsed(client: ApiClient, options: Options, terminal: Terminal): Promise<Decision> {
  const body = { ...requestIn(options, terminal), ...requesterOf(options) };
  return client.json<Decision>({ method: "POST", path: "/v1/explain", body });
}

function requesterOf({ as: username, asGroup }: Options): Pick<ExplainRequest, "requester"> {
  if (username === undefined && asGroup !== undefined) throw usageError("--as-group needs --as");
  return username === undefined ? {} : { requester: { username, ...(asGroup && { groups: asGroup }) } };
}

function requestIn({ file = "", signer, usage, lifetime }: Options, { workingDirectory }: Terminal): ExplainRequest {
  const path = resolve(workingDirectory, file);
  const text = readText(path);
  if (text.includes("-----BEGIN ")) {
    if (signer === undefined) throw usageError(`${file} is a CSR in PEM: say which signer is asked with --signer`);
    const asked = { ...(usage && { usages: usage }), ...(lifetime !== undefined && { expirationSeconds: lifetime }) };
    return { requestPem: text, signerName: signer, ...asked };
  }
  if ((signer ?? usage ?? lifetime) !== undefined) {
    throw usageError("--signer, --usage and --lifetime are for a CSR in PEM", `${file} has its own.`);
  }
  const document = parseDocument(text);
  const value: unknown = document.errors.length > 0 ? undefined : document.toJS({ maxAliasCount: 100 });
  const { apiVersion, kind, metadata, spec } = Object(value) as ExplainRequest;
  if (kind === "CertificateSigningRequest")
    return { apiVersion, kind, ...(metadata !== undefined && { metadata }), spec };
  throw new CommandError(`${path} holds neither a CertificateSigningRequest nor a CSR in PEM`);
}

function readText(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw new CommandError(`cannot read ${path}: ${messageOf(cause)}`, undefined, { cause });
  }
}

function describe(decision: Decision): string {
  const { request, outcome, reason, message, decidedAt, decidedBy, hook } = decision;
  const fields = formatFields([
    ["Request", request.name],
    ["Signer", request.signerName],
    ["Requester", request.requester],
    ["Outcome", decision.rehearsal ? `${outcome} (nothing was stored)` : outcome],
    ["Reason", reason],
    ["Message", message],
    ["Decided", [decidedAt, decidedBy && `by ${decidedBy}`, hook && `(${hook})`].filter(Boolean).join(" ")],
  ]);
  return `${fields}\n${describeTrace(decision.trace)}${describeFlips(decision.explanation?.flips ?? [])}`;
}

/** A line a hook; what its verdict rests on stands below it. */
function describeTrace(trace: readonly TraceEntry[]): string {
  const rows = trace.map((entry) => [
    entry.required ? `${entry.hook} (required)` : entry.hook,
    entry.kind,
    entry.reason,
    entry.message,
  ]);
  const [header = "", ...lines] = formatTable([["HOOK", "VERDICT", "REASON", "MESSAGE"], ...rows]).split("\n");
  const withEvidence = lines.flatMap((line, index) => [line, ...evidenceLines(trace[index])]);
  return [header, ...withEvidence].join("\n");
}

function evidenceLines(entry: TraceEntry | undefined): readonly string[] {
  const facts = Object.entries(entry?.evidence ?? {}).filter(([key]) => key !== "hint");
  return facts.map(([key, value], index) => {
    const isLast = index === facts.length - 1;
    const text = typeof value === "string" ? value : JSON.stringify(value);
    const shown = text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text;
    return `  ${isLast ? "└─" : "├─"} ${printable(`${key}: ${shown}`)}`;
  });
}

/** What denies is left out where something would approve: everybody may deny. */
function describeFlips(flips: readonly Flip[]): string {
  const useful = flips.filter(({ outcome }) => outcome !== "denied");
  const shown = useful.length > 0 ? useful : flips;
  if (shown.length === 0) return "";
  const lines = shown.flatMap(({ message, changes }) => [
    `  ${printable(message)}`,
    ...changes.flatMap(({ hook, hint }) => (hint === undefined ? [] : [`    ${printable(`${hook}: ${hint}`)}`])),
  ]);
  return `\nIt would be\n${lines.join("\n")}\n`;
}
