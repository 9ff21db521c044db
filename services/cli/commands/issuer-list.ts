import type { Command } from "commander";
import type { ConfiguredIssuer, Issuer, List } from "../api-types.ts";
import {
  type ConnectionOptions,
  type FormatOptions,
  withClient,
  withConnection,
  withExamples,
  withFormat,
} from "../options.ts";
import { formatTable, writeObject } from "../output.ts";
import { printable, type Terminal } from "../terminal.ts";

export const ISSUERS_PATH = "/v1/issuers";
export const CONFIGURED_ISSUERS_PATH = "/v1/configured-issuers";
const SHOWN_ID_CHARACTERS = 16;

export function addIssuerList(parent: Command, terminal: Terminal): void {
  const command = parent
    .command("list")
    .summary("list the certificate authorities and their slots")
    .description(
      "List the certificate authorities and their slots, those that cannot sign yet among them, and what is wrong with any.",
    )
    .action((options: ConnectionOptions & FormatOptions) =>
      withClient(terminal, options, async (client) => {
        const answer = await client.json<List<Issuer>>({ path: ISSUERS_PATH });
        const isTable = options.format === "table";
        const configured = isTable
          ? await client.json<List<ConfiguredIssuer>>({ path: CONFIGURED_ISSUERS_PATH })
          : undefined;
        writeObject(terminal.stdout, options.format, answer, () => tableOf(answer.items, configured?.items ?? []));
      }),
    );
  withExamples(withConnection(withFormat(command)), ["gatehouse issuer list", "gatehouse issuer list -o json"]);
}

function tableOf(items: readonly Issuer[], configured: readonly ConfiguredIssuer[]): string {
  const header = ["ID", "NAME", "COMMON NAME", "SLOT", "KEY", "ORIGIN", "NOT AFTER"];
  const rows = items.map(({ id, name, commonName, slot, endedAt, keyAlgorithm, origin, notAfter }) => {
    const ended = slot === "prepared" ? "abandoned" : "retired";
    const state = endedAt === undefined ? slot : ended;
    return [id.slice(0, SHOWN_ID_CHARACTERS), name, commonName, state, keyAlgorithm, origin, notAfter];
  });
  const awaited = configured
    .filter(({ issuerId }) => issuerId === undefined)
    .map(({ name }) => ["-", name, "-", "awaited"]);
  const problems = configured.flatMap(({ problem }) => (problem === undefined ? [] : [`${printable(problem)}\n`]));
  return formatTable([header, ...rows, ...awaited]) + problems.join("");
}
