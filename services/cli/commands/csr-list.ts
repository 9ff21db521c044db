import { type Command, Option } from "commander";
import type { ApiClient, ApiRequest } from "../api-client.ts";
import type { List, ServerTable, SigningRequest } from "../api-types.ts";
import { CommandError } from "../command-error.ts";
import {
  type ConnectionOptions,
  type FormatOptions,
  withClient,
  withConnection,
  withExamples,
  withFormat,
} from "../options.ts";
import { type Format, writeObject } from "../output.ts";
import { isTable, TableWriter } from "../server-table.ts";
import type { Terminal } from "../terminal.ts";
import { watchRequests } from "./csr-watch.ts";

export const REQUESTS_PATH = "/apis/certificates.k8s.io/v1/certificatesigningrequests";
const TABLE_TYPE = "application/json;as=Table;v=v1;g=meta.k8s.io";

interface Options extends ConnectionOptions, FormatOptions {
  readonly signer?: string;
  readonly selector?: string;
  readonly watch: boolean;
}

export function addCsrList(parent: Command, terminal: Terminal): void {
  const command = parent
    .command("list")
    .description("list certificate signing requests")
    .option("--signer <name>", "only requests for this signer")
    .addOption(new Option("-l, --selector <labels>", "only requests with these labels, e.g. rack=4"))
    .option("-w, --watch", "go on and show every change", false)
    .action((options: Options) => withClient(terminal, options, (client) => list(client, options, terminal)));
  withExamples(withConnection(withFormat(command)), [
    "gatehouse csr list",
    "gatehouse csr list --watch",
    "gatehouse csr list --signer kubernetes.io/kubelet-serving -o yaml",
  ]);
}

async function list(client: ApiClient, options: Options, terminal: Terminal): Promise<void> {
  const request = listRequest(options);
  if (options.watch) return watchRequests(client, request, options.format, terminal);
  if (options.format !== "table") {
    const answer = await client.json<List<SigningRequest>>(request);
    return writeObject(terminal.stdout, options.format, answer, () => "");
  }
  const table = await fetchTable(client, request);
  if (table.rows?.length) new TableWriter(terminal.stdout).write(table);
  else terminal.stderr.write("No certificate signing requests.\n");
}

/** How the list is asked for in a format; a watch asks in the same way. */
function listRequest({ format, signer, selector }: Pick<Options, "format" | "signer" | "selector">): ApiRequest {
  const fieldSelector = signer === undefined ? undefined : `spec.signerName=${signer}`;
  return { path: REQUESTS_PATH, query: { fieldSelector, labelSelector: selector }, accept: acceptFor(format) };
}

function acceptFor(format: Format): string {
  return format === "table" ? TABLE_TYPE : "application/json";
}

/** @throws {CommandError} when the server cannot make tables. */
async function fetchTable(client: ApiClient, request: ApiRequest): Promise<ServerTable> {
  const answer = await client.json<{ readonly kind?: string }>(request);
  if (isTable(answer)) return answer;
  throw new CommandError(`the server answered with ${answer.kind ?? "something"}, not a Table`, "Try -o json.");
}
