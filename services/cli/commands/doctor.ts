import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import type { Command } from "commander";
import { askedServer } from "../asked-server.ts";
import { CommandError, usageError } from "../command-error.ts";
import type { Doctor, DoctorReport, DoctorSettings, LoadDoctor } from "../doctor.ts";
import { describeReport } from "../doctor-report.ts";
import { loadConnection } from "../kubeconfig.ts";
import { loadNodeDoctor } from "../node-agent.ts";
import { collect, type FormatOptions, flagOf, parseSeconds, withExamples, withFormat } from "../options.ts";
import { writeObject } from "../output.ts";
import type { Terminal } from "../terminal.ts";

const DEFAULT_TIMEOUT_SECONDS = 10;

interface Options extends FormatOptions {
  readonly node?: boolean;
  readonly nodeName?: string;
  readonly kubeletConfig?: string;
  readonly kubeletKubeconfig?: string;
  readonly bootstrapKubeconfig?: string;
  readonly certDir?: string;
  readonly config?: string;
  readonly dataDir?: string;
  readonly listen?: string;
  readonly kubeconfig?: string;
  readonly context?: string;
  readonly cluster?: string | true;
  readonly controllerUser?: string;
  readonly offline?: boolean;
  readonly full?: boolean;
  readonly strict?: boolean;
  readonly only?: readonly string[];
  readonly timeout?: number;
}

/** Options that make sense on a node alone, and those that never do there. */
const NODE_OPTIONS = ["nodeName", "kubeletConfig", "kubeletKubeconfig", "bootstrapKubeconfig", "certDir"] as const;
const SERVER_OPTIONS = [
  "config",
  "dataDir",
  "listen",
  "kubeconfig",
  "context",
  "full",
  "cluster",
  "controllerUser",
] as const;

export function addDoctor(parent: Command, terminal: Terminal, load: LoadDoctor): void {
  const command = parent
    .command("doctor")
    .summary("check configuration, keys, clock, ledger, addresses and files; says what to do")
    .description(
      "Check a configuration and its data directory, whether a server is running or not, and the running server too when\n" +
        "there is a kubeconfig for it. Changes nothing, takes no lock and shows no secret. Run it as the server's user, with the\n" +
        "server's options and environment. With --node, check this host as a node instead: its kubelet's settings, files and\n" +
        "certificates, its clock, and whether the server can be reached and takes it; what is not named is taken from a\n" +
        "running kubelet. Exit code 1 when there is an error, with --strict also when there is a warning.",
    )
    .option("--config <file>", "configuration file, as for serve")
    .option("--data-dir <directory>", "where everything is kept, as for serve (default: data)")
    .option("--listen <host:port>", "where the server listens, as for serve")
    .option(
      "--kubeconfig <file>",
      "how to reach the server (default: $GATEHOUSE_KUBECONFIG, then the data directory's)",
    )
    .option("--context <name>", "context of the kubeconfig (default: its current-context)")
    .option(
      "--cluster [kubeconfig]",
      "also check the cluster that gatehouse controller works for (default: the one of the pod this runs in)",
    )
    .option(
      "--controller-user <user>",
      "the controller's user there, when the kubeconfig of --cluster is somebody else's",
    )
    .option("--offline", "ask no running server")
    .option("--node", "check this host as a node; run it as the kubelet's user")
    .option("--node-name <name>", "with --node: the node's name (default: the kubelet's, or this host's)")
    .option("--kubelet-config <file>", "with --node: the kubelet's --config")
    .option("--kubelet-kubeconfig <file>", "with --node: the kubelet's --kubeconfig")
    .option("--bootstrap-kubeconfig <file>", "with --node: what the kubelet bootstraps with")
    .option("--cert-dir <directory>", "with --node: the kubelet's --cert-dir")
    .option("--only <check>", "this check, or all of a topic, such as ledger; may be given several times", collect)
    .option("--full", "verify the whole ledger, which may take long, instead of its newest entries")
    .option("--strict", "exit code 1 for warnings as well")
    .option("--timeout <duration>", `how long each check may take (default: ${DEFAULT_TIMEOUT_SECONDS}s)`, parseSeconds)
    .action((options: Options) => examine(options, terminal, load));
  withExamples(withFormat(command), [
    "gatehouse doctor",
    "gatehouse doctor --config /etc/gatehouse/gatehouse.yaml --strict",
    "gatehouse doctor --only expiry --only clock -o json",
    "gatehouse doctor --data-dir /restored --offline --full",
    "gatehouse doctor --node",
    "gatehouse doctor --cluster controller.kubeconfig --config gatehouse.yaml",
    "gatehouse doctor --only cluster --cluster admin.conf --controller-user gatehouse-controller",
  ]);
}

