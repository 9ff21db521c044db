import { systemClock } from "../shared/clock.ts";
import { createLogger } from "../shared/logging.ts";
import { type JoinOptions, type JoinOutcome, join } from "./joining/join.ts";
import { keepRenewed } from "./renewal/daemon.ts";
import { type RenewalOptions, type RenewalOutcome, renew } from "./renewal/renew.ts";

export { AgentError } from "./agent-error.ts";

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

function dependencies({ logLevel, logFormat, signal }: RunOptions) {
  const logger = createLogger({ level: logLevel, format: logFormat });
  return { clock: systemClock, random: Math.random, logger, signal };
}
