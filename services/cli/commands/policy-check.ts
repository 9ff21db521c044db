import { resolve } from "node:path";
import type { Command } from "commander";
import type { CheckedPolicy, LoadCertificateAuthority } from "../certificate-authority.ts";
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
        "file, name and character. Shows the hooks and rules, those of included files too. Exit code 1 when the chain cannot be built.",
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
  const { hooks, rules } = await checkPolicy({ configFile }).catch(explain);
  const resource = {
    ...{ apiVersion: "gatehouse.dev/v1", kind: "ApprovalCheck" },
    hooks: hooks.map(({ name, kind, required }) => ({ name, kind, required })),
    rules: rules.map(({ hook, name, effect, where }) => ({ hook, name, effect, where })),
  };
  writeObject(stdout, format, resource, () => describe({ hooks, rules }));
}

function describe({ hooks, rules }: CheckedPolicy): string {
  const hookRows = hooks.map(({ name, kind, required }) => [name, kind, required ? "yes" : "no"]);
  const hookTable = formatTable([["HOOK", "KIND", "REQUIRED"], ...hookRows]);
  if (rules.length === 0) return hookTable;
  const ruleRows = rules.map(({ hook, name, effect, where }) => [hook, name, effect, where]);
  return `${hookTable}\n${formatTable([["HOOK", "RULE", "EFFECT", "FILE"], ...ruleRows])}`;
}
