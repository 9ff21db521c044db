import { resolve } from "node:path";
import type { Command } from "commander";
import type { LoadCertificateAuthority } from "../certificate-authority.ts";
import { CommandError, EXIT_USAGE } from "../command-error.ts";
import { explain } from "../explain.ts";
import { type FormatOptions, withExamples, withFormat } from "../options.ts";
import { writeObject } from "../output.ts";
import { describePolicyReport, policyReport } from "../policy-report.ts";
import type { Terminal } from "../terminal.ts";

interface Options extends FormatOptions {
  readonly config?: string;
  readonly askOutside?: boolean;
}

const NOTES = `
A file of cases, of which each lays pieces of a request over what is usual for its signer (see config/policies):

  apiVersion: gatehouse.dev/v1
  kind: PolicyTest
  cases:
    - name: a worker joins
      given: { nodeName: worker-7 }
      verdicts: { kubelet-client: approved }
      expect: approved
    - name: a name that is not ours
      given: { nodeName: laptop }
      expect: { outcome: denied, hook: policy, rule: node-name, reason: NodeNameNotOurs }

Pieces (given): now, request, requester, subject, sans, key, nodeName, boundNodeName, previous; or csrFile, a CSR in PEM.
Outcomes: approved, denied, pending, failed (pending, because a hook could not evaluate).
Hooks that need a person, a server or a program say what verdicts says: approved, denied, noOpinion, skipped, failed.
Exit code 0 when every case is as expected, 1 when one is not, 2 when configuration or cases cannot be used.`;

export function addPolicyTest(parent: Command, terminal: Terminal, load: LoadCertificateAuthority): void {
  const command = parent
    .command("test")
    .summary("try a chain of hooks on a file of cases, without a server")
    .description(
      "Build the approval chain of a configuration and ask it about the cases of a file: what is approved, denied or left\n" +
        "pending, by which hook, rule and reason. Needs neither a server nor a data directory; made for CI.",
    )
    .argument("<cases>", "file of cases (YAML, kind PolicyTest)")
    .option("--config <file>", "configuration file, as for serve")
    .option("--ask-outside", "run scripts and ask webhooks, instead of taking their verdicts from the cases")
    .addHelpText("after", NOTES)
    .action((cases: string, options: Options) => test(cases, options, terminal, load));
  withExamples(withFormat(command), [
    "gatehouse policy test cases.yaml --config gatehouse.yaml",
    "gatehouse policy test cases.yaml --config gatehouse.yaml -o json",
  ]);
}

async function test(
  cases: string,
  { config, askOutside = false, format }: Options,
  { stdout, workingDirectory }: Terminal,
  load: LoadCertificateAuthority,
): Promise<void> {
  const { testPolicy } = await load();
  const configFile = config === undefined ? undefined : resolve(workingDirectory, config);
  const casesFile = resolve(workingDirectory, cases);
  const results = await testPolicy({ configFile, casesFile, asksOutside: askOutside }).catch(cannotBeUsed);
  writeObject(stdout, format, policyReport(results), () => describePolicyReport(results));
  const failed = results.filter(({ hasPassed }) => !hasPassed).length;
  if (failed > 0) throw new CommandError(`${failed} of ${results.length} cases failed`);
}

/** Nothing was tried: what was given is wrong. */
function cannotBeUsed(error: unknown): never {
  try {
    return explain(error);
  } catch (explained) {
    if (!(explained instanceof CommandError)) throw explained;
    throw new CommandError(explained.message, explained.hint, { cause: error, exitCode: EXIT_USAGE });
  }
}
