import { mkdirSync } from "node:fs";
import { join, resolve } from "node:path";
import { type Clock, systemClock } from "../shared/clock.ts";
import { createLogger, type Logger } from "../shared/logging.ts";
import { type Configuration, loadConfiguration } from "./configuration.ts";
import { openConfiguredCustody } from "./configured-custody.ts";
import { openConfiguredTokens } from "./configured-tokens.ts";
import { type Expiration, readExpiration } from "./control-plane/expiration.ts";
import type { ControlPlaneOutcome, ControlPlaneWish } from "./control-plane/initialize.ts";
import { CONTROL_PLANE_ALGORITHMS } from "./control-plane/key-pem.ts";
import { PkiError } from "./control-plane/pki-error.ts";
import type { ControlPlaneSettings } from "./domain/control-plane.ts";
import { controlPlaneProblems } from "./domain/control-plane-problems.ts";
import { openLedger } from "./ledger/ledger.ts";
import { LiveIssuers } from "./live-issuers.ts";
import { makeControlPlane } from "./make-control-plane.ts";
import { nodeNameOf } from "./node-name.ts";

/** What the command line says. */
export interface PkiOptions extends Omit<ControlPlaneSettings, "nodeName"> {
  readonly configFile?: string | undefined;
  readonly dataDirectory?: string | undefined;
  readonly directory: string;
  /** This machine's when undefined. */
  readonly nodeName: string | undefined;
  readonly isExternal: boolean;
  readonly isRenewing: boolean;
  readonly renewBeforeSeconds: number | undefined;
  readonly keyAlgorithm: string;
  readonly lifetimeSeconds: number;
}

/**
 * Makes the certificates of a control plane node with the CA of a data directory, which no server may be using: it is
 * the ledger's only writer meanwhile. A data directory that is not there yet is made, as `serve` makes it.
 *
 * @throws {PkiError} with what is wrong with options and files; LedgerOpenError and CustodyError.
 */
export async function initializePki(options: PkiOptions, clock: Clock = systemClock): Promise<ControlPlaneOutcome> {
  const wish = readWish(options);
  const { configFile, dataDirectory } = options;
  const configuration = loadConfiguration({ configFile, dataDirectory });
  const logger = createLogger({ level: "warn", format: process.stderr.isTTY ? "text" : "json" });
  mkdirSync(configuration.dataDirectory, { recursive: true, mode: 0o700 });
  const closers: (() => unknown)[] = [];
  try {
    return await run({ configuration, clock, logger, closers }, wish);
  } finally {
    for (const close of closers.toReversed()) await close();
  }
}

/** When the certificates in a directory expire; needs neither a server nor a data directory. @throws {PkiError} */
export function checkPki(
  directory: string,
  etcd: ControlPlaneSettings["etcd"],
  clock: Clock = systemClock,
): Promise<Expiration> {
  return readExpiration(resolve(directory), etcd, clock.now());
}

/** @throws {PkiError} with everything that cannot be used. */
function readWish(options: PkiOptions): ControlPlaneWish {
  const { directory, isExternal, isRenewing, renewBeforeSeconds, lifetimeSeconds } = options;
  const settings = { ...options, nodeName: nodeNameOf(options) };
  const keyAlgorithm = CONTROL_PLANE_ALGORITHMS.find((algorithm) => algorithm === options.keyAlgorithm);
  const problems = controlPlaneProblems(settings);
  if (keyAlgorithm === undefined)
    throw new PkiError([...problems, `--key-algorithm must be one of ${CONTROL_PLANE_ALGORITHMS.join(", ")}`]);
  if (problems.length > 0) throw new PkiError(problems);
  return {
    ...{ settings, isExternal, isRenewing, renewBeforeSeconds, lifetimeSeconds, keyAlgorithm },
    ...{ isUnattended: false, isTrial: false },
    directory: resolve(directory),
  };
}

interface Run {
  readonly configuration: Configuration;
  readonly clock: Clock;
  readonly logger: Logger;
  /** What is to be closed afterwards, the last one first. */
  readonly closers: (() => unknown)[];
}

async function run(
  { configuration, clock, logger, closers }: Run,
  wish: ControlPlaneWish,
): Promise<ControlPlaneOutcome> {
  const file = join(configuration.dataDirectory, "gatehouse.db");
  const ledger = await openLedger({ file, clock, logger });
  closers.push(() => ledger.close());
  const custody = await openConfiguredCustody(configuration, ledger.issuers, logger);
  closers.push(() => custody.close());
  const tokens = await openConfiguredTokens(configuration, logger);
  closers.push(() => tokens.close());
  const { issuers } = ledger;
  const live = await LiveIssuers.open({ settings: configuration, custody, tokens, issuers, clock, logger });
  return makeControlPlane(wish, { ledger, custody, live, clock, logger });
}
