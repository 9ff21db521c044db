import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { type CommandOutcome, runCommand, startCommand } from "./gatehouse-command.ts";
import type { TlsEnd } from "./openssl-certificate.ts";

/** What `gatehouse pki init` left in a directory. */
export interface ControlPlaneFiles {
  /** The directory of kubeconfigs; certificates lie in `pki` below it. */
  readonly directory: string;
  /** Path of a file below `pki`. */
  readonly file: (name: string) => string;
  readonly kubeconfig: (name: string) => string;
  /** A pair below `pki`, or what a kubeconfig (`….conf`) embeds, taken out of it. */
  readonly end: (name: string) => TlsEnd;
}

/** Runs the built `gatehouse pki init` for a control plane node on loopback. */
export async function initializeControlPlane(
  root: string,
  options: readonly string[] = [],
): Promise<CommandOutcome & ControlPlaneFiles> {
  const outcome = await runCommand("/nowhere/kubeconfig", commandLine(root, options));
  return { ...outcome, ...controlPlaneFiles(directoryIn(root)) };
}

/** As `initializeControlPlane`, but killed (SIGKILL) as soon as a file below `pki` is there. */
export async function killInitialization(root: string, name: string, options: readonly string[] = []): Promise<void> {
  const child = startCommand("/nowhere/kubeconfig", commandLine(root, options));
  const ended = once(child, "exit");
  const path = join(directoryIn(root), "pki", name);
  while (!existsSync(path) && child.exitCode === null) await new Promise((resolve) => setTimeout(resolve, 1));
  child.kill("SIGKILL");
  await ended;
}

const directoryIn = (root: string): string => join(root, "kubernetes");

function commandLine(root: string, options: readonly string[]): readonly string[] {
  return [
    ...["pki", "init", "--data-dir", join(root, "data"), "--directory", join(directoryIn(root), "pki")],
    ...["--node-name", "cp-1", "--apiserver-advertise-address", "127.0.0.1", ...options],
  ];
}

function controlPlaneFiles(directory: string): ControlPlaneFiles {
  const file = (name: string): string => join(directory, "pki", name);
  const kubeconfig = (name: string): string => join(directory, name);
  return {
    directory,
    file,
    kubeconfig,
    end: (name) => {
      if (name.endsWith(".conf")) return takeOut(kubeconfig(name));
      return { certificateFile: file(`${name}.crt`), keyFile: file(`${name}.key`) };
    },
  };
}

function takeOut(path: string): TlsEnd {
  const { users } = parse(readFileSync(path, "utf8"));
  const { "client-certificate-data": certificate, "client-key-data": key } = users[0].user;
  const end = { certificateFile: `${path}.crt`, keyFile: `${path}.key` };
  writeFileSync(end.certificateFile, Buffer.from(certificate, "base64"));
  writeFileSync(end.keyFile, Buffer.from(key, "base64"), { mode: 0o600 });
  return end;
}

/** Lower-case hex, as the ledger has it. */
export function fingerprintOf(certificateFile: string): string {
  const { fingerprint256 } = new X509Certificate(readFileSync(certificateFile));
  return fingerprint256.replaceAll(":", "").toLowerCase();
}
