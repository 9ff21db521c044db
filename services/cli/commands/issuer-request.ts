import type { Command } from "commander";
import type { IssuerRequest } from "../api-types.ts";
import {
  type ConnectionOptions,
  type FormatOptions,
  withClient,
  withConnection,
  withExamples,
  withFormat,
} from "../options.ts";
import { serialize } from "../output.ts";
import { deliver } from "../output-file.ts";
import type { Terminal } from "../terminal.ts";
import { CONFIGURED_ISSUERS_PATH } from "./issuer-list.ts";

interface Options extends ConnectionOptions, FormatOptions {
  readonly output?: string;
}

export function addIssuerRequest(parent: Command, terminal: Terminal): void {
  const command = parent
    .command("request")
    .summary("ask for the certificate of an issuer that is signed elsewhere")
    .description(
      "Print a certificate request (PKCS#10) for an issuer that is signed elsewhere, to be given to whoever signs it.\n" +
        "The key is made by the first call and stays with the server; calling again prints a request for the same key\n" +
        "until the certificate is there.",
    )
    .argument("<name>", "what the configuration calls the issuer")
    .option("--output <file>", "write to this file instead of standard output")
    .action((name: string, options: Options) =>
      withClient(terminal, options, async (client) => {
        const path = `${CONFIGURED_ISSUERS_PATH}/${encodeURIComponent(name)}/request`;
        const answer = await client.json<IssuerRequest>({ method: "POST", path });
        deliver(
          options.format === "table" ? answer.requestPem : serialize(options.format, answer),
          options.output,
          terminal,
        );
      }),
    );
  withExamples(withConnection(withFormat(command)), [
    "gatehouse issuer request nodes > nodes.csr",
    "gatehouse issuer request nodes --output nodes.csr",
  ]);
}
