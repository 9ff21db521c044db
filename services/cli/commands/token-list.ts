import type { Command } from "commander";
import type { BootstrapToken, List } from "../api-types.ts";
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
import { TOKENS_PATH } from "./token-create.ts";

export function addTokenList(parent: Command, terminal: Terminal): void {
  const command = parent
    .command("list")
    .description("list bootstrap tokens; their secrets are kept nowhere")
    .action((options: ConnectionOptions & FormatOptions) =>
      withClient(terminal, options, async (client) => {
        const answer = await client.json<List<BootstrapToken>>({ path: TOKENS_PATH });
        if (answer.items.length === 0) terminal.stderr.write("No bootstrap tokens.\n");
        if (answer.items.length === 0 && options.format === "table") return;
        writeObject(terminal.stdout, options.format, answer, () => tableOf(answer.items, terminal.clock.now()));
      }),
    );
  withExamples(withConnection(withFormat(command)), ["gatehouse token list", "gatehouse token list -o yaml"]);
}

function tableOf(items: readonly BootstrapToken[], now: Date): string {
  const header = ["ID", "NODE", "EXPIRES", "USAGES", "GROUPS", "CREATED BY", "DESCRIPTION"];
  const rows = items.map((token) => [
    token.id,
    token.nodeName ?? "<any>",
    expiry(token, now),
    (token.usages ?? ["authentication"]).join(",") || "<none>",
    token.groups.join(",") || "<none>",
    token.createdBy,
    token.description,
  ]);
  return formatTable([header, ...rows]);
}

function expiry({ expiresAt }: BootstrapToken, now: Date): string {
  if (expiresAt === undefined) return "never";
  return new Date(expiresAt) <= now ? `${expiresAt} (expired)` : expiresAt;
}
