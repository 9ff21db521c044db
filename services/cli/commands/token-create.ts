import { type Command, Option } from "commander";
import { stringify } from "yaml";
import type { ApiClient } from "../api-client.ts";
import type { BootstrapToken } from "../api-types.ts";
import { CommandError, usageError } from "../command-error.ts";
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
import { writeObject } from "../output.ts";
import type { Terminal } from "../terminal.ts";

export const TOKENS_PATH = "/v1/bootstrap-tokens";

interface Options extends ConnectionOptions, FormatOptions {
  readonly node?: string;
  /** Whole seconds. */
  readonly ttl?: number;
  readonly neverExpires: boolean;
  readonly group?: readonly string[];
  readonly description?: string;
  readonly printKubeconfig: boolean;
  readonly for: string;
}

export function addTokenCreate(parent: Command, terminal: Terminal): void {
  const command = parent
    .command("create")
    .summary("make a bootstrap token")
    .description(
      "Make a bootstrap token, by which a machine without a certificate asks for one.\n" +
        "The token is printed once and kept nowhere: store it, or make another.",
    )
    .option("--node <name>", "good for this node's certificate only")
    .option("--ttl <duration>", "how long it is good for, at most 365d (default: 24h)", parseSeconds)
    .option("--never-expires", "good until it is deleted", false)
    .option(
      "--group <name>",
      "a group besides system:bootstrappers, like system:bootstrappers:rack-4; repeatable",
      collect,
    )
    .addOption(
      new Option(
        "--for <use>",
        "to log in with, or to attest with: used up by one gatehouse join --attestor join_token",
      )
        .choices(["authentication", "attestation"])
        .default("authentication"),
    )
    .option("--description <text>", "what it is for")
    .option("--print-kubeconfig", "print a bootstrap.kubeconfig for a kubelet instead of the token", false)
    .action((options: Options) => withClient(terminal, options, (client) => create(client, options, terminal)));
  withExamples(withConnection(withFormat(command)), [
    "gatehouse token create",
    'gatehouse token create --node worker-1 --ttl 1h --description "rack 4"',
    "gatehouse token create --for attestation --node worker-1 --ttl 15m",
    "gatehouse token create --print-kubeconfig > bootstrap.kubeconfig",
  ]);
}

async function create(client: ApiClient, options: Options, { stdout, stderr }: Terminal): Promise<void> {
  const { node, ttl, neverExpires, group, description, printKubeconfig, format } = options;
  if (neverExpires && ttl !== undefined) throw usageError("--never-expires contradicts --ttl", "Give one of the two.");
  if (options.for === "attestation" && printKubeconfig)
    throw usageError(
      "--print-kubeconfig contradicts --for attestation",
      "Nobody logs in with such a token; leave one out.",
    );
  if (printKubeconfig && format !== "table") {
    throw usageError(`--print-kubeconfig contradicts -o ${format}`, "A kubeconfig is YAML; leave -o out.");
  }
  const body = {
    ...(options.for !== "authentication" && { use: options.for }),
    ...(neverExpires && { neverExpires }),
    ...(ttl !== undefined && { ttlSeconds: ttl }),
    ...(node !== undefined && { nodeName: node }),
    ...(group !== undefined && { groups: group }),
    ...(description !== undefined && { description }),
  };
  // Asked for first: a token that is made and then cannot be shown would be lost.
  const caPem = printKubeconfig ? await caOf(client) : "";
  const created = await client.json<BootstrapToken>({ method: "POST", path: TOKENS_PATH, body });
  const { token } = created;
  if (token === undefined) throw new CommandError("the server's answer holds no token", "Is it a Gatehouse server?");
  if (printKubeconfig) stdout.write(bootstrapKubeconfig(client, caPem, token));
  else writeObject(stdout, format, created, () => `${token}\n`);
  const end = created.expiresAt === undefined ? "never expires" : `expires ${created.expiresAt}`;
  const scope = created.nodeName === undefined ? "any node" : `node ${created.nodeName} only`;
  stderr.write(`Token ${created.id} is for ${scope} and ${end}. It is not shown again.\n`);
}

/** What the new kubeconfig shall trust: what this one trusts, or else what the server hands out. */
async function caOf(client: ApiClient): Promise<string> {
  const { caPem } = client.connection;
  return caPem ?? client.text({ path: "/v1/trust-bundle", accept: "application/x-pem-file" });
}

function bootstrapKubeconfig({ connection }: ApiClient, caPem: string, token: string): string {
  const name = "gatehouse";
  const user = "kubelet-bootstrap";
  const server = connection.server.href.replace(/\/$/, "");
  const tlsServerName = connection.tlsServerName && { "tls-server-name": connection.tlsServerName };
  const cluster = { server, "certificate-authority-data": Buffer.from(caPem).toString("base64"), ...tlsServerName };
  return stringify({
    apiVersion: "v1",
    kind: "Config",
    clusters: [{ name, cluster }],
    users: [{ name: user, user: { token } }],
    contexts: [{ name, context: { cluster: name, user } }],
    "current-context": name,
  });
}
