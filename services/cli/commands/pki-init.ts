import { hostname, networkInterfaces } from "node:os";
import { resolve } from "node:path";
import { type Command, InvalidArgumentError, Option } from "commander";
import { toKubernetesTime } from "../../shared/kubernetes/object-meta.ts";
import type { LoadCertificateAuthority, PkiOutcome } from "../certificate-authority.ts";
import { CommandError, usageError } from "../command-error.ts";
import { explain } from "../explain.ts";
import { collect, type FormatOptions, parseSeconds, withExamples, withFormat } from "../options.ts";
import { formatTable, writeObject } from "../output.ts";
import type { Terminal } from "../terminal.ts";

const YEAR_SECONDS = 365 * 86_400;
const API_VERSION = "gatehouse.dev/v1";
const DEFAULT_DIRECTORY = "/etc/kubernetes/pki";

interface Options extends FormatOptions {
  readonly config?: string;
  readonly dataDir?: string;
  readonly directory: string;
  readonly clusterName: string;
  readonly nodeName?: string;
  readonly controlPlaneEndpoint?: string;
  readonly apiserverAdvertiseAddress?: string;
  readonly apiserverBindPort: number;
  readonly apiserverCertExtraSans?: readonly string[];
  readonly serviceCidr: string;
  readonly serviceDnsDomain: string;
  readonly etcd: "local" | "external";
  readonly keyAlgorithm: string;
  readonly lifetime: number;
  readonly externalCa: boolean;
  readonly renew: boolean;
  readonly renewBefore?: number;
}

const DESCRIPTION = `Make the certificates, keys and kubeconfigs of a Kubernetes control plane node, laid out as kubeadm does. The cluster's CA is
the one that signs kubelets here; the front proxy and etcd get CAs of their own. Works on the data directory itself, which no
server may be using, and puts every certificate on record there. What lies in the directory already is checked and kept.`;

const NOTES = `
Without --external-ca the keys of the CAs are written as kubeadm does it, unencrypted, for kube-controller-manager to sign with.
With it they stay sealed in the data directory and Gatehouse is the only one who signs: what kubeadm calls external CA mode.`;

export function addPkiInit(parent: Command, terminal: Terminal, load: LoadCertificateAuthority): void {
  const command = parent
    .command("init")
    .summary("make what a control plane needs, as kubeadm lays it out")
    .description(DESCRIPTION)
    .option("--config <file>", "Gatehouse's configuration file")
    .option("--data-dir <directory>", "Gatehouse's data directory; made when it is not there (default: data)")
    .option("--directory <directory>", "for certificates; kubeconfigs go into its parent", DEFAULT_DIRECTORY)
    .option("--cluster-name <name>", "what kubeconfigs call the cluster", "kubernetes")
    .option("--node-name <name>", "this control plane node (default: this machine's name)")
    .option("--control-plane-endpoint <host[:port]>", "the address that all API servers share")
    .option("--apiserver-advertise-address <address>", "this node's address (default: this machine's only one)")
    .option("--apiserver-bind-port <port>", "the API server's port", parsePort, 6443)
    .option("--apiserver-cert-extra-sans <names>", "further names and addresses of it; repeatable", collectNames)
    .option("--service-cidr <ranges>", "addresses of services", "10.96.0.0/12")
    .option("--service-dns-domain <name>", "DNS domain of services", "cluster.local")
    .addOption(
      new Option("--etcd <where>", "local: beside the API server").choices(["local", "external"]).default("local"),
    )
    .option("--key-algorithm <name>", "rsa-2048, rsa-3072, rsa-4096, ecdsa-p256 or ecdsa-p384", "rsa-2048")
    .option("--lifetime <duration>", "of certificates; CAs live ten years", parseSeconds, YEAR_SECONDS)
    .option("--external-ca", "leave the keys of CAs in Gatehouse's custody", false)
    .option("--renew", "renew what is near its end, has expired, is revoked or lacks a name", false)
    .option("--renew-before <duration>", "how near (default: a third of its life)", parseSeconds)
    .addHelpText("after", NOTES)
    .action((options: Options) => initialize(options, terminal, load));
  withExamples(withFormat(command), [
    "gatehouse pki init --data-dir /var/lib/gatehouse --external-ca",
    "gatehouse pki init --directory ./cluster/pki --control-plane-endpoint api.example:6443 --key-algorithm ecdsa-p256",
    "gatehouse pki init --data-dir /var/lib/gatehouse --external-ca --renew",
  ]);
}

