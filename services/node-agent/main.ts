import { systemClock } from "../shared/clock.ts";
import { createLogger } from "../shared/logging.ts";
import { patience } from "./api/patient.ts";
import { type ExecCredential, execCredential } from "./attesting/exec-credential.ts";
import { join } from "./joining/join.ts";
import type { AttestationAdmission, JoinOptions, JoinOutcome } from "./joining/join-options.ts";
import { presentCredential } from "./joining/node-files.ts";
import { trustedServer } from "./joining/trusted-server.ts";
import { keepRenewed } from "./renewal/daemon.ts";
import { type RenewalOptions, type RenewalOutcome, renew } from "./renewal/renew.ts";

export { AgentError } from "./agent-error.ts";
export type { EvidenceSource } from "./evidence/open-evidence.ts";
export type { Admission, AttestationAdmission, JoinOptions, JoinOutcome } from "./joining/join-options.ts";
export type { RenewalOptions, RenewalOutcome } from "./renewal/renew.ts";

/** How a run is to behave. */
export interface RunOptions {
  readonly logLevel: "silent" | "error" | "warn" | "info" | "debug";
  readonly logFormat: "json" | "text";
  readonly signal: AbortSignal;
}

/** Renews a certificate once, if it is due. @throws {AgentError} */
export function renewCertificate(options: RenewalOptions, run: RunOptions): Promise<RenewalOutcome> {
  return renew(options, dependencies(run));
}

/** Keeps a certificate renewed until the signal comes. @throws {AgentError} when its files cannot be used. */
export function keepCertificateRenewed(options: RenewalOptions, run: RunOptions): Promise<void> {
  return keepRenewed({ ...options, isForced: false }, dependencies(run));
}

/** Prepares this host for its kubelet. @throws {AgentError} */
export function joinCluster(options: JoinOptions, run: RunOptions): Promise<JoinOutcome> {
  return join(options, dependencies(run));
}

export type AttestOptions = Pick<JoinOptions, "server" | "paths" | "retrySeconds"> & {
  readonly admission: AttestationAdmission;
};

/** Attests once, for a kubelet that asks by its exec plugin. Nothing is written. @throws {AgentError} */
export async function attestForKubelet(options: AttestOptions, run: RunOptions): Promise<ExecCredential> {
  const deps = dependencies(run);
  const again = patience(options.retrySeconds, deps);
  const { nodeName, source, profile, audience } = options.admission;
  const server = await trustedServer(options.server, again);
  const present = await presentCredential(options.paths.certificateDirectory, deps.clock.now());
  return execCredential({ server, source, profile, nodeName, audience, present }, again, deps);
}

function dependencies({ logLevel, logFormat, signal }: RunOptions) {
  const logger = createLogger({ level: logLevel, format: logFormat });
  return { clock: systemClock, random: Math.random, logger, signal };
}
