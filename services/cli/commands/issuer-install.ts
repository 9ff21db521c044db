import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import type { Command } from "commander";
import type { ConfiguredIssuer } from "../api-types.ts";
import { CommandError, messageOf } from "../command-error.ts";
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
import { CONFIGURED_ISSUERS_PATH } from "./issuer-list.ts";

interface Options extends ConnectionOptions, FormatOptions {
  readonly chain: string;
}

export function addIssuerInstall(parent: Command, terminal: Terminal): void {
  const command = parent
    .command("install")
    .summary("take the certificate of an issuer that was signed elsewhere")
    .description(
      "Take the certificate that was signed elsewhere, and sign with it from then on. The file holds the certificate and all\n" +
        "above it up to the root, as PEM in any order. It is checked first: whose key it is, that it may sign, that the chain\n" +
        "leads to its root, path lengths, name constraints and dates.",
    )
    .argument("<name>", "what the configuration calls the issuer")
    .requiredOption("--chain <file>", "the certificate and every one above it, PEM")
    .action((name: string, options: Options) =>
      withClient(terminal, options, async (client) => {
        const path = `${CONFIGURED_ISSUERS_PATH}/${encodeURIComponent(name)}/certificate`;
        const body = { chainPem: readChain(options, terminal) };
        const issuer = await client.json<ConfiguredIssuer>({ method: "POST", path, body });
        writeObject(terminal.stdout, options.format, issuer, () => describe(issuer));
      }),
    );
  withExamples(withConnection(withFormat(command)), [
    "gatehouse issuer install nodes --chain nodes-chain.pem",
    "gatehouse issuer install nodes --chain nodes-chain.pem -o json",
  ]);
}

function readChain({ chain }: Options, { workingDirectory }: Terminal): string {
  try {
    return readFileSync(resolve(workingDirectory, chain), "utf8");
  } catch (cause) {
    throw new CommandError(`cannot read --chain ${chain}: ${messageOf(cause)}`, undefined, { cause });
  }
}

function describe({ name, state, issuerId = "", signerNames }: ConfiguredIssuer): string {
  return formatFields([
    ["Name", name],
    ["State", state],
    ["Id", issuerId],
    ["Signs for", signerNames.join(", ") || "no signer"],
  ]);
}