async function initialize(options: Options, terminal: Terminal, load: LoadCertificateAuthority): Promise<void> {
  const { renew, renewBefore, format, externalCa } = options;
  if (renewBefore !== undefined && !renew) throw usageError("--renew-before needs --renew", "Give both, or neither.");
  const { initializePki } = await load();
  const outcome = await initializePki(toPkiOptions(options, terminal)).catch(explainUse);
  const items = outcome.files.map(({ name, path, action, notAfter }) => {
    return { name, path, action, ...(notAfter !== undefined && { notAfter: toKubernetesTime(notAfter) }) };
  });
  const value = { apiVersion: API_VERSION, kind: "PkiFileList", items };
  writeObject(terminal.stdout, format, value, () => tableOf(outcome));
  for (const notice of outcome.notices) terminal.stderr.write(`warning: ${notice}\n`);
  if (!externalCa)
    terminal.stderr.write(
      "warning: the keys of the CAs lie unencrypted in this directory; whoever reads ca.key is every node and administrator. " +
        "--external-ca leaves them in custody\n",
    );
}

function toPkiOptions(options: Options, { workingDirectory }: Terminal) {
  const { config, dataDir, directory, clusterName, nodeName, controlPlaneEndpoint, etcd, keyAlgorithm } = options;
  return {
    ...{ clusterName, controlPlaneEndpoint, etcd, keyAlgorithm },
    nodeName: nodeName ?? hostname(),
    configFile: config,
    dataDirectory: dataDir,
    directory: resolve(workingDirectory, directory),
    advertiseAddress: options.apiserverAdvertiseAddress ?? onlyAddress(),
    bindPort: options.apiserverBindPort,
    extraNames: options.apiserverCertExtraSans ?? [],
    serviceCidrs: options.serviceCidr.split(","),
    serviceDnsDomain: options.serviceDnsDomain,
    lifetimeSeconds: options.lifetime,
    isExternal: options.externalCa,
    isRenewing: options.renew,
    renewBeforeSeconds: options.renewBefore,
  };
}

/** A guess among several addresses would be found out only when nodes do not reach the API server. */
function onlyAddress(): string {
  const all = Object.values(networkInterfaces()).flatMap((addresses) => addresses ?? []);
  const usable = all.filter(({ internal, family, scopeid }) => !internal && (family === "IPv4" || scopeid === 0));
  const preferred = usable.filter(({ family }) => family === "IPv4");
  const candidates = (preferred.length > 0 ? preferred : usable).map(({ address }) => address);
  const [only, ...more] = candidates;
  if (only !== undefined && more.length === 0) return only;
  const seen = only === undefined ? "has no address" : `has several addresses: ${candidates.join(", ")}`;
  throw usageError(`this machine ${seen}`, "Say which with --apiserver-advertise-address.");
}

function tableOf({ files }: PkiOutcome): string {
  const rows = files.map(({ name, action, notAfter, path }) => {
    return [name, action, notAfter === undefined ? "<none>" : toKubernetesTime(notAfter), path];
  });
  return formatTable([["NAME", "ACTION", "NOT AFTER", "PATH"], ...rows]);
}

function collectNames(value: string, before: readonly string[] | undefined): readonly string[] {
  return value.split(",").reduce<readonly string[]>((names, name) => collect(name.trim(), names), before ?? []);
}

function parsePort(text: string): number {
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port < 1 || port > 65_535)
    throw new InvalidArgumentError("Give a port from 1 to 65535.");
  return port;
}

function explainUse(error: unknown): never {
  const { code, message = "" } = error as { readonly code?: unknown; readonly message?: string };
  if (code !== "locked") explain(error);
  throw new CommandError(message, "This command writes to the data directory itself: stop the server for the moment.", {
    cause: error,
  });
}
