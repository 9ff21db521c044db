import { resolve } from "node:path";
import type { Command } from "commander";
import type { LoadCertificateAuthority } from "../certificate-authority.ts";
import { explain } from "../explain.ts";
import { type FormatOptions, withExamples, withFormat } from "../options.ts";
import { formatTable, writeObject } from "../output.ts";
import type { Terminal } from "../terminal.ts";

interface Options extends FormatOptions {
  readonly config?: string;
}

export function addPolicyCheck(parent: Command, terminal: Terminal, load: LoadCertificateAuthority): void {
  const command = parent
    .command("check")
    .summary("check the hooks and rules of a configuration, without a server")
    .description(
      "Build the approval chain of a configuration as a server would, and say everything that is wrong with it: each rule by\n" +
        "file, name and character. Exit code 1 when the chain cannot be built.",
    )
    .option("--config <file>", "configuration file, as for serve")
    .action(({ config, format }: Options) => check(config, format, terminal, load));
  withExamples(withFormat(command), ["gatehouse policy check --config gatehouse.yaml"]);
}

async function check(
  config: string | undefined,
  format: FormatOptions["format"],
  { stdout, workingDirectory }: Terminal,
  load: LoadCertificateAuthority,
): Promise<void> {
  const { checkPolicy } = await load();
  const configFile = config === undefined ? undefined : resolve(workingDirectory, config);
  const hooks = await checkPolicy({ configFile }).catch(explain);
  const items = hooks.map(({ name, kind, required }) => ({ name, kind, required }));
  const header = ["HOOK", "KIND", "REQUIRED"];
  const rows = items.map(({ name, kind, required }) => [name, kind, required ? "yes" : "no"]);
  writeObject(stdout, format, { apiVersion: "gatehouse.dev/v1", kind: "ApprovalHookList", items }, () =>
    formatTable([header, ...rows]),
  );
}
