import { X509Certificate } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { parse } from "yaml";
import { type CommandOutcome, runCommand } from "./gatehouse-command.ts";
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
  const directory = join(root, "kubernetes");
  const outcome = await runCommand("/nowhere/kubeconfig", [
    ...["pki", "init", "--data-dir", join(root, "data"), "--directory", join(directory, "pki")],
    ...["--node-name", "cp-1", "--apiserver-advertise-address", "127.0.0.1", ...options],
  ]);
  return { ...outcome, ...controlPlaneFiles(directory) };
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
