import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Numbering } from "../target.ts";
import { freePort } from "./free-port.ts";
import { ServerProcess } from "./server-process.ts";

const ROOT = join(import.meta.dirname, "..", "..", "..");
const ENTRY = join(ROOT, "dist", "cli", "gatehouse.js");
const OPENSSL_CONFIGURATION = join(ROOT, "config", "openssl", "no-session-tickets.cnf");
const AUTO_APPROVAL = join(ROOT, "config", "rbac", "auto-approve-bootstrap.yaml");

export interface GatehouseSettings {
  /** Where its data directory is made. */
  readonly directory: string;
  /** Stands for a slower disk; 0 for the disk as it is. */
  readonly commitDelayMilliseconds?: number;
  readonly core?: number;
  /** Whether nodes that show a bootstrap token are approved; true when absent. */
  readonly approvesJoins?: boolean;
  /** What is put on the audit record; nothing when absent. */
  readonly audit?: { readonly level: "Metadata"; readonly mode: "batch" | "blocking" };
  /** The approval chain; the usual one when absent. */
  readonly hooks?: readonly object[];
  /** More arguments for Node itself. */
  readonly nodeArguments?: readonly string[];
}

/** A running Gatehouse. */
export interface Gatehouse {
  readonly process: ServerProcess;
  readonly url: string;
  /** The listener that never asks for a client certificate. */
  readonly bootstrapUrl: string;
  readonly token: string;
  readonly caPem: string;
  readonly dataDirectory: string;
  readonly numbering: Numbering;
}

/** Starts the built server as anybody would run it, with the example rule for unattended joins. */
export async function startGatehouse(settings: GatehouseSettings): Promise<Gatehouse> {
  const { directory, core, nodeArguments = [] } = settings;
  const dataDirectory = mkdtempSync(join(directory, "gatehouse-"));
  // Elsewhere than the data, as in /etc: the server watches the directory of its configuration.
  const configuration = join(mkdtempSync(join(directory, "configuration-")), "gatehouse.yaml");
  const bootstrapPort = await freePort();
  writeFileSync(configuration, configurationText(settings, dataDirectory, bootstrapPort));
  const process_ = await ServerProcess.start({
    command: process.execPath,
    args: [
      ...["--enable-source-maps", `--openssl-config=${OPENSSL_CONFIGURATION}`, ...nodeArguments],
      ...[ENTRY, "serve", "--data-dir", dataDirectory, "--listen", "127.0.0.1:0", "--config", configuration],
    ],
    ready: /^gatehouse ready (https:\S+)$/m,
    ...(core !== undefined && { core }),
  });
  return {
    process: process_,
    url: process_.announced,
    bootstrapUrl: `https://127.0.0.1:${bootstrapPort}`,
    token: tokenIn(join(dataDirectory, "bootstrap.kubeconfig")),
    caPem: readFileSync(join(dataDirectory, "ca.crt"), "utf8"),
    dataDirectory,
    numbering: { next: 0 },
  };
}

/** The rate limits stand out of the way: one address plays a whole cluster here. */
function configurationText(
  { commitDelayMilliseconds = 0, approvesJoins = true, audit, hooks }: GatehouseSettings,
  dataDirectory: string,
  bootstrapPort: number,
): string {
  return JSON.stringify({
    apiVersion: "gatehouse.dev/v1",
    kind: "GatehouseConfiguration",
    server: { bootstrapListen: `127.0.0.1:${bootstrapPort}` },
    rbac: { files: approvesJoins ? [AUTO_APPROVAL] : [] },
    ...(hooks && { approval: { hooks } }),
    ...(audit && { audit: auditSettings(audit, dataDirectory) }),
    limits: { requestsPerSecondPerIdentity: 100_000, requestsPerSecondPerAddress: 100_000 },
    ledger: { commitDelayMilliseconds },
  });
}

function auditSettings({ level, mode }: NonNullable<GatehouseSettings["audit"]>, dataDirectory: string) {
  const policyFile = join(dataDirectory, "audit-policy.yaml");
  writeFileSync(policyFile, JSON.stringify({ apiVersion: "audit.k8s.io/v1", kind: "Policy", rules: [{ level }] }));
  return { policyFile, mode, file: { path: join(dataDirectory, "audit.log") } };
}

function tokenIn(kubeconfig: string): string {
  const token = /token: *["']?([a-z0-9]{6}\.[a-z0-9]{16})/.exec(readFileSync(kubeconfig, "utf8"))?.[1];
  if (token === undefined) throw new Error(`${kubeconfig} holds no bootstrap token`);
  return token;
}
