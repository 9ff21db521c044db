import { resolve } from "node:path";
import { type Command, InvalidArgumentError, Option } from "commander";
import { usageError } from "../command-error.ts";
import { namedServer, readOptionFile, type ServerOptions } from "../named-server.ts";
import {
  type AgentOptions,
  type LoadNodeAgent,
  type RenewalOptions,
  type RenewalOutcome,
  type RunOptions,
  runAgent,
  withAgent,
} from "../node-agent.ts";
import { collect, parseSeconds, withExamples } from "../options.ts";
import type { Terminal } from "../terminal.ts";

const DESCRIPTION = `Renew a certificate of this host by mutual TLS with itself, when a third of its life is left.

It asks the API server (a kube-apiserver, or Gatehouse) for a certificate of the same names and usages with a new key,
waits until that is approved and signed, checks what came, puts it in the place of the old files, and runs the reload
command that stands behind --, without a shell. Node client certificates are approved by rule selfnodeclient, kubelets'
serving certificates by the hook kubelet-serving, others by the hook self-renewal, or by people. A run that was killed,
or gave up waiting, is gone on with by the next one (FILE.renewal keeps what it needs).

Exit codes: 0 renewed, or not due; 1 files, credential or answer cannot be used; 2 the command line was wrong;
3 not approved in time; 4 denied, or failed; 5 the server could not be reached or trusted; 6 renewed, but the reload
command failed.`;

interface Options extends ServerOptions, AgentOptions {
  readonly certificate: string;
  readonly key?: string;
  readonly clientCertificate?: string;
  readonly clientKey?: string;
  readonly issuerCa?: string;
  readonly signer?: string;
  readonly usage?: readonly string[];
  readonly duration?: number;
  readonly before: RenewalOptions["lead"];
  readonly force: boolean;
  readonly keepKey: boolean;
  readonly daemon: boolean;
}

export function addRenew(parent: Command, terminal: Terminal, load: LoadNodeAgent): void {
  const command = parent
    .command("renew")
    .argument("[reload...]", "behind --: a command, and its arguments, to run when the files are replaced")
    .summary("renew a certificate of this host by mutual TLS with itself")
    .description(DESCRIPTION)
    .requiredOption("--certificate <file>", "PEM; with the key in it, as kubelet has it, or without (--key)")
    .option("--key <file>", "its key, PEM, when that is in a file of its own")
    .option("--client-certificate <file>", "who asks, for certificates that are good for servers only")
    .option("--client-key <file>", "its key, when that is in a file of its own")
    .option("--kubeconfig <file>", "where the server is and which CA it has; its user is not used")
    .option("--context <name>", "context of the kubeconfig (default: its current-context)")
    .option("--server <url>", "where the server is, instead of --kubeconfig")
    .option("--ca <file>", "the CA of --server, PEM (default: what the system trusts)")
    .option("--tls-server-name <name>", "the name in the server's certificate, when it is not the host of --server")
    .option("--issuer-ca <file>", "CAs that the new certificate must come from (default: --ca, if the old one does)")
    .option("--signer <name>", "signerName (default: Kubernetes' own, as far as the certificate shows which)")
    .option("--usage <usage>", 'like "client auth"; repeatable (default: those of the certificate)', collect)
    .option("--duration <duration>", "the lifetime to ask for (default: what the signer gives)", parseSeconds)
    .addOption(
      new Option("--before <when>", "renew so long before the end: 30d, or a part of the life like 1/3")
        .argParser(parseLead)
        .default({ fraction: 1 / 3 }, "1/3"),
    )
    .option("--force", "renew now, due or not", false)
    .option("--keep-key", "keep the key; a new one is safer", false)
    .option("--daemon", "stay, and renew whenever it is due", false)
    .action((reloadCommand: readonly string[], options: Options) => act(reloadCommand, options, terminal, load));
  withExamples(withAgent(command), [
    "gatehouse renew --certificate /var/lib/kubelet/pki/kubelet-client-current.pem --kubeconfig /etc/kubernetes/kubelet.conf",
    "gatehouse renew --certificate tls.crt --key tls.key --server https://10.0.0.1:9443 --ca ca.crt \\\n" +
      "    --signer example.com/backup --before 7d -- systemctl reload backup",
    "gatehouse renew --daemon --certificate tls.pem --kubeconfig renew.conf --signer example.com/metrics",
  ]);
}

/** `1/3`, or a duration. */
function parseLead(text: string): RenewalOptions["lead"] {
  const [, part, whole] = /^([1-9]\d{0,2})\/([1-9]\d{0,2})$/.exec(text) ?? [];
  if (part === undefined) return { seconds: parseSeconds(text) };
  const fraction = Number(part) / Number(whole);
  if (fraction >= 1) throw new InvalidArgumentError("Give less than the whole life, such as 1/3.");
  return { fraction };
}

async function act(reloadCommand: readonly string[], options: Options, terminal: Terminal, load: LoadNodeAgent) {
  if (options.daemon && options.force) throw usageError("--force contradicts --daemon", "Renew once with --force.");
  const renewal = renewalOptions(reloadCommand, options, terminal);
  await runAgent("stopped before the certificate was renewed", async (signal) => {
    const run: RunOptions = { logLevel: options.logLevel, logFormat: terminal.stderr.isTTY ? "text" : "json", signal };
    const { renewCertificate, keepCertificateRenewed } = await load();
    if (options.daemon) await keepCertificateRenewed(renewal, run);
    else terminal.stdout.write(`${describe(options.certificate, await renewCertificate(renewal, run))}\n`);
  });
}

function describe(file: string, outcome: RenewalOutcome): string {
  const end = outcome.notAfter.toISOString();
  if (outcome.kind === "renewed") return `${file} is renewed, until ${end}`;
  return `${file} is good until ${end} and due at ${outcome.renewsAt.toISOString()}`;
}

function renewalOptions(reloadCommand: readonly string[], options: Options, terminal: Terminal): RenewalOptions {
  const { clientCertificate, clientKey, issuerCa, signer, usage, duration } = options;
  const path = (file: string): string => resolve(terminal.workingDirectory, file);
  const optional = (file: string | undefined): string | undefined => (file === undefined ? undefined : path(file));
  if (clientKey !== undefined && clientCertificate === undefined)
    throw usageError("--client-key needs --client-certificate");
  return {
    paths: { certificateFile: path(options.certificate), keyFile: optional(options.key) },
    clientPaths:
      clientCertificate === undefined
        ? undefined
        : { certificateFile: path(clientCertificate), keyFile: optional(clientKey) },
    server: namedServer(options, terminal),
    issuersPem: issuerCa === undefined ? undefined : readOptionFile(path(issuerCa), "--issuer-ca"),
    ...{ signerName: signer, usages: usage, expirationSeconds: duration, lead: options.before },
    ...{ isForced: options.force, keepsKey: options.keepKey, waitSeconds: options.wait, retrySeconds: options.retry },
    reloadCommand,
  };
}
