import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { type Clock, systemClock } from "../shared/clock.ts";
import { messageOf } from "../shared/diagnosis/findings.ts";
import { chooseChecks, type Diagnosis, runChecks } from "../shared/diagnosis/run-checks.ts";
import {
  type Configuration,
  ConfigurationError,
  type ConfigurationOverrides,
  loadConfiguration,
} from "./configuration.ts";
import { inspectKeys, type KeysInspection } from "./custody/inspect-keys.ts";
import type { CheckContext, ExaminedCluster, LedgerState, RunningServer } from "./diagnosis/contract.ts";
import { CHECKS } from "./diagnosis/registry.ts";
import { silentLogger } from "./diagnosis/silent-logger.ts";
import { type System, thisSystem } from "./diagnosis/system.ts";
import { issuerWarnings } from "./issuer-warnings.ts";
import { type ClusterConnection, ClusterError, connectCluster } from "./kubernetes/cluster-connection.ts";
import { findWriter, inspectLedger, NotCopiedError } from "./ledger/inspect-ledger.ts";
import { CERTIFICATE_JUDGE } from "./verify-ledger.ts";

/** A look that nobody who works for the cluster should feel. */
const CLUSTER_LIMITS = { requestsPerSecond: 50, maximumConnections: 8 };
/** What is copied within a few seconds. */
const MAXIMUM_COPY_BYTES = 1024 * 1024 * 1024;

const UNUSABLE_CONFIGURATION = "the configuration cannot be used; see configuration.file";

/** The ids of all checks, and what each looks at. */
export const CHECK_TITLES: readonly { readonly id: string; readonly title: string }[] = CHECKS.map(({ id, title }) => ({
  id,
  title,
}));

/** A server to ask, or why there is none. */
export type ServerChoice =
  | { readonly kind: "server"; readonly server: RunningServer; readonly isNamed: boolean }
  | { readonly kind: "none"; readonly reason: string };

/** The cluster that `gatehouse controller` works for. */
export interface ClusterChoice {
  /** Undefined is the cluster of the pod that this runs in. */
  readonly kubeconfigFile?: string | undefined;
  /** The controller's user, where the kubeconfig is somebody else's. */
  readonly controllerUser?: string | undefined;
}

export interface DoctorOptions extends ConfigurationOverrides {
  /** Ids, or the topics before their dots; everything when absent. */
  readonly only?: readonly string[] | undefined;
  /** Reads the whole ledger, for as long as that takes. */
  readonly isFull: boolean;
  /** For each check. */
  readonly timeoutSeconds: number;
  /** Called with the data directory, where a server leaves a kubeconfig. */
  readonly chooseServer: (dataDirectory: string) => ServerChoice;
  /** Undefined looks at no cluster. */
  readonly cluster?: ClusterChoice | undefined;
  readonly clock?: Clock;
  readonly system?: System;
}

/**
 * Looks at configuration, keys, clocks, ledger, addresses, files and expiry, whether a server is running or not. Changes
 * nothing and takes no lock; findings hold no secret.
 */
export async function diagnose(options: DoctorOptions): Promise<Diagnosis> {
  const { only, timeoutSeconds } = options;
  const isWanted = ({ needsCluster = false }): boolean =>
    !needsCluster || only !== undefined || options.cluster !== undefined;
  const checks = chooseChecks(CHECKS, only).filter(isWanted);
  const { context, close } = openContext(options);
  try {
    return await runChecks(checks, context, {
      timeoutMilliseconds: timeoutSeconds * 1000,
      whySkipped: ({ isIndependent }) => (context.isPlaceKnown || isIndependent ? undefined : UNUSABLE_CONFIGURATION),
      isUnlimited: ({ isSlow }) => isSlow === true && context.isFull,
    });
  } finally {
    await close();
  }
}

