import { readdirSync, readFileSync } from "node:fs";
import { basename, join } from "node:path";
import { parse } from "yaml";
import { z } from "zod";

const DEFAULTS = {
  config: "/var/lib/kubelet/config.yaml",
  kubeconfig: "/etc/kubernetes/kubelet.conf",
  bootstrapKubeconfig: "/etc/kubernetes/bootstrap-kubelet.conf",
  certificateDirectory: "/var/lib/kubelet/pki",
};

/** As much as is looked at. Source: kubernetes staging/src/k8s.io/kubelet/config/v1beta1/types.go. */
const configurationSchema = z.object({
  kind: z.literal("KubeletConfiguration"),
  rotateCertificates: z.boolean().nullish(),
  serverTLSBootstrap: z.boolean().nullish(),
  tlsCertFile: z.string().nullish(),
});

/** What somebody said on the command line; everything is found out otherwise. */
export interface NodeOverrides {
  readonly nodeName?: string | undefined;
  readonly kubeconfig?: string | undefined;
  readonly bootstrapKubeconfig?: string | undefined;
  readonly certificateDirectory?: string | undefined;
  readonly kubeletConfig?: string | undefined;
}

/** How the kubelet of this host is set up, as far as it shows. */
export interface KubeletSettings {
  /** Undefined when no kubelet runs that we may look at. */
  readonly pid: number | undefined;
  readonly hostnameOverride: string | undefined;
  readonly kubeconfig: string;
  readonly bootstrapKubeconfig: string;
  readonly certificateDirectory: string;
  readonly configFile: string;
  /** Why the configuration is not known; undefined when it is. */
  readonly configProblem: string | undefined;
  readonly rotatesClientCertificate: boolean | undefined;
  readonly asksForServingCertificate: boolean | undefined;
}

/**
 * What a running kubelet was started with, overridden by what somebody said; flags win over the configuration file, as in
 * the kubelet.
 *
 * @param processDirectory - `/proc`.
 */
export function kubeletSettings(overrides: NodeOverrides, processDirectory: string): KubeletSettings {
  const running = runningKubelet(processDirectory);
  const flag = (name: string): string | undefined => running?.flags.get(name);
  const configFile = overrides.kubeletConfig ?? flag("config") ?? DEFAULTS.config;
  const configuration = readConfiguration(configFile);
  return {
    pid: running?.pid,
    hostnameOverride: flag("hostname-override"),
    kubeconfig: overrides.kubeconfig ?? flag("kubeconfig") ?? DEFAULTS.kubeconfig,
    bootstrapKubeconfig: overrides.bootstrapKubeconfig ?? flag("bootstrap-kubeconfig") ?? DEFAULTS.bootstrapKubeconfig,
    certificateDirectory: overrides.certificateDirectory ?? flag("cert-dir") ?? DEFAULTS.certificateDirectory,
    configFile,
    configProblem: "problem" in configuration ? configuration.problem : undefined,
    rotatesClientCertificate: setting(flag("rotate-certificates"), configuration, "rotateCertificates"),
    asksForServingCertificate: setting(flag("rotate-server-certificates"), configuration, "serverTLSBootstrap"),
  };
}

type Configuration = z.infer<typeof configurationSchema> | { readonly problem: string };

/** Both default to false. */
function setting(
  flag: string | undefined,
  configuration: Configuration,
  key: "rotateCertificates" | "serverTLSBootstrap",
): boolean | undefined {
  if (flag !== undefined) return flag === "" || flag === "true";
  return "problem" in configuration ? undefined : (configuration[key] ?? false);
}

function readConfiguration(path: string): Configuration {
  let text: string;
  try {
    text = readFileSync(path, "utf8");
  } catch (error) {
    return { problem: (error as NodeJS.ErrnoException).code === "ENOENT" ? "does not exist" : "cannot be read" };
  }
  try {
    return configurationSchema.parse(parse(text, { maxAliasCount: 100 }));
  } catch {
    return { problem: "holds no KubeletConfiguration" };
  }
}

/** The first process that is called kubelet, and its flags; those without a value map to "". */
function runningKubelet(processDirectory: string) {
  for (const name of entriesOf(processDirectory)) {
    if (!/^\d+$/.test(name)) continue;
    const [program = "", ...args] = readIfThere(join(processDirectory, name, "cmdline")).split("\0");
    if (basename(program) === "kubelet") return { pid: Number(name), flags: flagsIn(args) };
  }
  return undefined;
}

function flagsIn(args: readonly string[]): ReadonlyMap<string, string> {
  const flags = new Map<string, string>();
  for (const [index, argument] of args.entries()) {
    const [, name, value] = /^--?([a-z][a-z0-9-]*)(?:=(.*))?$/s.exec(argument) ?? [];
    if (name === undefined) continue;
    const next = args[index + 1] ?? "";
    flags.set(name, value ?? (next.startsWith("-") ? "" : next));
  }
  return flags;
}

function entriesOf(directory: string): readonly string[] {
  try {
    return readdirSync(directory);
  } catch {
    return [];
  }
}

/** Processes end while they are looked at, and others' may be hidden. */
function readIfThere(path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return "";
  }
}
