import { hostname } from "node:os";
import { resolve } from "node:path";
import { type Command, InvalidArgumentError, Option } from "commander";
import { CommandError, usageError } from "../command-error.ts";
import { namedServer, readOptionFile, type ServerOptions, trustedConnection } from "../named-server.ts";
import {
  type BootstrapCredentials,
  type JoinOptions,
  type JoinOutcome,
  LOG_LEVELS,
  type LoadNodeAgent,
  runAgent,
} from "../node-agent.ts";
import { collect, type FormatOptions, parseSeconds, withExamples, withFormat } from "../options.ts";
import { formatTable, writeObject } from "../output.ts";
import type { Terminal } from "../terminal.ts";

const TOKEN_VARIABLE = "GATEHOUSE_BOOTSTRAP_TOKEN";
const BOOTSTRAP_KUBECONFIG = "/etc/kubernetes/bootstrap-kubelet.conf";
const KUBELET_KUBECONFIG = "/etc/kubernetes/kubelet.conf";
const CERTIFICATE_DIRECTORY = "/var/lib/kubelet/pki";
const DEFAULT_WAIT_SECONDS = 300;
const DEFAULT_RETRY_SECONDS = 120;
const PIN = /^sha256:[0-9a-f]{64}$/;

const DESCRIPTION = `Prepare this host for its kubelet, from a bootstrap token: leave the kubeconfig that the kubelet bootstraps with, or, with
--certificate, ask for its client certificate here and now and leave it where the kubelet looks, so that it need not
bootstrap. Works with Gatehouse and with any kube-apiserver.

Where the server is and who asks is said by a bootstrap kubeconfig (--kubeconfig), or by --server, its CA (--ca, or the
hash of the CA's key, --ca-pin) and a token from a file or from $${TOKEN_VARIABLE}; tokens are no options, since
everybody on a host sees those. What is there stays: run it again and it says so. A run that was killed, or gave up
waiting, is gone on with by the next one.

Exit codes: 0 done, or there already; 1 files, credential or answer cannot be used; 2 the command line was wrong;
3 not approved in time; 4 denied, or failed; 5 the server could not be reached or trusted.`;

interface Options extends ServerOptions, FormatOptions {
  readonly nodeName?: string;
  readonly caPin?: readonly string[];
  readonly tokenFile?: string;
  readonly certificate: boolean;
  readonly bootstrapKubeconfig?: string;
  readonly kubeletKubeconfig: string;
  readonly certDir: string;
  readonly dryRun: boolean;
  readonly replace: boolean;
  readonly wait: number;
  readonly retry: number;
  readonly logLevel: (typeof LOG_LEVELS)[number];
}

export function addJoin(parent: Command, terminal: Terminal, load: LoadNodeAgent): void {
  const command = parent
    .command("join")
    .summary("prepare this host for its kubelet: a kubeconfig, or the client certificate itself")
    .description(DESCRIPTION)
    .option("--node-name <name>", "the node's name (default: this host's, in lower case, as kubelets have it)")
    .option("--kubeconfig <file>", "where the server is, which CA it has, and the token or certificate to ask with")
    .option("--context <name>", "context of the kubeconfig (default: its current-context)")
    .option("--server <url>", "where the server is, instead of --kubeconfig")
    .option("--ca <file>", "the CA of --server, PEM (default: what the system trusts)")
    .option("--ca-pin <hash>", "sha256:<hex> of the key of --server's CA, as kubeadm writes it; repeatable", collectPin)
    .option("--tls-server-name <name>", "the name in the server's certificate, when it is not the host of --server")
    .option("--token-file <file>", `a file with the bootstrap token (default: $${TOKEN_VARIABLE}, with --server)`)
    .option("--certificate", "ask for the client certificate, and leave it with a kubeconfig for the kubelet", false)
    .option(
      "--bootstrap-kubeconfig <file>",
      `where to leave what the kubelet bootstraps with (default: ${BOOTSTRAP_KUBECONFIG}; with --certificate: nowhere)`,
    )
    .option("--kubelet-kubeconfig <file>", "the kubelet's --kubeconfig", KUBELET_KUBECONFIG)
    .option("--cert-dir <directory>", "the kubelet's --cert-dir", CERTIFICATE_DIRECTORY)
    .option("--dry-run", "change nothing; say what would be done", false)
    .option("--replace", "replace what is there, also of another node or server", false)
    .option("--wait <duration>", "how long to wait for approval (default: 5m)", parseSeconds, DEFAULT_WAIT_SECONDS)
    .option(
      "--retry <duration>",
      "how long to try an unreachable server (default: 2m)",
      parseSeconds,
      DEFAULT_RETRY_SECONDS,
    )
    .addOption(new Option("--log-level <level>", "what to log").choices([...LOG_LEVELS]).default("info"))
    .action((options: Options) => act(options, terminal, load));
  withExamples(withFormat(command), [
    "gatehouse join --kubeconfig bootstrap.kubeconfig",
    "gatehouse join --kubeconfig bootstrap.kubeconfig --certificate --node-name worker-1",
    "gatehouse join --certificate --server https://10.0.0.1:6443 --ca-pin sha256:7c2e… --token-file /run/token",
    "gatehouse join --kubeconfig bootstrap.kubeconfig --certificate --dry-run -o json",
  ]);
}