async function examine(options: Options, terminal: Terminal, load: LoadDoctor): Promise<void> {
  const report = options.node ? await examineNode(options, terminal) : await examineServer(options, terminal, load);
  const hasColours = terminal.stdout.isTTY === true && !terminal.environment["NO_COLOR"];
  writeObject(terminal.stdout, options.format, report, () => describeReport(report, hasColours));
  const failure = failureOf(report, options.strict === true);
  if (failure !== undefined) throw new CommandError(failure, "Each finding says what to do about it.");
}

async function examineServer(options: Options, terminal: Terminal, load: LoadDoctor): Promise<DoctorReport> {
  refuse(options, NODE_OPTIONS, (flag) => usageError(`${flag} is for nodes`, "Give --node with it."));
  const doctor = await load();
  requireKnown(options.only, doctor);
  return doctor.diagnose(settingsOf(options, terminal));
}

async function examineNode(options: Options, { workingDirectory }: Terminal): Promise<DoctorReport> {
  refuse(options, SERVER_OPTIONS, (flag) => usageError(`${flag} contradicts --node`, "It is about a server."));
  const doctor = await loadNodeDoctor();
  const { nodeName, kubeletConfig, kubeletKubeconfig, bootstrapKubeconfig, certDir, only } = options;
  requireKnown(only, doctor);
  const path = (given: string): string => resolve(workingDirectory, given);
  return doctor.diagnoseNode({
    ...(nodeName !== undefined && { nodeName }),
    ...(kubeletConfig !== undefined && { kubeletConfig: path(kubeletConfig) }),
    ...(kubeletKubeconfig !== undefined && { kubeconfig: path(kubeletKubeconfig) }),
    ...(bootstrapKubeconfig !== undefined && { bootstrapKubeconfig: path(bootstrapKubeconfig) }),
    ...(certDir !== undefined && { certificateDirectory: path(certDir) }),
    ...(only !== undefined && { only }),
    isOffline: options.offline === true,
    timeoutSeconds: options.timeout ?? DEFAULT_TIMEOUT_SECONDS,
  });
}

/** @throws for the first of these options that is given. */
function refuse(options: Options, names: readonly (keyof Options)[], why: (flag: string) => CommandError): void {
  const given = names.find((name) => options[name] !== undefined);
  if (given !== undefined) throw why(flagOf(given));
}

function failureOf({ summary }: DoctorReport, isStrict: boolean): string | undefined {
  const { error, warning } = summary;
  const counted = (count: number, what: string): string => `${count} ${count === 1 ? what : `${what}s`}`;
  if (error > 0) return `the doctor found ${counted(error, "error")}`;
  return isStrict && warning > 0 ? `the doctor found ${counted(warning, "warning")}, and --strict is set` : undefined;
}

function requireKnown(only: Options["only"], { CHECK_TITLES }: Pick<Doctor, "CHECK_TITLES">): void {
  const known = new Set(CHECK_TITLES.flatMap(({ id }) => [id, id.split(".")[0]]));
  const unknown = only?.find((name) => !known.has(name));
  if (unknown === undefined) return;
  throw usageError(
    `--only ${unknown}: there is no such check`,
    `There are:\n${CHECK_TITLES.map(({ id, title }) => `  ${id.padEnd(26)} ${title}`).join("\n")}`,
  );
}

function settingsOf(options: Options, terminal: Terminal): DoctorSettings {
  const { config, dataDir, listen, only, full = false, timeout = DEFAULT_TIMEOUT_SECONDS } = options;
  const { cluster, controllerUser } = options;
  if (controllerUser !== undefined && cluster === undefined)
    throw usageError("--controller-user is for a cluster", "Name it with --cluster KUBECONFIG.");
  const path = (given: string): string => resolve(terminal.workingDirectory, given);
  return {
    ...(config !== undefined && { configFile: path(config) }),
    ...(dataDir !== undefined && { dataDirectory: path(dataDir) }),
    ...(listen !== undefined && { listen }),
    ...(only !== undefined && { only }),
    isFull: full,
    timeoutSeconds: timeout,
    ...(cluster !== undefined && {
      cluster: {
        ...(cluster !== true && { kubeconfigFile: path(cluster) }),
        ...(controllerUser !== undefined && { controllerUser }),
      },
    }),
    chooseServer: (dataDirectory) => chooseServer(dataDirectory, options, terminal),
  };
}

/** A general kubeconfig of this user may lead to any cluster, so it has to be named. */
function chooseServer(
  dataDirectory: string,
  { offline, kubeconfig, context }: Options,
  terminal: Terminal,
): ReturnType<DoctorSettings["chooseServer"]> {
  if (offline) return { kind: "none", reason: "--offline: no running server is asked" };
  const named = kubeconfig ?? terminal.environment["GATEHOUSE_KUBECONFIG"];
  const left = join(dataDirectory, "admin.kubeconfig");
  if (!named && !existsSync(left))
    return { kind: "none", reason: `there is no kubeconfig: none is named, nor at ${left}` };
  const connection = loadConnection({ kubeconfig: named || left, context }, terminal);
  return { kind: "server", server: askedServer(connection), isNamed: Boolean(named) };
}
