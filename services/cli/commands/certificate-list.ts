import { type Command, InvalidArgumentError, Option } from "commander";
import { parseDuration } from "../../shared/duration.ts";
import type { ApiClient } from "../api-client.ts";
import type { Certificate, List } from "../api-types.ts";
import {
  type ConnectionOptions,
  type FormatOptions,
  parseCount,
  withClient,
  withConnection,
  withExamples,
  withFormat,
} from "../options.ts";
import { formatTable, writeObject } from "../output.ts";
import type { Terminal } from "../terminal.ts";

export const CERTIFICATES_PATH = "/v1/certificates";
const DEFAULT_LIMIT = 500;
/** The server answers no more than this at once. */
const PAGE_LIMIT = 1_000;

interface Options extends ConnectionOptions, FormatOptions {
  readonly node?: string;
  readonly signer?: string;
  readonly issuer?: string;
  readonly san?: string;
  readonly key?: string;
  readonly request?: string;
  readonly state?: string;
  readonly imported: boolean;
  readonly expiresWithin?: string;
  readonly expiresBefore?: string;
  readonly expiresAfter?: string;
  readonly limit: number;
}

export function addCertificateList(parent: Command, terminal: Terminal): void {
  const command = parent
    .command("list")
    .description("list signed certificates, the newest first")
    .option("--node <name>", "only certificates of this node")
    .option("--signer <name>", "only certificates of this signer")
    .option("--issuer <id>", "only certificates of this issuer, as `issuer list` shows it, the soonest to expire first")
    .option("--san <name>", "only certificates with this DNS name or IP address")
    .option("--key <sha256>", "only certificates for the key of this SHA-256 (of its SubjectPublicKeyInfo)")
    .option("--request <name>", "only certificates that answer this request")
    .addOption(
      new Option("--state <state>", "only certificates in this state").choices(["valid", "expired", "revoked"]),
    )
    .option("--imported", "only certificates that were imported", false)
    .option("--expires-within <duration>", "only those that expire within this time, the soonest first", checkDuration)
    .option("--expires-before <time>", "only those that end before this time, the soonest first")
    .option("--expires-after <time>", "only those that end at this time or later, the soonest first")
    .option("--limit <count>", "how many to show at most; 0 shows all", parseCount, DEFAULT_LIMIT)
    .action((options: Options) => withClient(terminal, options, (client) => list(client, options, terminal)));
  withExamples(withConnection(withFormat(command)), [
    "gatehouse certificate list",
    "gatehouse certificate list --node worker-1",
    "gatehouse certificate list --expires-within 30d -o json",
    "gatehouse certificate list --san worker-1.example.org",
    "gatehouse certificate list --expires-after 2026-12-01T00:00:00Z --expires-before 2027-01-01T00:00:00Z",
  ]);
}

async function list(client: ApiClient, options: Options, { stdout, stderr }: Terminal): Promise<void> {
  const wanted = options.limit === 0 ? Number.POSITIVE_INFINITY : options.limit;
  const items: Certificate[] = [];
  let page: List<Certificate> | undefined;
  do {
    page = await fetchPage(client, options, Math.min(wanted - items.length, PAGE_LIMIT), page?.metadata.continue);
    items.push(...page.items);
  } while (page.metadata.continue !== undefined && items.length < wanted);
  if (page.metadata.continue !== undefined)
    stderr.write(`There are more than these ${items.length}; --limit 0 shows all.\n`);
  if (items.length === 0) stderr.write("No certificates.\n");
  if (items.length === 0 && options.format === "table") return;
  const { apiVersion, kind } = page;
  writeObject(stdout, options.format, { apiVersion, kind, metadata: {}, items }, () => tableOf(items));
}

function fetchPage(
  client: ApiClient,
  options: Options,
  limit: number,
  continueToken: string | undefined,
): Promise<List<Certificate>> {
  const { node, signer, issuer, san, key, request, state, expiresWithin, expiresBefore, expiresAfter } = options;
  const filters = { node, signer, issuer, san, key, request, state, expiresWithin, expiresBefore, expiresAfter };
  const imported = options.imported ? "true" : undefined;
  const query = { ...filters, imported, limit: String(limit), continue: continueToken };
  return client.json<List<Certificate>>({ path: CERTIFICATES_PATH, query });
}

function tableOf(items: readonly Certificate[]): string {
  const header = ["SERIAL", "COMMON NAME", "SIGNER", "STATE", "NOT AFTER", "REQUEST", "KEY"];
  const rows = items.map((certificate) => {
    const { serial, commonName, signerName, state, notAfter, request } = certificate;
    return [serial, commonName || "<none>", signerName, state, notAfter, request?.name ?? "<none>", keyOf(certificate)];
  });
  return formatTable([header, ...rows]);
}

/** Whether the key is that of the certificate before. */
function keyOf({ predecessor, keyReused }: Certificate): string {
  if (predecessor !== undefined && keyReused === undefined) return "<unknown>";
  return keyReused === true ? "reused" : "new";
}

function checkDuration(text: string): string {
  if (parseDuration(text) === undefined) throw new InvalidArgumentError("Give a duration such as 90m, 24h or 30d.");
  return text;
}