function collectPin(value: string, before: readonly string[] = []): readonly string[] {
  const pin = value.toLowerCase();
  if (!PIN.test(pin)) throw new InvalidArgumentError("Give sha256: and 64 hexadecimal digits.");
  return collect(pin, before);
}

async function act(options: Options, terminal: Terminal, load: LoadNodeAgent): Promise<void> {
  const join = joinOptions(options, terminal);
  const outcome = await runAgent("stopped before this host has joined", async (signal) => {
    const { joinCluster } = await load();
    return joinCluster(join, {
      ...{ logLevel: options.logLevel, signal },
      logFormat: terminal.stderr.isTTY ? "text" : "json",
    });
  });
  writeObject(terminal.stdout, options.format, outcome, () => describe(outcome));
}

function joinOptions(options: Options, terminal: Terminal): JoinOptions {
  const { caPin: pins = [], bootstrapKubeconfig, certificate: wantsCertificate } = options;
  const path = (file: string): string => resolve(terminal.workingDirectory, file);
  if (pins.length > 0 && options.server === undefined) {
    throw usageError("--ca-pin needs --server", "A kubeconfig names its CA itself.");
  }
  if (pins.length > 0 && options.ca !== undefined)
    throw usageError("--ca-pin contradicts --ca", "Give one of the two.");
  const bootstrap = bootstrapKubeconfig ?? (wantsCertificate ? undefined : BOOTSTRAP_KUBECONFIG);
  return {
    nodeName: options.nodeName ?? hostname().trim().toLowerCase(),
    server: { ...namedServer(options, terminal), pins },
    credentials: async () => credentialsOf(options, terminal),
    paths: {
      bootstrapKubeconfig: bootstrap === undefined ? undefined : path(bootstrap),
      kubeconfig: path(options.kubeletKubeconfig),
      certificateDirectory: path(options.certDir),
    },
    ...{ wantsCertificate, isDryRun: options.dryRun, mayReplace: options.replace },
    ...{ waitSeconds: options.wait, retrySeconds: options.retry },
  };
}

/** The token of a file, or what the kubeconfig says, or the token of the environment. */
function credentialsOf(options: Options, terminal: Terminal): BootstrapCredentials {
  const { tokenFile, kubeconfig } = options;
  const { environment, workingDirectory } = terminal;
  if (tokenFile !== undefined) {
    return { token: requireToken(readOptionFile(resolve(workingDirectory, tokenFile), "--token-file"), tokenFile) };
  }
  if (kubeconfig === undefined) {
    const token = environment[TOKEN_VARIABLE];
    if (token) return { token: requireToken(token, `$${TOKEN_VARIABLE}`) };
    throw usageError("there is no bootstrap token", `Name a file with --token-file, or set $${TOKEN_VARIABLE}.`);
  }
  const { clientCertificatePem, clientKeyPem, token, source } = trustedConnection(options, terminal);
  if (clientCertificatePem !== undefined && clientKeyPem !== undefined) {
    return { certificatePem: clientCertificatePem, keyPem: clientKeyPem };
  }
  if (token !== undefined) return { token: requireToken(token, source) };
  throw new CommandError(`${source} has neither a token nor a client certificate`, "Name a token with --token-file.");
}

/** The message does not repeat it. */
function requireToken(text: string, where: string): string {
  const token = text.trim();
  if (/^[\x21-\x7e]+$/.test(token)) return token;
  throw new CommandError(
    `${where} holds no token`,
    "It holds one token and nothing else, like abcdef.0123456789abcdef.",
  );
}

const WHAT = {
  bootstrapKubeconfig: "kubeconfig to bootstrap with",
  certificate: "client certificate and key",
  kubeconfig: "kubeconfig of the kubelet",
} as const;
const STATES = { kept: "was there", written: "written", wouldWrite: "would be written" } as const;

function describe({ nodeName, server, isDryRun, files, certificate }: JoinOutcome): string {
  const rows = files.map(({ what, path, state }) => [WHAT[what], STATES[state], path]);
  const end = certificate === undefined ? "" : `; its certificate is good until ${certificate.notAfter.toISOString()}`;
  const title = isDryRun ? "nothing was changed" : `node ${nodeName} is prepared for ${server}${end}`;
  return `${formatTable([["FILE", "STATE", "PATH"], ...rows])}\n${title}\n`;
}
