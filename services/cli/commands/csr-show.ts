import type { Command } from "commander";
import type { ApiClient } from "../api-client.ts";
import { ApiError } from "../api-error.ts";
import type { Condition, Decision, List, SigningRequest } from "../api-types.ts";
import {
  type ConnectionOptions,
  type FormatOptions,
  withClient,
  withConnection,
  withExamples,
  withFormat,
} from "../options.ts";
import { formatFields, writeObject } from "../output.ts";
import type { Terminal } from "../terminal.ts";
import { REQUESTS_PATH } from "./csr-list.ts";

export function addCsrShow(parent: Command, terminal: Terminal): void {
  const command = parent
    .command("show")
    .description("show one request and what was decided on it")
    .argument("<name>", "name of the request")
    .action((name: string, options: ConnectionOptions & FormatOptions) =>
      withClient(terminal, options, (client) => show(client, name, options, terminal)),
    );
  withExamples(withConnection(withFormat(command)), [
    "gatehouse csr show csr-x7k2p",
    "gatehouse csr show csr-x7k2p -o json",
  ]);
}

async function show(client: ApiClient, name: string, { format }: FormatOptions, { stdout }: Terminal): Promise<void> {
  const request = await client.json<SigningRequest>({ path: `${REQUESTS_PATH}/${encodeURIComponent(name)}` });
  const decisions = format === "table" ? await decisionsOn(client, name) : [];
  writeObject(stdout, format, request, () => describe(request, decisions));
}

/** Without the right to see decisions, or on a plain kube-apiserver, a request is shown without them. */
async function decisionsOn(client: ApiClient, name: string): Promise<readonly Decision[]> {
  try {
    const path = `/v1/requests/${encodeURIComponent(name)}/decision`;
    return (await client.json<List<Decision>>({ path })).items;
  } catch (error) {
    if (error instanceof ApiError && (error.code === 403 || error.code === 404)) return [];
    throw error;
  }
}

function describe({ metadata, spec, status }: SigningRequest, decisions: readonly Decision[]): string {
  const lifetime = spec.expirationSeconds === undefined ? "" : `${spec.expirationSeconds} s`;
  return formatFields([
    ["Name", metadata.name],
    ["Created", metadata.creationTimestamp ?? ""],
    ["Requester", spec.username ?? ""],
    ["Groups", spec.groups ?? []],
    ["Signer", spec.signerName],
    ["Usages", spec.usages?.join(", ") ?? ""],
    ["Requested lifetime", lifetime],
    ["Condition", stateOf(status?.conditions ?? [], Boolean(status?.certificate))],
    ["Conditions", (status?.conditions ?? []).map(describeCondition)],
    ["Decisions", decisions.map(describeDecision)],
  ]);
}

/** In the words of the list's Condition column. */
function stateOf(conditions: readonly Condition[], isIssued: boolean): string {
  const has = (type: string): boolean => conditions.some((condition) => condition.type === type);
  const decision = has("Denied") ? "Denied" : has("Approved") ? "Approved" : "Pending";
  return [decision, ...(has("Failed") ? ["Failed"] : []), ...(isIssued ? ["Issued"] : [])].join(",");
}

function describeCondition({ type, status, reason, message, lastUpdateTime }: Condition): string {
  return [`${type}=${status}`, reason, message, lastUpdateTime].filter(Boolean).join("  ");
}

function describeDecision({ decidedAt, outcome, decidedBy = "", hook, reason, message }: Decision): string {
  // Who decided is not told to requesters.
  const by = [decidedBy, hook && (decidedBy ? `(${hook})` : hook)].filter(Boolean).join(" ");
  return [decidedAt, outcome, by && `by ${by}`, reason, message].filter(Boolean).join("  ");
}
