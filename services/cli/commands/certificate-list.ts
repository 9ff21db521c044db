import { type Command, InvalidArgumentError, Option } from "commander";
import { parseDuration } from "../../shared/duration.ts";
import type { ApiClient } from "../api-client.ts";
import type { Certificate } from "../api-types.ts";
import { type ConnectionOptions, withClient, withConnection, withExamples, withFormat } from "../options.ts";
import { formatTable } from "../output.ts";
import { type PagedListOptions, showPages, withLimit } from "../paged-list.ts";
import type { Terminal } from "../terminal.ts";

export const CERTIFICATES_PATH = "/v1/certificates";

interface Options extends ConnectionOptions, PagedListOptions {
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
    .action((options: Options) => withClient(terminal, options, (client) => list(client, options, terminal)));
  withExamples(withConnection(withFormat(withLimit(command))), [
    "gatehouse certificate list",
    "gatehouse certificate list --node worker-1",
    "gatehouse certificate list --expires-within 30d -o json",
    "gatehouse certificate list --san worker-1.example.org",
    "gatehouse certificate list --expires-after 2026-12-01T00:00:00Z --expires-before 2027-01-01T00:00:00Z",
  ]);
}

function list(client: ApiClient, options: Options, terminal: Terminal): Promise<void> {
  const { node, signer, issuer, san, key, request, state, expiresWithin, expiresBefore, expiresAfter } = options;
  const filters = { node, signer, issuer, san, key, request, state, expiresWithin, expiresBefore, expiresAfter };
  const query = { ...filters, imported: options.imported ? "true" : undefined };
  return showPages(client, { path: CERTIFICATES_PATH, query }, { things: "certificates", tableOf }, options, terminal);
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
