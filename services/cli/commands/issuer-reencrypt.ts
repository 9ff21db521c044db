import type { Command } from "commander";
import type { Reencryption } from "../api-types.ts";
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

export function addIssuerReencrypt(parent: Command, terminal: Terminal): void {
  const command = parent
    .command("reencrypt")
    .summary("encrypt the private keys under the first key of the encryption configuration")
    .description(
      "Encrypt the private keys anew: the server reads its encryption configuration again and brings every sealed file under\n" +
        "the first key. To rotate: put the new key first, run this, take the old key out, run this again. It may be stopped and\n" +
        "run again at any time; a configuration that does not open every file is refused and changes nothing.",
    )
    .action((options: ConnectionOptions & FormatOptions) =>
      withClient(terminal, options, async (client) => {
        const path = "/v1/issuers/reencryption";
        const outcome = await client.json<Reencryption>({ method: "POST", path, isSlow: true });
        writeObject(terminal.stdout, options.format, outcome, () => describe(outcome));
      }),
    );
  withExamples(withConnection(withFormat(command)), [
    "gatehouse issuer reencrypt",
    "gatehouse issuer reencrypt -o json",
  ]);
}

function describe({ provider, keyName, sealedFiles, rewritten }: Reencryption): string {
  return formatFields([
    ["Provider", provider],
    ["Key", keyName ?? "none: private keys are NOT encrypted"],
    ["Sealed files", String(sealedFiles)],
    ["Rewritten", String(rewritten)],
  ]);
}