function openContext(options: DoctorOptions): { readonly context: CheckContext; readonly close: () => Promise<void> } {
  const { clock = systemClock, system = thisSystem, isFull } = options;
  const { configuration, problem } = readConfiguration(options);
  const dataDirectory = configuration?.dataDirectory ?? resolve(options.dataDirectory ?? "data");
  const isPlaceKnown = configuration !== undefined || options.dataDirectory !== undefined;
  const keysDirectory = join(dataDirectory, "keys");
  const ledgerFile = join(dataDirectory, "gatehouse.db");
  const choice = options.chooseServer(dataDirectory);
  const ledger = once(() => openLedgerAt(ledgerFile, isFull ? Number.POSITIVE_INFINITY : MAXIMUM_COPY_BYTES));
  const cluster = options.cluster && examinedCluster(options.cluster);
  const context: CheckContext = {
    cluster,
    ...{ configuration, isPlaceKnown, dataDirectory, keysDirectory, ledgerFile, clock, system, isFull, ledger },
    configurationFile: options.configFile,
    configurationError: problem,
    issuerWarnings: configuration === undefined ? [] : issuerWarnings(configuration),
    server: choice.kind === "server" ? choice.server : undefined,
    withoutServer: choice.kind === "none" ? choice.reason : "",
    isServerNamed: choice.kind === "server" && choice.isNamed,
    writer: once(() => findWriter(ledgerFile)),
    keys: once(() => openKeys(keysDirectory, configuration, system, clock)),
  };
  const close = async (): Promise<void> => {
    cluster?.close();
    const state = await ledger();
    if (state.kind === "here") await state.inspection.close();
  };
  return { context, close };
}

/** Connects with the first question, so that a kubeconfig that cannot be used is a finding. */
function examinedCluster({ kubeconfigFile, controllerUser }: ClusterChoice) {
  let connection: ClusterConnection | undefined;
  const cluster: ExaminedCluster = {
    place: kubeconfigFile ?? "the pod's cluster",
    controllerUser,
    async ask(method, pathAndQuery, body) {
      connection ??= connectCluster(kubeconfigFile, CLUSTER_LIMITS);
      try {
        return { status: 200, message: "", body: await connection.send(method, pathAndQuery, body) };
      } catch (thrown) {
        if (!(thrown instanceof ClusterError)) throw thrown;
        return { status: thrown.code, message: thrown.message, body: undefined };
      }
    },
  };
  return { ...cluster, close: () => connection?.close() };
}

function readConfiguration(options: DoctorOptions): {
  readonly configuration: Configuration | undefined;
  readonly problem: ConfigurationError | undefined;
} {
  try {
    return { configuration: loadConfiguration(options), problem: undefined };
  } catch (thrown) {
    if (thrown instanceof ConfigurationError) return { configuration: undefined, problem: thrown };
    throw thrown;
  }
}

async function openLedgerAt(file: string, maximumCopyBytes: number): Promise<LedgerState> {
  if (!existsSync(file)) return { kind: "absent" };
  try {
    const inspection = await inspectLedger(file, maximumCopyBytes, CERTIFICATE_JUDGE);
    try {
      inspection.snapshot();
      return { kind: "here", inspection };
    } catch (thrown) {
      await inspection.close();
      throw thrown;
    }
  } catch (thrown) {
    const kind = thrown instanceof NotCopiedError ? "unread" : "unreadable";
    return { kind, reason: messageOf(thrown) };
  }
}

async function openKeys(
  directory: string,
  configuration: Configuration | undefined,
  { environment }: System,
  clock: Clock,
): Promise<KeysInspection | undefined> {
  const encryption = configuration?.encryption;
  const source =
    encryption !== undefined && "keyEnvironment" in encryption
      ? { environmentKey: { variable: encryption.keyEnvironment, value: environment[encryption.keyEnvironment] } }
      : (encryption ?? {});
  return inspectKeys({ directory, encryption: source, logger: silentLogger, now: clock.now() });
}

/** What is found out by the first who asks serves everybody; so does its failure. */
function once<T>(work: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: work() };
    return made.value;
  };
}
