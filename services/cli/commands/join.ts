import { hostname } from "node:os";
import { resolve } from "node:path";
import { type Command, InvalidArgumentError } from "commander";
import { CommandError, usageError } from "../command-error.ts";
import { namedServer, readOptionFile, type ServerOptions, trustedConnection } from "../named-server.ts";
import {
  type Admission,
  type AgentOptions,
  type JoinOptions,
  type JoinOutcome,
  type LoadNodeAgent,
  runAgent,
  withAgent,
} from "../node-agent.ts";
import { collect, type FormatOptions, withExamples, withFormat } from "../options.ts";
import { formatTable, writeObject } from "../output.ts";
import type { Terminal } from "../terminal.ts";
import { type EvidenceOptions, evidenceSource, JOIN_TOKEN_VARIABLE, withEvidence } from "./join-evidence.ts";

const TOKEN_VARIABLE = "GATEHOUSE_BOOTSTRAP_TOKEN";
const BOOTSTRAP_KUBECONFIG = "/etc/kubernetes/bootstrap-kubelet.conf";
const KUBELET_KUBECONFIG = "/etc/kubernetes/kubelet.conf";
const CERTIFICATE_DIRECTORY = "/var/lib/kubelet/pki";
const PIN = /^sha256:[0-9a-f]{64}$/;

const DESCRIPTION = `Prepare this host for its kubelet: leave the kubeconfig that the kubelet bootstraps with, or, with --certificate,
ask for its client certificate here and now and leave it where the kubelet looks, so that it need not bootstrap.

This host is let in by a bootstrap token, with Gatehouse or any kube-apiserver: --kubeconfig, or --server, its CA
(--ca, or the hash of the CA's key, --ca-pin) and a token from a file or from $${TOKEN_VARIABLE}. Or
it proves to Gatehouse what it is, with --attestor, and gets a credential of a few minutes for one node's name;
--server is then Gatehouse. Secrets are no options, since everybody on a host sees those. What is there stays: run it
again and it says so. A run that was killed, or gave up waiting, is gone on with by the next one.

With --attestor and --exec it is the program that a kubelet's bootstrap kubeconfig names under exec: it attests
whenever the kubelet needs a credential, and writes nothing but that, to standard output.

Exit codes: 0 done, or there already; 1 files, credential, evidence or answer cannot be used; 2 the command line was
wrong; 3 not approved in time; 4 denied, or failed; 5 the server could not be reached or trusted.`;

interface Options extends ServerOptions, FormatOptions, EvidenceOptions, AgentOptions {
  readonly exec: boolean;
  readonly nodeName?: string;
  readonly caPin?: readonly string[];
  readonly certificate: boolean;
  readonly bootstrapKubeconfig?: string;
  readonly kubeletKubeconfig: string;
  readonly certDir: string;
  readonly dryRun: boolean;
  readonly replace: boolean;
}

type TokenAdmission = Extract<Admission, { kind: "credentials" }>;

export function addJoin(parent: Command, terminal: Terminal, load: LoadNodeAgent): void {
  const join = parent
    .command("join")
    .summary("prepare this host for its kubelet: a kubeconfig, or the client certificate itself")
    .description(DESCRIPTION)
    .option(
      "--node-name <name>",
      "the node's name (default: this host's, in lower case, as kubelets have it; with --attestor: what is proven)",
    )
    .option("--kubeconfig <file>", "where the server is, which CA it has, and the token or certificate to ask with")
    .option("--context <name>", "context of the kubeconfig (default: its current-context)")
    .option("--server <url>", "where the server is, instead of --kubeconfig")
    .option("--ca <file>", "the CA of --server, PEM (default: what the system trusts)")
    .option("--ca-pin <hash>", "sha256:<hex> of the key of --server's CA, as kubeadm writes it; repeatable", collectPin)
    .option("--tls-server-name <name>", "the name in the server's certificate, when it is not the host of --server")
    .option(
      "--token-file <file>",
      `a file with the bootstrap token, or the join token (default: $${TOKEN_VARIABLE}, $${JOIN_TOKEN_VARIABLE})`,
    )
    .option("--certificate", "ask for the client certificate, and leave it with a kubeconfig for the kubelet", false)
    .option(
      "--bootstrap-kubeconfig <file>",
      `where to leave what the kubelet bootstraps with (default: ${BOOTSTRAP_KUBECONFIG}; with --certificate: nowhere)`,
    )
    .option("--kubelet-kubeconfig <file>", "the kubelet's --kubeconfig", KUBELET_KUBECONFIG)
    .option("--cert-dir <directory>", "the kubelet's --cert-dir", CERTIFICATE_DIRECTORY)
    .option("--dry-run", "change nothing; say what would be done", false)
    .option("--replace", "replace what is there, also of another node or server", false)
    .option("--exec", "be a kubelet's exec plugin: print a credential, write nothing", false)
    .action((options: Options) => act(options, terminal, load));
  withExamples(withFormat(withEvidence(withAgent(join))), [
    "gatehouse join --kubeconfig bootstrap.kubeconfig",
    "gatehouse join --kubeconfig bootstrap.kubeconfig --certificate --node-name worker-1",
    "gatehouse join --certificate --server https://10.0.0.1:6443 --ca-pin sha256:7c2e… --token-file /run/token",
    "gatehouse join --kubeconfig bootstrap.kubeconfig --certificate --dry-run -o json",
    "gatehouse join --attestor tpm2 --server https://10.0.0.1:9443 --ca ca.crt --certificate",
    "gatehouse join --attestor join_token --token-file /run/token --server https://10.0.0.1:9443 --ca ca.crt",
    "gatehouse join --attestor tpm2 --server https://10.0.0.1:9443 --ca ca.crt --dry-run   # shows the TPM's id",
  ]);
}

