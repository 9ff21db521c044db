import type { Command } from "commander";
import type { ApiClient } from "../api-client.ts";
import { ApiError } from "../api-error.ts";
import type { SigningRequest } from "../api-types.ts";
import { CommandError } from "../command-error.ts";
import {
  type ConnectionOptions,
  type FormatOptions,
  withClient,
  withConnection,
  withExamples,
  withFormat,
} from "../options.ts";
import { serialize } from "../output.ts";
import { printable, type Terminal } from "../terminal.ts";
import { REQUESTS_PATH } from "./csr-list.ts";

/** Somebody else writes the object at the same time; as often as kubectl tries. */
const MAX_TRIES = 10;

interface Verdict {
  readonly command: "approve" | "deny";
  readonly condition: "Approved" | "Denied";
  readonly opposite: "Approved" | "Denied";
  /** Past participle for messages. */
  readonly done: "approved" | "denied";
  readonly reason: string;
  readonly summary: string;
}

export const APPROVAL: Verdict = {
  command: "approve",
  condition: "Approved",
  opposite: "Denied",
  done: "approved",
  reason: "GatehouseApprove",
  summary: "approve requests, so that they are signed",
};

export const DENIAL: Verdict = {
  command: "deny",
  condition: "Denied",
  opposite: "Approved",
  done: "denied",
  reason: "GatehouseDeny",
  summary: "deny requests for good; the machine must make a new one",
};

interface Options extends ConnectionOptions, FormatOptions {
  readonly reason: string;
  readonly message: string;
}

export function addCsrDecision(parent: Command, terminal: Terminal, verdict: Verdict): void {
  const command = parent
    .command(verdict.command)
    .description(verdict.summary)
    .argument("<name...>", "names of the requests")
    .option("--reason <word>", "one word for programs, kept with the condition", verdict.reason)
    .option("--message <text>", "a sentence for people, kept with the condition", `${verdict.done} by an administrator`)
    .action((names: readonly string[], options: Options) =>
      withClient(terminal, options, (client) => decideAll(client, names, verdict, options, terminal)),
    );
  withExamples(withConnection(withFormat(command)), [
    `gatehouse csr ${verdict.command} csr-x7k2p`,
    `gatehouse csr ${verdict.command} csr-x7k2p csr-9qz4m --message "seen in rack 4"`,
  ]);
}

/** Goes through all names even when some fail, so that one bad name among many does not leave the rest undecided. */
async function decideAll(
  client: ApiClient,
  given: readonly string[],
  verdict: Verdict,
  options: Options,
  { stdout, stderr }: Terminal,
): Promise<void> {
  const names = [...new Set(given)];
  const decided: SigningRequest[] = [];
  const failures: unknown[] = [];
  for (const name of names) {
    try {
      const { request, changed } = await decide(client, name, verdict, options);
      decided.push(request);
      const outcome = pendingOutcome(request, verdict) ?? (changed ? verdict.done : `is ${verdict.done} already`);
      if (options.format === "table") stdout.write(`${printable(name)} ${outcome}\n`);
    } catch (error) {
      if (!(error instanceof CommandError) || names.length === 1) throw error;
      failures.push(error);
      stderr.write(`error: ${printable(name)}: ${error.message}\n`);
    }
  }
  if (options.format !== "table") stdout.write(serialize(options.format, listOf(decided)));
  if (failures.length > 0)
    throw new CommandError(`${failures.length} of ${names.length} requests were not ${verdict.done}`);
}

/** An approval that was counted, where more people have to give theirs. */
function pendingOutcome({ status }: SigningRequest, { condition, done }: Verdict): string | undefined {
  const conditions = status?.conditions ?? [];
  if (conditions.some(({ type }) => type === condition)) return undefined;
  const { message = "" } = conditions.find(({ type }) => type === "QuorumPending") ?? {};
  return `is not ${done} yet: ${printable(message)}`;
}

function listOf(items: readonly SigningRequest[]) {
  return { apiVersion: "certificates.k8s.io/v1", kind: "CertificateSigningRequestList", metadata: {}, items };
}

async function decide(
  client: ApiClient,
  name: string,
  verdict: Verdict,
  options: Options,
): Promise<{ readonly request: SigningRequest; readonly changed: boolean }> {
  const path = `${REQUESTS_PATH}/${encodeURIComponent(name)}`;
  for (let left = MAX_TRIES; ; left -= 1) {
    const current = await client.json<SigningRequest>({ path });
    const conditions = current.status?.conditions ?? [];
    if (conditions.some(({ type }) => type === verdict.condition)) return { request: current, changed: false };
    if (conditions.some(({ type }) => type === verdict.opposite)) throw alreadyDecided(name, verdict);
    const condition = { type: verdict.condition, status: "True", reason: options.reason, message: options.message };
    const body = { ...current, status: { ...current.status, conditions: [...conditions, condition] } };
    try {
      return { request: await client.json({ method: "PUT", path: `${path}/approval`, body }), changed: true };
    } catch (error) {
      if (left <= 1 || !(error instanceof ApiError && error.reason === "Conflict")) throw error;
    }
  }
}

function alreadyDecided(name: string, { opposite }: Verdict): CommandError {
  const done = opposite.toLowerCase();
  return new CommandError(
    `${printable(name)} is ${done} already, and a decision stands`,
    "A new request can be decided anew.",
  );
}
