import type { Command } from "commander";
import type { ApiClient } from "../api-client.ts";
import type { Node } from "../api-types.ts";
import {
  type ConnectionOptions,
  type FormatOptions,
  withClient,
  withConnection,
  withExamples,
  withFormat,
} from "../options.ts";
import { formatFields, formatTable, writeObject } from "../output.ts";
import type { Terminal } from "../terminal.ts";
import { NODES_PATH } from "./node-list.ts";

interface Options extends ConnectionOptions, FormatOptions {}

export function addNodeShow(parent: Command, terminal: Terminal): void {
  const command = parent
    .command("show")
    .description("show what a node has and had, what replaced what, and what was renewed late or not at all")
    .argument("<name>", "the node's name")
    .action((name: string, options: Options) =>
      withClient(terminal, options, (client) => show(client, name, options, terminal)),
    );
  withExamples(withConnection(withFormat(command)), [
    "gatehouse node show worker-1",
    "gatehouse node show worker-1 -o yaml",
  ]);
}

async function show(client: ApiClient, name: string, { format }: Options, { stdout }: Terminal): Promise<void> {
  const node = await client.json<Node>({ path: `${NODES_PATH}/${encodeURIComponent(name)}` });
  writeObject(stdout, format, node, () => describe(node));
}

function describe(node: Node): string {
  const fields = formatFields([
    ["Name", node.name],
    ["State", node.state],
    ["Quarantined", node.quarantined ? "yes" : "no"],
    ...node.holdings.map((holding) => [holding.signerName, describeHolding(holding)] as const),
  ]);
  const history = historyOf(node.certificates ?? []);
  const more = node.hasMoreCertificates === true ? "Older ones are not shown; certificate list --node has all.\n" : "";
  return `${fields}\n${history}${more}`;
}

function describeHolding({ state, serial, notAfter, renewal, renewsItself }: Node["holdings"][number]): string {
  const who = renewsItself ? "the kubelet renews it" : "to be renewed";
  return `${state}: ${serial} until ${notAfter}; ${who} between ${renewal.begins} and ${renewal.ends}`;
}

function historyOf(certificates: NonNullable<Node["certificates"]>): string {
  const serials = new Map(certificates.map(({ fingerprint, serial }) => [fingerprint, serial]));
  const shown = (fingerprint: string) => serials.get(fingerprint) ?? fingerprint;
  const header = ["SERIAL", "SIGNER", "STATE", "NOT BEFORE", "NOT AFTER", "REPLACES", "RENEWED"];
  const rows = certificates.map((certificate) => {
    const { serial, signerName, state, notBefore, notAfter, predecessor } = certificate;
    const replaces = predecessor === undefined ? "<none>" : shown(predecessor);
    return [serial, signerName, state, notBefore, notAfter, replaces, renewalOf(certificate)];
  });
  return formatTable([header, ...rows]);
}

function renewalOf({ replacedAt, renewedLate }: NonNullable<Node["certificates"]>[number]): string {
  if (replacedAt === undefined) return renewedLate ? "not in time" : "<none>";
  return renewedLate ? `${replacedAt} (late)` : replacedAt;
}