function collectPin(value: string, before: readonly string[] = []): readonly string[] {
  const pin = value.toLowerCase();
  if (!PIN.test(pin)) throw new InvalidArgumentError("Give sha256: and 64 hexadecimal digits.");
  return collect(pin, before);
}

async function act(options: Options, terminal: Terminal, load: LoadNodeAgent): Promise<void> {
  const join = joinOptions(options, terminal);
  const { admission } = join;
  const logFormat = terminal.stderr.isTTY ? "text" : "json";
  await runAgent("stopped before this host has joined", async (signal) => {
    const run = { logLevel: options.logLevel, logFormat, signal } as const;
    const { joinCluster, attestForKubelet } = await load();
    if (options.exec && admission.kind === "attestation") {
      terminal.stdout.write(`${JSON.stringify(await attestForKubelet({ ...join, admission }, run))}\n`);
      return;
    }
    const outcome = await joinCluster(join, run);
    writeObject(terminal.stdout, options.format, outcome, () => describe(outcome));
  });
}

function joinOptions(options: Options, terminal: Terminal): JoinOptions {
  const { caPin: pins = [], bootstrapKubeconfig, certificate: wantsCertificate } = options;
  const path = (file: string): string => resolve(terminal.workingDirectory, file);
  if (pins.length > 0 && options.server === undefined) {
    throw usageError("--ca-pin needs --server", "A kubeconfig names its CA itself.");
  }
  if (pins.length > 0 && options.ca !== undefined)
    throw usageError("--ca-pin contradicts --ca", "Give one of the two.");
  if (options.exec && (options.attestor === undefined || options.dryRun || wantsCertificate)) {
    throw usageError("--exec is for --attestor, without --certificate and --dry-run", "It prints a credential.");
  }
  const bootstrap = bootstrapKubeconfig ?? (wantsCertificate ? undefined : BOOTSTRAP_KUBECONFIG);
  return {
    server: { ...namedServer(options, terminal), pins },
    admission: admissionOf(options, terminal),
    paths: {
      bootstrapKubeconfig: bootstrap === undefined ? undefined : path(bootstrap),
      kubeconfig: path(options.kubeletKubeconfig),
      certificateDirectory: path(options.certDir),
    },
    ...{ wantsCertificate, isDryRun: options.dryRun, mayReplace: options.replace },
    ...{ waitSeconds: options.wait, retrySeconds: options.retry },
  };
}

/** Evidence may lead to a name by itself; a token never does. */
function admissionOf(options: Options, terminal: Terminal): Admission {
  const { nodeName, profile, audience } = options;
  const source = evidenceSource(options, terminal);
  if (source !== undefined) return { kind: "attestation", nodeName, source, profile, audience };
  return {
    kind: "credentials",
    nodeName: nodeName ?? hostname().trim().toLowerCase(),
    credentials: async () => credentialsOf(options, terminal),
  };
}

/** The token of a file, or what the kubeconfig says, or the token of the environment. */
function credentialsOf(options: Options, terminal: Terminal): Awaited<ReturnType<TokenAdmission["credentials"]>> {
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

function describe(outcome: JoinOutcome): string {
  const { files, evidence } = outcome;
  const rows = files.map(({ what, path, state }) => [WHAT[what], STATES[state], path]);
  const table = formatTable([["FILE", "STATE", "PATH"], ...rows]);
  return `${evidence === undefined ? "" : `${describeEvidence(evidence)}\n`}${table}\n${titleOf(outcome)}\n`;
}

function titleOf({ nodeName, server, isDryRun, certificate, bootstrapBefore }: JoinOutcome): string {
  if (isDryRun) return "nothing was changed";
  const host = nodeName === undefined ? "this host" : `node ${nodeName}`;
  const prepared = `${host} is prepared for ${server}`;
  if (bootstrapBefore !== undefined) return `${prepared}; start its kubelet before ${bootstrapBefore.toISOString()}`;
  return certificate === undefined
    ? prepared
    : `${prepared}; its certificate is good until ${certificate.notAfter.toISOString()}`;
}

function describeEvidence({ attestor, machineId, audience, values }: NonNullable<JoinOutcome["evidence"]>): string {
  const machine = machineId === undefined ? "" : `\nthis machine is enrolled as ${machineId}`;
  const rows = values.map(({ field, characters, sha256 }) => [field, `${characters}`, sha256]);
  const table = formatTable([["WOULD BE SENT", "CHARACTERS", "SHA-256"], ...rows]);
  return `evidence by ${attestor} for ${audience}${machine}\n\n${table}`;
}
