import { existsSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { resolve } from "node:path";
import type { Command } from "commander";
import { fillFileDurably } from "../../shared/durable-file.ts";
import type { ApiClient } from "../api-client.ts";
import { CommandError, messageOf } from "../command-error.ts";
import {
  type ConnectionOptions,
  type FormatOptions,
  withClient,
  withConnection,
  withExamples,
  withFormat,
} from "../options.ts";
import { writeObject } from "../output.ts";
import { createProgress, megabytes } from "../progress.ts";
import type { Terminal } from "../terminal.ts";

interface Options extends ConnectionOptions, FormatOptions {
  readonly output: string;
  readonly force: boolean;
}

export function addLedgerBackup(parent: Command, terminal: Terminal): void {
  const command = parent
    .command("backup")
    .summary("copy the ledger while the server runs")
    .description(
      "Copy the ledger while the server runs. The copy is a SQLite file with everything durable at that moment;\n" +
        "it holds no private keys, which are in the data directory's keys/.",
    )
    .requiredOption("--output <file>", "where to put the copy")
    .option("--force", "replace the file when it exists", false)
    .action((options: Options) => withClient(terminal, options, (client) => backUp(client, options, terminal)));
  withExamples(withConnection(withFormat(command)), [
    "gatehouse ledger backup --output gatehouse-$(date +%F).db",
    "gatehouse ledger verify --database gatehouse-2026-01-31.db",
  ]);
}

async function backUp(client: ApiClient, options: Options, terminal: Terminal): Promise<void> {
  const path = resolve(terminal.workingDirectory, options.output);
  if (!options.force && existsSync(path)) {
    throw new CommandError(`${path} exists`, "Choose another --output, or replace it with --force.");
  }
  const accept = "application/vnd.sqlite3";
  const stream = await client.stream({ path: "/v1/ledger/backup", accept, isSlow: true }, { signal: terminal.signal });
  const bytes = await store(stream, path, options, terminal);
  const revision = Number(stream.headers["gatehouse-revision"]);
  const result = { file: path, bytes, revision };
  writeObject(terminal.stdout, options.format, result, () => {
    return `${path}: ${megabytes(bytes)}, everything up to revision ${revision}\n`;
  });
}

/** The target becomes a whole backup or stays as it was: an answer that breaks off throws. */
async function store(stream: IncomingMessage, path: string, { force }: Options, terminal: Terminal): Promise<number> {
  const announced = stream.headers["content-length"];
  const total = announced === undefined ? undefined : Number(announced);
  const progress = createProgress(terminal.stderr, "copying the ledger", total);
  try {
    return await fillFileDurably(path, { mode: 0o600, existing: force ? "replaced" : "kept" }, async (file) => {
      let written = 0;
      for await (const chunk of stream as AsyncIterable<Buffer>) {
        await file.writeFile(chunk);
        written += chunk.length;
        progress.at(written);
      }
      return written;
    });
  } catch (cause) {
    stream.destroy();
    throw new CommandError(`the backup was not completed: ${messageOf(cause)}`, undefined, { cause });
  } finally {
    progress.end();
  }
}
