import { readFileSync } from "node:fs";
import type { Logger } from "../shared/logging.ts";
import type { TlsOptions } from "./http/server.ts";

export interface ServingPair {
  readonly certificatePem: string;
  readonly keyPem: string;
}

/** What the command line says. Paths are as given. */
export interface NodeAuthorizerServerOptions {
  /** `HOST:PORT`; port 0 picks a free one. */
  readonly listen: string;
  readonly mode: "veto" | "full";
  /** As `--feature-gates` of Kubernetes' programs. */
  readonly featureGates: string;
  readonly kubeconfig?: string | undefined;
  /** A file of objects, or `-`. */
  readonly objects?: string | undefined;
  /** Files with the serving certificate and its key. */
  readonly tls?: { readonly certificateFile: string; readonly keyFile: string } | undefined;
  /** Makes a certificate and key for this run, PEM, where no files are named. */
  readonly makeServing: () => Promise<ServingPair>;
  readonly clientCaFile?: string | undefined;
  readonly allowedClients: readonly string[];
  /** A file of revocations. */
  readonly revocations?: string | undefined;
  /** A kubeconfig of the certificate authority whose revocations are followed. */
  readonly authority?: string | undefined;
  /** Where what the authority told is kept. */
  readonly stateDirectory: string;
  readonly requireCredentialId: boolean;
  readonly logLevel: "silent" | "error" | "warn" | "info" | "debug";
}

/** Options that cannot be together, or files that cannot be used. The message names the flag and the way out. */
export class NodeAuthorizerOptionsError extends Error {
  override readonly name = "NodeAuthorizerOptionsError";
}

/** @throws {NodeAuthorizerOptionsError} naming the flags that contradict each other. */
export function checkOptions(options: NodeAuthorizerServerOptions): void {
  const refuse = (message: string) => {
    throw new NodeAuthorizerOptionsError(message);
  };
  if (options.kubeconfig !== undefined && options.objects !== undefined) {
    refuse("--kubeconfig and --objects: the graph is fed from one place; give one of the two");
  }
  if (options.mode === "full" && options.kubeconfig === undefined && options.objects === undefined) {
    refuse("--mode full needs to know the cluster's objects; give --kubeconfig, or --objects with a file or -");
  }
  if (options.revocations !== undefined && options.authority !== undefined) {
    refuse("--revocations and --authority: revocations come from one place; give one of the two");
  }
  if (options.clientCaFile === undefined && options.allowedClients.length > 0) {
    refuse("--allowed-client needs --client-ca: without it no client certificate is looked at");
  }
  if (options.clientCaFile === undefined && !isLoopback(options.listen)) {
    refuse(`--listen ${options.listen}: anybody could ask for verdicts; give --client-ca, or listen on 127.0.0.1`);
  }
}

function isLoopback(address: string): boolean {
  const host = address.slice(0, address.lastIndexOf(":")).replace(/^\[|\]$/g, "");
  return host === "localhost" || host === "::1" || /^127(?:\.\d{1,3}){3}$/.test(host);
}

/** Says in the log what is less safe than it could be. */
export function nameLessSafeChoices(options: NodeAuthorizerServerOptions, logger: Logger): void {
  if (options.clientCaFile === undefined) {
    logger.warn("less safe: everybody on this machine may ask for verdicts; --client-ca lets in kube-apiserver alone");
  }
  if (options.tls === undefined) {
    logger.warn(
      "less safe: the serving certificate was made for this run, nobody can verify it; give --tls-certificate",
    );
  }
  if (options.kubeconfig === undefined && options.objects === undefined) {
    logger.warn(
      "less safe: without --kubeconfig the admission webhook restricts nobody but revoked credentials and quarantined nodes",
    );
  }
  if (options.revocations === undefined && options.authority === undefined) {
    logger.warn("no revocations are known, so nobody is vetoed; give --authority or --revocations");
  }
}

/**
 * @param made - the certificate that was made for this run, where no files are named.
 * @throws {NodeAuthorizerOptionsError} naming the flag whose file cannot be read.
 */
export function tlsOf(
  { tls, clientCaFile, allowedClients }: NodeAuthorizerServerOptions,
  made: ServingPair | undefined,
): TlsOptions {
  const clientCaPem = clientCaFile === undefined ? undefined : readFlagFile("--client-ca", clientCaFile);
  if (tls === undefined) {
    if (made === undefined) throw new NodeAuthorizerOptionsError("--tls-certificate and --tls-key are needed");
    return { ...made, clientCaPem, allowedClients };
  }
  const certificatePem = readFlagFile("--tls-certificate", tls.certificateFile);
  return { certificatePem, keyPem: readFlagFile("--tls-key", tls.keyFile), clientCaPem, allowedClients };
}

function readFlagFile(flag: string, path: string): string {
  try {
    return readFileSync(path, "utf8");
  } catch (cause) {
    throw new NodeAuthorizerOptionsError(`${flag} ${path}: ${(cause as Error).message}`, { cause });
  }
}
