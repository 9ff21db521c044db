import type { Command } from "commander";
import type { Issuer, List } from "../api-types.ts";
import {
  type ConnectionOptions,
  type FormatOptions,
  withClient,
  withConnection,
  withExamples,
  withFormat,
} from "../options.ts";
import { formatTable, writeObject } from "../output.ts";
import type { Terminal } from "../terminal.ts";

export const ISSUERS_PATH = "/v1/issuers";
const SHOWN_ID_CHARACTERS = 16;

export function addIssuerList(parent: Command, terminal: Terminal): void {
  const command = parent
    .command("list")
    .description("list the certificate authorities and their slots")
    .action((options: ConnectionOptions & FormatOptions) =>
      withClient(terminal, options, async (client) => {
        const answer = await client.json<List<Issuer>>({ path: ISSUERS_PATH });
        writeObject(terminal.stdout, options.format, answer, () => tableOf(answer.items));
      }),
    );
  withExamples(withConnection(withFormat(command)), ["gatehouse issuer list", "gatehouse issuer list -o json"]);
}

function tableOf(items: readonly Issuer[]): string {
  const header = ["ID", "COMMON NAME", "SLOT", "KEY", "ORIGIN", "NOT AFTER"];
  const rows = items.map(({ id, commonName, slot, keyAlgorithm, origin, notAfter }) => {
    return [id.slice(0, SHOWN_ID_CHARACTERS), commonName, slot, keyAlgorithm, origin, notAfter];
  });
  return formatTable([header, ...rows]);
}
