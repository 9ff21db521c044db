import type { Command } from "commander";
import { usageError } from "../command-error.ts";
import {
  type ConnectionOptions,
  type FormatOptions,
  withClient,
  withConnection,
  withExamples,
  withFormat,
} from "../options.ts";
import { writeObject } from "../output.ts";
import type { Terminal } from "../terminal.ts";
import { TOKENS_PATH } from "./token-create.ts";

export function addTokenDelete(parent: Command, terminal: Terminal): void {
  const command = parent
    .command("delete")
    .description("take a bootstrap token back; it stops working at once")
    .argument("<id>", "id of the token, the six characters before its dot")
    .action((token: string, options: ConnectionOptions & FormatOptions) => {
      const id = idOf(token);
      return withClient(terminal, options, async (client) => {
        const answer = await client.json({ method: "DELETE", path: `${TOKENS_PATH}/${id}` });
        writeObject(terminal.stdout, options.format, answer, () => `token ${id} deleted\n`);
      });
    });
  withExamples(withConnection(withFormat(command)), ["gatehouse token delete a1b2c3"]);
}

/** Accepts a whole token too, and sends its id only. */
function idOf(token: string): string {
  const match = /^([a-z0-9]{6})(\.[a-z0-9]{16})?$/.exec(token);
  if (match?.[1] !== undefined) return match[1];
  throw usageError("a token's id is six characters of a-z and 0-9", 'See "gatehouse token list".');
}
